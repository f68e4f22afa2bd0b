"""The values of the history, and the strict way back from `types.to_json`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from interviewer.types import Grade, Question, Turn, to_json

from .files import StorageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """One interview, with all that is needed to go on with it.

    `plan` holds the ids of the questions chosen, in order. `minutes` is the time limit, None for
    none; `spent_s` the seconds of it that are used up. `options` is JSON data of the caller's.
    Times are ISO 8601 in UTC.
    """

    id: str
    started_at: str
    ended_at: str | None
    mode: str
    plan: tuple[str, ...]
    seed: int
    grader: str
    minutes: int | None = None
    spent_s: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredGrade:
    """One grade of a thread, as it stood once the turn `upto_turn_id` had its reply."""

    id: str
    thread_id: str
    upto_turn_id: str
    created_at: str
    grade: Grade


def grade_from_json(data: object) -> Grade:
    """Read a grade back from what `to_json` made of it. Raises HistoryError."""
    return from_json(Grade, data)


def question_from_json(data: object) -> Question:
    """Read a question back from what `to_json` made of it. Raises HistoryError."""
    return from_json(Question, data)


def from_json(kind: type[T], data: object) -> T:
    """Build the dataclass `kind` from JSON data, every type checked and no field unknown.

    A field that is absent takes its default, so that a new field needs no migration. Raises
    HistoryError naming the field.
    """
    try:
        value: T = _value(kind, data, kind.__name__)
    except (TypeError, ValueError, RecursionError) as fault:
        raise StorageError(
            f"A record of the history cannot be read ({fault}). Run `interviewer doctor`."
        ) from fault
    return value


def session_of(row: sqlite3.Row) -> Session:
    """Read a row of the session table. Raises HistoryError."""
    setup = parsed(row["setup"])
    names = ("id", "started_at", "ended_at", "spent_s")
    data = {name: row[name] for name in names} | {"plan": parsed(row["plan"])}
    return from_json(Session, {**setup, **data} if isinstance(setup, dict) else setup)


def turn_of(row: sqlite3.Row) -> Turn:
    """Read a row of the turn table, less what places it in its thread. Raises HistoryError."""
    return from_json(Turn, {**dict(row), "skipped": row["skipped"] == 1})


def grade_of(row: sqlite3.Row) -> StoredGrade:
    """Read a row of the grade table, less its order and state. Raises HistoryError."""
    return StoredGrade(**{**dict(row), "grade": grade_from_json(parsed(row["grade"]))})


def as_json(value: object) -> str:
    """Write a value of `types` as JSON that a database can hold."""
    return storable(json.dumps(to_json(value), ensure_ascii=False))


def parsed(text: object) -> object:
    """Read JSON; None, which no record is, where it is none."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def storable(text: str) -> str:
    """Replace lone surrogates, which no file can hold, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _value(kind: Any, data: Any, where: str) -> Any:
    if kind is Any:
        return data
    if is_dataclass(kind):
        return _dataclass(kind, data, where)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        inner = next(arg for arg in get_args(kind) if arg is not type(None))
        return None if data is None else _value(inner, data, where)
    if origin is tuple:
        items = _checked(list, data, where)
        return tuple(_value(get_args(kind)[0], item, where) for item in items)
    if origin is Mapping:
        pairs = _checked(dict, data, where).items()
        return {key: _value(get_args(kind)[1], item, where) for key, item in pairs}
    if issubclass(kind, Enum):
        return kind(data)
    if kind is float and type(data) is int:
        return float(data)
    return _checked(kind, data, where)


def _dataclass(kind: Any, data: Any, where: str) -> Any:
    hints = _hints(kind)
    _checked(dict, data, where)
    if unknown := sorted(set(data) - set(hints)):
        raise TypeError(f"{where} has the unknown field {unknown[0]!r}")
    return kind(
        **{name: _value(hints[name], item, f"{where}.{name}") for name, item in data.items()}
    )


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _checked(kind: type, data: Any, where: str) -> Any:
    # bool is an int to isinstance, and True is no score
    if type(data) is not kind:
        raise TypeError(f"{where} is no {kind.__name__}")
    return data
