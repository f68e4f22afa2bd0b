"""A question as plain data under the field names of the bank file, and back.

The way back trusts its input; outside text goes through `schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interviewer.types import Point, Question


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a bank file gives: its questions and the line (from 1) each starts at, or its faults."""

    questions: tuple[Question, ...] = ()
    lines: tuple[int, ...] = ()
    faults: tuple[str, ...] = ()


def to_dict(question: Question) -> dict[str, Any]:
    """Return the question with the keys of a bank entry, all of them, in the file's order."""
    return {
        "id": question.id,
        "topic": question.topic,
        "level": question.level,
        "tags": list(question.tags),
        "question": question.text,
        "answer": question.answer,
        "points": [point_to_dict(point) for point in question.points],
        "deepen": list(question.deepen),
        "sources": list(question.sources),
        "related": list(question.related),
    }


def point_to_dict(point: Point) -> dict[str, Any]:
    """Return the point with the keys of a bank entry's point, all of them, in the file's order."""
    return {
        "id": point.id,
        "says": point.says,
        "also": list(point.also),
        "not": list(point.wrong),
        "probe": point.probe,
        "hint": point.hint,
        "weight": point.weight,
    }


def from_dict(data: Mapping[str, Any], origin: str) -> Question:
    """Return the question that `to_dict` gave this data for; `origin` is the file it stands in."""
    return Question(
        id=data["id"],
        topic=data["topic"],
        level=data["level"],
        text=data["question"],
        answer=data["answer"],
        points=tuple(_point(point) for point in data["points"]),
        deepen=tuple(data["deepen"]),
        tags=tuple(data["tags"]),
        sources=tuple(data["sources"]),
        related=tuple(data["related"]),
        origin=origin,
    )


def _point(data: Mapping[str, Any]) -> Point:
    return Point(
        id=data["id"],
        says=data["says"],
        also=tuple(data["also"]),
        wrong=tuple(data["not"]),
        probe=data["probe"],
        hint=data["hint"],
        weight=data["weight"],
    )
