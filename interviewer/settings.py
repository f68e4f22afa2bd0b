"""Settings and folders: defaults, then `config.toml`, then the environment, then flags."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from .errors import SettingsError

# Names of hosted models stand here and nowhere else; they expire (see docs/models.md).
DEFAULT_MODEL = "gpt-6-luna"
DEFAULT_EMBEDDING_MODEL = "text-embedding-3-small"
EMBEDDED = "embedded"

_VARIABLES = {
    "model": "INTERVIEWER_MODEL",
    "grader": "INTERVIEWER_GRADER",
    "embedding": "INTERVIEWER_EMBEDDING",
    "on_failure": "INTERVIEWER_ON_FAILURE",
    "chroma_url": "INTERVIEWER_CHROMA_URL",
    "timeout_s": "INTERVIEWER_TIMEOUT",
    "api_key": "OPENAI_API_KEY",
    "base_url": "OPENAI_BASE_URL",
}
_SECRET = frozenset({"api_key"})
_CHOICES = {"on_failure": ("embedded", "pending")}


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set.

    `home` holds all data. `grader` is `auto` (the model if there is a key or a base URL, else
    embedded), `embedded`, or a model's name. `embedding` is `embedded` or `openai` or
    `openai:MODEL`. `on_failure` says what a reply gets when the model cannot grade it: the
    embedded grade, or none until `regrade --pending`. `timeout_s` is seconds a model call.
    """

    home: Path
    model: str = DEFAULT_MODEL
    grader: str = "auto"
    embedding: str = EMBEDDED
    on_failure: str = "embedded"
    chroma_url: str = ""
    timeout_s: float = 60.0
    api_key: str = field(default="", repr=False)
    base_url: str = ""

    @property
    def has_model(self) -> bool:
        """Whether a language model can be asked."""
        return bool(self.api_key or self.base_url)

    @property
    def grader_model(self) -> str | None:
        """The model that grades, or None for the embedded grader."""
        if self.grader == EMBEDDED or (self.grader == "auto" and not self.has_model):
            return None
        return self.model if self.grader == "auto" else self.grader

    @property
    def history_file(self) -> Path:
        """The SQLite database of sessions."""
        return self.home / "history.db"

    @property
    def bank_folder(self) -> Path:
        """The user's own bank files."""
        return self.home / "bank"

    @property
    def index_folder(self) -> Path:
        """The Chroma index: a cache, rebuilt from the bank."""
        return self.home / "index"

    @property
    def cache_folder(self) -> Path:
        """Parsed bank files; safe to delete."""
        return self.home / "cache"

    @property
    def reports_folder(self) -> Path:
        """Closing reports as Markdown."""
        return self.home / "reports"

    @property
    def config_file(self) -> Path:
        """The settings file."""
        return self.home / "config.toml"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises SettingsError naming the file or variable and what it may be."""
    home = _home(environ)
    settings = Settings(home=home)
    settings = replace(settings, **_from_file(settings.config_file))
    given: dict[str, Any] = {
        name: _checked(name, environ[variable], variable)
        for name, variable in _VARIABLES.items()
        if environ.get(variable)
    }
    return replace(settings, **given)


def _home(environ: Mapping[str, str]) -> Path:
    if environ.get("INTERVIEWER_HOME"):
        return Path(environ["INTERVIEWER_HOME"]).expanduser()
    from platformdirs import user_data_path

    return user_data_path("interviewer", appauthor=False)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise SettingsError(f"{path}: {fault}. Correct or remove the file.") from fault
    known = {f.name for f in fields(Settings)} - {"home"} - _SECRET
    unknown = sorted(set(found) - known)
    if unknown:
        raise SettingsError(
            f"{path}: unknown setting {', '.join(unknown)}. Known: {', '.join(sorted(known))}."
        )
    return {name: _checked(name, value, str(path)) for name, value in found.items()}


def _checked(name: str, value: object, where: str) -> object:
    if name == "timeout_s":
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= 600:
            raise SettingsError(f"{where}: {name} is {value!r}; use seconds, above 0 to 600.")
        return seconds
    if not isinstance(value, str):
        raise SettingsError(f"{where}: {name} must be text.")
    if name in _CHOICES and value not in _CHOICES[name]:
        choices = ", ".join(_CHOICES[name])
        raise SettingsError(f"{where}: {name} is {value!r}; it must be one of {choices}.")
    return value


def with_choice(settings: Settings, name: str, value: str) -> Settings:
    """Return the settings with one of them as given by a flag. Raises SettingsError."""
    given: Any = {name: _checked(name, value, f"--{name.replace('_', '-')}")}
    return replace(settings, **given)
