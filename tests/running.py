"""Run the real program in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = (sys.executable, "-m", "interviewer")


def environment(home: Path, **extra: str) -> dict[str, str]:
    """Return an environment in which only `home` is used."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI_",))}
    return kept | {"INTERVIEWER_HOME": str(home), "HOME": str(home.parent), "COLUMNS": "80"} | extra


def run(
    *arguments: str, home: Path, given: str | bytes = "", timeout: float = 90, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, `given` being its standard input."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        env=environment(home, **extra),
        timeout=timeout,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
