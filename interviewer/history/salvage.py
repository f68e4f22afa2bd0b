"""Copies what can still be read of a damaged history into a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from interviewer.errors import HistoryError

from . import files, schema
from .store import History

_TABLES = ("session", "thread", "turn", "grade", "draft")
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
_ORDERS = ("ASC", "DESC")  # from both ends, up to where the damage begins


def salvage(path: Path, into: Path) -> int:
    """Copy the readable rows of `path` to the new file `into`; return how many replies they hold.

    `path` is only read. Rows whose session or thread is lost are left out. Raises HistoryError
    where `into` is there already, or where not even the list of tables can be read.
    """
    if into.exists():
        raise HistoryError(f"{into} is there already. Choose a name for a new file.")
    with files.translated(path), closing(files.connect(path, "ro")) as source:
        schema.version_of(source)
        History.open(into).close()
        with files.translated(into), closing(files.connect(into, "rw")) as target:
            target.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                for row in _rows(source, table):
                    _copy(target, table, row)
            _drop_orphans(target)
            target.execute("COMMIT")
            count: int = target.execute("SELECT count(reply) FROM turn").fetchone()[0]
    return count


def _rows(source: sqlite3.Connection, table: str) -> Iterator[dict[str, object]]:
    for rowid in _rowids(source, table):
        with suppress(*_DAMAGE):
            query = f"SELECT * FROM {table} WHERE rowid = ?"  # noqa: S608
            yield from (dict(row) for row in source.execute(query, (rowid,)))


def _rowids(source: sqlite3.Connection, table: str) -> list[int]:
    found: dict[int, None] = {}
    for order in _ORDERS:
        with suppress(*_DAMAGE):
            # NOT INDEXED, as an index can be whole where the table is not
            query = f"SELECT rowid FROM {table} NOT INDEXED ORDER BY rowid {order}"  # noqa: S608
            for row in source.execute(query):
                found[row[0]] = None
    return sorted(found)


def _copy(target: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    with suppress(sqlite3.IntegrityError):
        target.execute(
            f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608
            tuple(row.values()),
        )


def _drop_orphans(target: sqlite3.Connection) -> None:
    while lost := target.execute("PRAGMA foreign_key_check").fetchall():
        for row in lost:
            target.execute(f"DELETE FROM {row['table']} WHERE rowid = ?", (row["rowid"],))  # noqa: S608
