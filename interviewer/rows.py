"""Read the JSON rows that `grade --batch` and `evaluate` take: a reply and its question.

A row is foreign data: what is wrong with it is a DataError for that row alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .bank import Bank
from .bank.drafting import draft_points
from .errors import DataError
from .types import Ask, Point, Question, Thread, Turn

LARGEST = 2_000_000_000  # bytes
LONGEST_LINE = 5_000_000  # characters


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Return each line that is not blank with its number. Raises DataError for the whole file."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError) as fault:
        raise DataError(f"Cannot read {path}: {fault}. It must be JSON lines in UTF-8.") from fault


def parse(line: str) -> dict[str, Any]:
    """Return the row that a line holds. Raises DataError."""
    if len(line) > LONGEST_LINE:
        raise DataError("the line is longer than 5 million characters")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise DataError(f"not JSON: {fault}") from fault
    if not isinstance(row, dict):
        raise DataError("not a JSON object")
    return row


def question(row: Mapping[str, Any], bank: Bank | None = None) -> Question:
    """Return the question of a row: from the bank by `question_id`, or made of the row itself.

    Raises DataError or NotFoundError.
    """
    if bank is not None and row.get("question_id") and "reference_answer" not in row:
        return bank.get(_text(row, "question_id"))
    return made(_text(row, "question"), _text(row, "reference_answer"), row.get("points"))


def made(text: str, reference: str, points: object = None) -> Question:
    """Return a question that stands in no bank; its points are drafted where none are given.

    `points` are strings, or objects as in the bank file. Raises DataError.
    """
    if not reference.strip():
        raise DataError("reference_answer is empty")
    drafted = draft_points(reference, text) if points is None else _points(points)
    if not drafted:
        raise DataError("no point can be drawn from reference_answer")
    return Question("given", "general", 2, text, reference, drafted)


def thread(found: Question, reply: str) -> Thread:
    """Return a thread of one turn: the question and this reply to it."""
    return Thread(found.id, found, (Turn("1", Ask.QUESTION, found.text, reply=reply),))


def reply(row: Mapping[str, Any]) -> str:
    """Return the reply of a row; it may be empty. Raises DataError."""
    found = row.get("reply")
    if not isinstance(found, str):
        raise DataError("reply is missing or not text")
    return found


def _points(points: object) -> tuple[Point, ...]:
    if not isinstance(points, list) or not points:
        raise DataError("points must be a list that is not empty")
    return tuple(_point(point, number) for number, point in enumerate(points, 1))


def _point(found: object, number: int) -> Point:
    if isinstance(found, str):
        found = {"says": found}
    if not isinstance(found, dict):
        raise DataError(f"points {number}: must be text or an object with “says”")
    weight = found.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= 3:
        raise DataError(f"points {number}: weight must be 1, 2 or 3")
    return Point(
        id=str(found.get("id", f"p{number}")),
        says=_text(found, "says"),
        also=_texts(found, "also"),
        wrong=_texts(found, "not"),
        weight=weight,
    )


def _text(row: Mapping[str, Any], key: str) -> str:
    found = row.get(key)
    if not isinstance(found, str) or not found.strip():
        raise DataError(f"{key} is missing or empty")
    return found


def _texts(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = row.get(key, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise DataError(f"{key} must be a list of texts")
    return tuple(found)
