"""Reads and writes the history. A method that writes has committed, and synced, when it returns."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from interviewer.errors import HistoryError, NotFoundError
from interviewer.types import Ask, Grade, Question, Thread, Turn

from . import files, schema
from .records import (
    Session,
    StoredGrade,
    as_json,
    grade_of,
    parsed,
    question_from_json,
    session_of,
    storable,
    turn_of,
)

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_COUNTS = "reply <> '' AND ask <> 'deepen'"  # as Thread.replies has it
_TURN = "id, ask, text, point_id, reply, skipped, asked_at, replied_at"


def _now() -> datetime:
    return datetime.now().astimezone()


class History:
    """The open database: a context manager, safe to share between threads.

    `clock` gives an aware time (its zone is the one in session ids), `random_bytes` the bytes that
    ids are made of. Every method raises HistoryError where the database or the disk fails, and
    NotFoundError where an id is unknown.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        path: Path,
        clock: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.path = path
        self._db = db
        self._clock = clock
        self._random_bytes = random_bytes
        self._identity = files.identity(path)
        self._lock = RLock()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Callable[[], datetime] = _now,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> History:
        """Open the database, made or brought up to date where needed.

        Raises HistoryError, with the file unchanged, where it is damaged, foreign, made by a newer
        version, or may not be written.
        """
        files.prepare(path)
        with files.translated(path):
            if files.unfinished(path):
                _inspect(path)
            db = files.connect(path, "rw")
            try:
                _make_ready(db, path)
            except BaseException:
                db.close()
                raise
        files.keep_ballast(path)
        return cls(db, path, clock, random_bytes)

    def close(self) -> None:
        """Close the database; again is harmless."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Sessions

    def start_session(
        self,
        *,
        mode: str,
        plan: Sequence[str],
        seed: int,
        grader: str,
        minutes: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Session:
        """Begin an interview. `options` must be JSON data."""
        setup = {"mode": mode, "seed": seed, "grader": grader, "minutes": minutes}
        with self._writing() as db:
            known = self._session_ids()
            while (session_id := self._session_id()) in known:
                pass
            db.execute(
                "INSERT INTO session (id, started_at, setup, plan) VALUES (?, ?, ?, ?)",
                (
                    session_id,
                    self._time(),
                    as_json({**setup, "options": options or {}}),
                    as_json(plan),
                ),
            )
            return self.session(session_id)

    def save_progress(self, session_id: str, *, plan: Sequence[str], spent_s: float) -> Session:
        """Keep where an interview stands: the questions chosen, and the seconds used up."""
        with self._writing() as db:
            self.session(session_id)
            db.execute(
                "UPDATE session SET plan = ?, spent_s = ? WHERE id = ?",
                (as_json(plan), spent_s, session_id),
            )
            return self.session(session_id)

    def end_session(self, session_id: str) -> Session:
        """Mark an interview as over; the first time counts."""
        with self._writing() as db:
            self.session(session_id)
            db.execute(
                "UPDATE session SET ended_at = ? WHERE id = ? AND ended_at IS NULL",
                (self._time(), session_id),
            )
            return self.session(session_id)

    def session(self, session_id: str) -> Session:
        """Return one session. Raises NotFoundError naming the nearest ids."""
        for row in self._read("SELECT * FROM session WHERE id = ?", session_id):
            return session_of(row)
        raise NotFoundError.near("session", session_id, self._session_ids())

    def sessions(self, limit: int | None = None) -> list[Session]:
        """Return the sessions, the newest first."""
        # A negative limit is none to SQLite
        rows = self._read(
            "SELECT * FROM session ORDER BY seq DESC LIMIT ?", -1 if limit is None else limit
        )
        return [session_of(row) for row in rows]

    def latest_unfinished(self) -> Session | None:
        """Return the newest session that has not ended, None where there is none."""
        query = "SELECT * FROM session WHERE ended_at IS NULL ORDER BY seq DESC LIMIT 1"
        return next((session_of(row) for row in self._read(query)), None)

    @contextmanager
    def lease(self, session_id: str) -> Iterator[Session]:
        """Hold a session for this process alone; the system lets go of it when the process dies.

        Raises HistoryError naming the process that holds it.
        """
        from filelock import FileLock, Timeout

        session = self.session(session_id)
        folder = self.path.parent / "locks"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            lock = FileLock(folder / f"{session.id}.lock", mode=0o600, thread_local=False)
            lock.acquire(timeout=0)
        except Timeout:
            rows = self._read("SELECT held_by FROM session WHERE id = ?", session_id)
            holder = rows[0]["held_by"] or "just started"
            raise HistoryError(
                f"Session {session_id} is open in another window (process {holder}). Go on there,"
                " or close it first; `interviewer practice` starts a new one."
            ) from None
        except OSError as fault:
            raise HistoryError(f"{folder} cannot be written ({fault.strerror}).") from fault
        try:
            with self._writing() as db:
                db.execute("UPDATE session SET held_by = ? WHERE id = ?", (os.getpid(), session_id))
            yield session
        finally:
            lock.release()

    # Threads and turns

    def add_thread(self, session_id: str, position: int, question: Question) -> Thread:
        """Open the thread of a question, kept as it is now. `position` counts from 0.

        Again with the same question gives the thread that is there.
        """
        with self._writing() as db:
            self.session(session_id)
            query = "SELECT id FROM thread WHERE session_id = ? AND position = ?"
            for row in self._read(query, session_id, position):
                there = self.thread(row["id"])
                if there.question.id != question.id:
                    raise HistoryError(
                        f"Question {position} of session {session_id} is there already:"
                        f" “{there.question.id}”."
                    )
                return there
            thread_id = self._id()
            db.execute(
                "INSERT INTO thread (id, session_id, position, question_id, question)"
                " VALUES (?, ?, ?, ?, ?)",
                (thread_id, session_id, position, question.id, as_json(question)),
            )
            return self.thread(thread_id)

    def add_turn(
        self,
        thread_id: str,
        ask: Ask,
        text: str,
        point_id: str | None = None,
        *,
        turn_id: str | None = None,
    ) -> Turn:
        """Keep what is about to be asked, before it is shown.

        With a `turn_id` of the caller's, again gives the turn that is there.
        """
        with self._writing() as db:
            self._known("thread", thread_id)
            turn_id = turn_id or self._id()
            db.execute(
                "INSERT INTO turn (id, thread_id, number, ask, text, point_id, asked_at)"
                " SELECT ?, ?, (SELECT count(*) + 1 FROM turn WHERE thread_id = ?), ?, ?, ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM turn WHERE id = ?)",
                (
                    turn_id,
                    thread_id,
                    thread_id,
                    ask,
                    storable(text),
                    point_id,
                    self._time(),
                    turn_id,
                ),
            )
            return self.turn(turn_id)

    def record_reply(self, turn_id: str, text: str) -> Turn:
        """Keep a reply, and return the turn as stored; its draft is done with.

        Again with the same text changes nothing. Characters that no file can hold (lone
        surrogates) become U+FFFD. When the disk fails, reserved space is freed; if that does not
        help, the reply goes to a file elsewhere and HistoryError names it. A reply to a turn that
        was skipped, or has another reply, is a HistoryError too.
        """
        text = storable(text)
        try:
            try:
                return self._settle(turn_id, text)
            except files.StorageError as fault:
                if not fault.full:
                    raise
                files.drop_ballast(self.path)
                return self._settle(turn_id, text)
        except files.StorageError as fault:
            raise _rescued(text, fault) from fault

    def record_skip(self, turn_id: str) -> Turn:
        """Mark a turn as skipped; again changes nothing. HistoryError where it has a reply."""
        return self._settle(turn_id, None)

    def turn(self, turn_id: str) -> Turn:
        """Return one turn."""
        self._known("turn", turn_id)
        return turn_of(self._read(f"SELECT {_TURN} FROM turn WHERE id = ?", turn_id)[0])  # noqa: S608

    def thread(self, thread_id: str) -> Thread:
        """Return one thread with all its turns."""
        self._known("thread", thread_id)
        row = self._read("SELECT id, question FROM thread WHERE id = ?", thread_id)[0]
        # By number, as a clock may be set back
        turns = self._read(
            f"SELECT {_TURN} FROM turn WHERE thread_id = ? ORDER BY number",  # noqa: S608
            thread_id,
        )
        question = question_from_json(parsed(row["question"]))
        return Thread(row["id"], question, tuple(turn_of(turn) for turn in turns))

    def threads(self, session_id: str) -> list[Thread]:
        """Return the threads of a session in the order they were asked."""
        with self._lock:
            self.session(session_id)
            rows = self._read(
                "SELECT id FROM thread WHERE session_id = ? ORDER BY position", session_id
            )
            return [self.thread(row["id"]) for row in rows]

    def times_asked(self) -> dict[str, int]:
        """Return how many sessions asked each question, by id; those never asked are not in it."""
        query = "SELECT question_id, count(DISTINCT session_id) FROM thread GROUP BY question_id"
        return {str(row[0]): row[1] for row in self._read(query)}

    # Drafts

    def save_draft(self, turn_id: str, text: str) -> None:
        """Keep what is being typed. It survives the end of the process, but not always a power cut.

        Nothing is kept for a turn that is settled already.
        """
        # Without the sync a save costs little enough to be made at every pause in typing
        with self._writing(synchronous="NORMAL") as db:
            self._known("turn", turn_id)
            db.execute(
                "INSERT OR REPLACE INTO draft (turn_id, text)"
                " SELECT id, ? FROM turn WHERE id = ? AND reply IS NULL AND skipped = 0",
                (storable(text), turn_id),
            )

    def draft(self, turn_id: str) -> str | None:
        """Return what was being typed for a turn, None where there is nothing."""
        rows = self._read("SELECT text FROM draft WHERE turn_id = ?", turn_id)
        return str(rows[0]["text"]) if rows else None

    # Grades

    def add_grade(self, thread_id: str, upto_turn_id: str, grade: Grade) -> StoredGrade:
        """Add a grade, graded or not, of a thread up to one of its turns; earlier ones stay."""
        with self._writing() as db:
            if upto_turn_id not in (turn.id for turn in self.thread(thread_id).turns):
                raise NotFoundError(f"Thread “{thread_id}” has no turn “{upto_turn_id}”.")
            grade_id = self._id()
            db.execute(
                "INSERT INTO grade (id, thread_id, upto_turn_id, created_at, state, grade)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    grade_id,
                    thread_id,
                    upto_turn_id,
                    self._time(),
                    "graded" if grade.graded else "ungraded",
                    as_json(grade),
                ),
            )
            return next(stored for stored in self.grades(thread_id) if stored.id == grade_id)

    def grades(self, thread_id: str) -> tuple[StoredGrade, ...]:
        """Return all the grades of a thread, the oldest first."""
        self._known("thread", thread_id)
        rows = self._read(
            "SELECT id, thread_id, upto_turn_id, created_at, grade FROM grade"
            " WHERE thread_id = ? ORDER BY seq",
            thread_id,
        )
        return tuple(grade_of(row) for row in rows)

    def pending(self) -> list[tuple[str, Thread]]:
        """Return the threads to be graded, the oldest first, each with its session's id.

        They have a reply that counts, and their latest grade is missing, ungraded, or older than
        that reply.
        """
        rows = self._read(
            f"""SELECT thread.session_id, thread.id FROM thread
            JOIN (SELECT thread_id, max(number) AS number FROM turn
                WHERE {_COUNTS} GROUP BY thread_id) AS said ON said.thread_id = thread.id
            LEFT JOIN grade ON grade.seq =
                (SELECT max(seq) FROM grade WHERE grade.thread_id = thread.id)
            LEFT JOIN turn AS upto ON upto.id = grade.upto_turn_id
            WHERE grade.seq IS NULL OR grade.state = 'ungraded' OR upto.number < said.number
            ORDER BY thread.seq"""  # noqa: S608
        )
        return [(row["session_id"], self.thread(row["id"])) for row in rows]

    # Below

    def _settle(self, turn_id: str, reply: str | None) -> Turn:
        with self._writing() as db:
            turn = self.turn(turn_id)
            if turn.reply is None and not turn.skipped:
                db.execute(
                    "UPDATE turn SET reply = ?, skipped = ?, replied_at = ? WHERE id = ?",
                    (reply, reply is None, self._time(), turn_id),
                )
                db.execute("DELETE FROM draft WHERE turn_id = ?", (turn_id,))
                return self.turn(turn_id)
            if turn.reply != reply:
                state = "was skipped" if turn.skipped else "has another reply"
                raise HistoryError(f"Turn “{turn_id}” {state} already; it was left as it is.")
            return turn

    @contextmanager
    def _writing(self, synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
        with self._lock, files.translated(self.path):
            if files.identity(self.path) != self._identity:
                raise files.StorageError(
                    f"{self.path} was deleted or replaced while it was in use. Start again."
                )
            self._db.execute(f"PRAGMA synchronous = {synchronous}")
            try:
                # Immediate, as a read that turns into a write fails where another has written
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                files.roll_back(self._db)
                raise

    def _read(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock, files.translated(self.path):
            return self._db.execute(query, values).fetchall()

    def _known(self, table: str, wanted: str) -> None:
        if not self._read(f"SELECT 1 FROM {table} WHERE id = ?", wanted):  # noqa: S608
            raise NotFoundError(f"No {table} “{wanted}”.")

    def _session_ids(self) -> set[str]:
        return {str(row["id"]) for row in self._read("SELECT id FROM session")}

    def _session_id(self) -> str:
        tail = "".join(_LETTERS[byte % len(_LETTERS)] for byte in self._random_bytes(3))
        return f"{self._clock():%Y%m%d-%H%M}-{tail}"

    def _id(self) -> str:
        return self._random_bytes(16).hex()

    def _time(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds")


def _inspect(path: Path) -> None:
    # Read-only, because closing an ordinary connection would write the log into the database
    db = files.connect(path, "ro")
    try:
        schema.version_of(db)
        schema.check(db)
    finally:
        db.close()


def _make_ready(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA trusted_schema = OFF")
    schema.version_of(db)
    schema.check(db)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    schema.migrate(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    # The first read makes the log file, which belongs to the identity of the database
    schema.version_of(db)


def _rescued(reply: str, fault: HistoryError) -> HistoryError:
    try:
        kept = files.rescue(reply)
    except OSError:
        return HistoryError(f"{fault} Your reply could not be saved: copy it before you leave.")
    return HistoryError(f"{fault} Your reply is kept in {kept}.")
