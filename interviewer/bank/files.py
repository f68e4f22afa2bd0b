"""Find bank files and read their bytes, refusing what cannot be one."""

from __future__ import annotations

import stat
from pathlib import Path

from interviewer.errors import BankError

SUFFIXES = (".yaml", ".yml")
LARGEST = 10_000_000  # bytes


def find(folder: Path) -> list[Path]:
    """Return the bank files of `folder` by name, hidden ones left out; none if it does not exist.

    Raises BankError if the folder cannot be listed.
    """
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    except FileNotFoundError:
        return []
    except OSError as fault:
        raise BankError(
            [f"{folder}: {fault.strerror}; check the folder and its rights."]
        ) from fault
    return sorted(path for path in found if not path.name.startswith("."))


def read(path: Path) -> bytes:
    """Return the bytes of a bank file of up to 10 MB. Raises BankError with one line."""
    if path.suffix.lower() not in SUFFIXES:
        raise BankError([f"{path}: not a bank file; its name must end in .yaml or .yml."])
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise BankError([f"{path}: a folder, not a bank file; rename or move it."])
        if not stat.S_ISREG(mode):  # a pipe would block for ever
            raise BankError([f"{path}: not a plain file; remove it."])
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as fault:
        raise BankError(
            [f"{path}: cannot be read ({fault.strerror}); check that it exists and its rights."]
        ) from fault
    if len(data) > LARGEST:
        raise BankError([f"{path}: larger than 10 MB; split it into several files."])
    return data
