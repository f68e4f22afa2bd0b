"""The history's files: who may read them, what a fault of the disk means, and where a reply goes
when the database cannot take it."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from interviewer.errors import HistoryError

BUSY_WAIT_S = 20.0
BALLAST_BYTES = 1 << 20
_SMALLEST_PAGE = 512

_FULL = ("SQLITE_FULL", "SQLITE_IOERR")
_DENIED = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")


class StorageError(HistoryError):
    """The database or the disk below it failed; `full` where free space may be all it needs."""

    def __init__(self, message: str, *, full: bool = False) -> None:
        self.full = full
        super().__init__(message)


def prepare(path: Path) -> None:
    """Make the folder (0700) and the file (0600), so that SQLite never makes them wider.

    The -wal and -shm files take their mode from the database. A folder that is already there
    keeps its mode, as it may hold other things. Raises StorageError.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise StorageError(f"{path} is not a file. Move it aside.")
        if found.st_mode & 0o077:
            path.chmod(0o600)
        # SQLite takes a file below its smallest page for an empty one, and overwrites it
        if 0 < found.st_size < _SMALLEST_PAGE:
            raise damaged(str(path), f"it has {found.st_size} bytes only")
        # SQLite throws a journal away when the database beside it is empty
        if found.st_size == 0 and unfinished(path):
            raise damaged(str(path), "it is empty, and its -wal file is not")
    except OSError as fault:
        raise _denied(str(path), fault.strerror or str(fault)) from fault


def unfinished(path: Path) -> bool:
    """Return whether there is a write-ahead log: the file is open elsewhere, or was not closed."""
    try:
        return _log(path).stat().st_size > 0
    except OSError:
        return False


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open the database, `mode` is `ro` or `rw`; it is never created here."""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_WAIT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    db.row_factory = sqlite3.Row
    return db


def identity(path: Path) -> tuple[object, ...]:
    """Return what changes when the database or its log is deleted or replaced."""
    return tuple(_inode(file) for file in (path, _log(path)))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StorageError; misuse of the module stays what it is."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as fault:
        raise _meaning(str(path), fault) from fault
    except UnicodeDecodeError as fault:  # from the sqlite3 module, at a name that is damaged
        raise damaged(str(path), str(fault)) from fault


def roll_back(db: sqlite3.Connection) -> None:
    """End the open transaction, if SQLite has not done so itself."""
    with suppress(sqlite3.Error):
        if db.in_transaction:
            db.execute("ROLLBACK")


def back_up(db: sqlite3.Connection, path: Path, copy: Path) -> None:
    """Copy the database (0600), all of it or nothing. Raises StorageError."""
    half = copy.with_name(f"{copy.name}.part")
    try:
        half.unlink(missing_ok=True)
        prepare(half)
        with translated(half), closing(connect(half, "rw")) as target:
            db.backup(target)
        os.replace(half, copy)
    except OSError as fault:
        raise _denied(str(copy), fault.strerror or str(fault)) from fault


def keep_ballast(path: Path) -> None:
    """Hold a little space in reserve beside the database, where there is any."""
    ballast = _ballast(path)
    try:
        if ballast.exists() and ballast.stat().st_size == BALLAST_BYTES:
            return
        with open(os.open(ballast, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            # random bytes, as a file system that compresses gives nothing back for zeros
            file.write(os.urandom(BALLAST_BYTES))
    except OSError:
        drop_ballast(path)


def drop_ballast(path: Path) -> None:
    """Give the reserve back to the disk."""
    with suppress(OSError):
        _ballast(path).unlink(missing_ok=True)


def rescue(reply: str) -> Path:
    """Write a reply to a file (0600) in the system's folder for temporary files. Raises OSError."""
    import tempfile

    handle, name = tempfile.mkstemp(prefix="interviewer-reply-", suffix=".txt")
    with open(handle, "w", encoding="utf-8", newline="") as file:
        file.write(reply)
        file.flush()
        os.fsync(handle)
    return Path(name)


def damaged(path: str, detail: str) -> StorageError:
    """Say that a file is damaged and what can be done about it."""
    return StorageError(
        f"{path} is damaged ({detail}). It was left as it is: `interviewer doctor` tells what can"
        " still be read. To start a new history, move it aside with its -wal file."
    )


def _meaning(path: str, fault: sqlite3.Error) -> StorageError:
    # Python's own errors, such as text that is not UTF-8, have no name
    name = getattr(fault, "sqlite_errorname", "")
    if name.startswith(_FULL):
        return StorageError(
            f"{path} cannot be written ({fault}): the disk is full or failing.", full=True
        )
    if name.startswith(_DENIED):
        return _denied(path, str(fault))
    if name.startswith(_BUSY):
        return StorageError(
            f"{path} is in use by another program ({fault}). Close it and try again."
        )
    return damaged(path, str(fault))


def _denied(path: str, detail: str) -> StorageError:
    return StorageError(
        f"{path} cannot be opened for writing ({detail}). Give yourself access to it and its"
        " folder, or choose another folder with INTERVIEWER_HOME."
    )


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _ballast(path: Path) -> Path:
    return path.with_name(f"{path.stem}.ballast")


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
