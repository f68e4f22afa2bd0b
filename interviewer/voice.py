"""Say the interviewer's words aloud through a speech program of the system; hearing is not here."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence

from .errors import SettingsError

# Each reads the words from standard input, so that no text can be taken for an option.
PROGRAMS: tuple[tuple[str, ...], ...] = (
    ("say", "-f", "-"),
    ("espeak-ng", "--stdin"),
    ("espeak", "--stdin"),
    ("spd-say", "--wait", "--pipe-mode"),
)


class Voice:
    """Speaks through one program, one text at a time; a new text cuts the old one off."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._speaking: subprocess.Popen[bytes] | None = None

    def speak(self, text: str) -> None:
        """Begin to say the text and return. Raises SettingsError if the program cannot run."""
        self.stop()
        try:
            self._speaking = subprocess.Popen(  # noqa: S603 - a program found on the user's path
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            assert self._speaking.stdin is not None
            self._speaking.stdin.write(text.encode("utf-8", "replace"))
            self._speaking.stdin.close()
        except OSError as fault:
            raise SettingsError(
                f"{self._command[0]} cannot speak: {fault.strerror}. Leave --voice out."
            ) from fault

    def stop(self) -> None:
        """Be silent."""
        if self._speaking is not None:
            self._speaking.terminate()
            self._speaking.wait()
            self._speaking = None


def find(which: Callable[[str], str | None] = shutil.which) -> Voice:
    """Return a voice with the first speech program there is. Raises SettingsError if none is."""
    for command in PROGRAMS:
        path = which(command[0])
        if path is not None:
            return Voice((path, *command[1:]))
    names = ", ".join(command[0] for command in PROGRAMS)
    raise SettingsError(f"--voice needs a speech program. Install one of: {names}.")
