"""Find and fill the texts in `prompts/`: Markdown a person can read, with `$name` variables."""

from __future__ import annotations

import hashlib
from pathlib import Path
from string import Template

from .errors import PromptError


def data_folder(name: str) -> Path:
    """Return the folder of shipped data called `name`: inside the wheel, or beside the package."""
    package = Path(__file__).resolve().parent
    inside = package / "_data" / name
    return inside if inside.is_dir() else package.parent / name


def text(name: str) -> str:
    """Return the prompt file `name` as it stands. Raises PromptError if it cannot be read."""
    path = data_folder("prompts") / name
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise PromptError(
            f"Cannot read the prompt {path}: {fault}. Reinstall, or restore it."
        ) from fault


def render(name: str, **values: str) -> str:
    """Fill the variables of the prompt `name`; a `$` inside a value stays as it is.

    Raises PromptError naming every variable that is missing or not used.
    """
    template = Template(text(name))
    wanted = set(template.get_identifiers())
    wrong = sorted(wanted.symmetric_difference(values))
    if wrong or not template.is_valid():
        raise PromptError(f"The prompt {name} does not fit its variables: {', '.join(wrong)}.")
    return template.substitute(values)


def fingerprint(*names: str) -> str:
    """Return a short hash of these prompt files, to be kept with what they produced."""
    joined = "\0".join(text(name) for name in names)
    return hashlib.sha256(joined.encode()).hexdigest()[:12]
