"""The tables of the history database, how they came to be, and what makes a file one of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from interviewer.errors import HistoryError

from . import files

APPLICATION_ID = 0x49565752  # "IVWR" in the file's header

Migration = Callable[[sqlite3.Connection], None]


def _first(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(
        """CREATE TABLE session (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            setup TEXT NOT NULL,  -- JSON: mode, seed, grader, minutes, options
            plan TEXT NOT NULL,   -- JSON: question ids
            spent_s REAL NOT NULL DEFAULT 0,
            held_by INTEGER       -- the process that holds or last held the lease
        )"""
    )
    db.execute(
        """CREATE TABLE thread (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            session_id TEXT NOT NULL REFERENCES session (id),
            position INTEGER NOT NULL,
            question_id TEXT NOT NULL,
            question TEXT NOT NULL,  -- JSON: the question as it was when it was asked
            UNIQUE (session_id, position)
        )"""
    )
    db.execute(
        """CREATE TABLE turn (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            thread_id TEXT NOT NULL REFERENCES thread (id),
            number INTEGER NOT NULL,
            ask TEXT NOT NULL,
            text TEXT NOT NULL,
            point_id TEXT,
            asked_at TEXT NOT NULL,
            reply TEXT,
            skipped INTEGER NOT NULL DEFAULT 0 CHECK (skipped IN (0, 1)),
            replied_at TEXT,
            UNIQUE (thread_id, number),
            CHECK (reply IS NULL OR skipped = 0)
        )"""
    )
    db.execute(
        """CREATE TABLE grade (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            thread_id TEXT NOT NULL REFERENCES thread (id),
            upto_turn_id TEXT NOT NULL REFERENCES turn (id),
            created_at TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('graded', 'ungraded')),
            grade TEXT NOT NULL  -- JSON
        )"""
    )
    db.execute("CREATE INDEX grade_of_thread ON grade (thread_id, seq)")
    db.execute(
        """CREATE TABLE draft (
            turn_id TEXT PRIMARY KEY REFERENCES turn (id),
            text TEXT NOT NULL
        )"""
    )


# Number n (from 1) takes a database from version n-1 to n. Released ones are never edited.
MIGRATIONS: tuple[Migration, ...] = (_first,)


def version_of(db: sqlite3.Connection) -> int:
    """Return the schema version of a database, 0 for an empty one.

    Raises HistoryError where it is not a history, or is newer than this program.
    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    tables: int = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    empty = version == 0 and tables == 0
    if not empty and db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise HistoryError(
            f"{_file(db)} is not a history of this program. It was left as it is; move it aside."
        )
    if version > len(MIGRATIONS):
        raise HistoryError(
            f"{_file(db)} was made by a newer version of this program (schema {version}, this"
            f" one knows {len(MIGRATIONS)}). Nothing was changed; upgrade the program."
        )
    return version


def check(db: sqlite3.Connection) -> None:
    """Raise StorageError where the file is damaged or rows are missing: about 1 ms a megabyte."""
    # integrity_check rather than quick_check, which does not hold the indexes against the tables
    found: str = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found == "ok" and (orphan := db.execute("PRAGMA foreign_key_check").fetchone()):
        found = f"a {orphan['table']} has lost its {orphan['parent']}"
    if found != "ok":
        # SQLite spreads what it found over several lines
        raise files.damaged(_file(db), " ".join(found.split()))


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the database up to date in one transaction, after a copy of an older one."""
    version = version_of(db)
    if version == len(MIGRATIONS):
        return
    if version > 0:
        files.back_up(db, path, path.with_name(f"{path.name}.v{version}"))
    try:
        db.execute("BEGIN EXCLUSIVE")
        # Another process may have been quicker
        for migration in MIGRATIONS[version_of(db) :]:
            migration(db)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")
    except BaseException:
        files.roll_back(db)
        raise


def _file(db: sqlite3.Connection) -> str:
    return str(db.execute("PRAGMA database_list").fetchone()[2])
