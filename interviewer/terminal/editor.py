"""Write a reply in the candidate's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from interviewer.errors import DataError


def edit_in_editor(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Open $VISUAL or $EDITOR with `text` and return what was saved.

    The file can be read by its owner only, and is removed afterwards with whatever the editor
    leaves beside it. Raises DataError if there is no editor, or it fails; the text is then as it
    was.
    """
    command = environ.get("VISUAL") or environ.get("EDITOR") or ""
    try:
        words = shlex.split(command)
    except ValueError as fault:
        raise DataError(f"EDITOR is “{command}”, which is no command: {fault}.") from fault
    if not words:
        raise DataError("No editor is set. Set EDITOR, for example to nano, or type the reply.")
    try:
        with tempfile.TemporaryDirectory(prefix="interviewer-") as folder:
            return _edited(words, Path(folder) / "reply.md", text)
    except OSError as fault:
        raise DataError(
            f"The editor “{command}” cannot be run: {fault.strerror or fault}. Set EDITOR to one "
            "that can."
        ) from fault


def _edited(words: list[str], path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8", errors="replace")
    # The command is the candidate's own setting, run on the candidate's own machine.
    done = subprocess.run([*words, str(path)], check=False)  # noqa: S603
    if done.returncode != 0:
        raise DataError(
            f"The editor “{words[0]}” ended with code {done.returncode}; the reply is unchanged."
        )
    return path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
