"""The strict form of a bank entry: outside data in, a `Question` out, every fault in words.

Home of pydantic in this package; import it only when there is something to check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import (  # noqa: TID253 - imported lazily by its callers
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from interviewer.errors import BankError
from interviewer.types import Point, Question

from .drafting import draft_points
from .form import to_dict as to_dict
from .words import SLUG_LENGTH, SLUG_PATTERN

DEFAULT_TOPIC = "general"
DEFAULT_LEVEL = 2

# Bidirectional overrides and marks reorder what a terminal shows; the rest breaks YAML or lines.
_REFUSED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ufeff\ufffe\uffff]"
)
_RANGES = {"level": "1 to 5", "weight": "1 to 3"}

Location = tuple[str | int, ...]


def refused_character(text: str) -> str | None:
    """Return the first character that no bank text may hold, such as a terminal escape, or None."""
    found = _REFUSED.search(text)
    return found.group() if found else None


def _block(value: object) -> object:
    if not isinstance(value, str):
        return value
    char = refused_character(value)
    if char is not None:
        raise PydanticCustomError(
            "control", f"holds the control character U+{ord(char):04X}; remove it"
        )
    text = value.strip()
    if text and not any(char.isalnum() for char in text):
        raise PydanticCustomError("wordless", "has no letter or digit; write it in words")
    return text


def _line(value: object) -> object:
    value = _block(value)
    return " ".join(value.split()) if isinstance(value, str) else value


def _text(longest: int) -> Any:
    return StringConstraints(strict=True, min_length=1, max_length=longest)


_Slug = Annotated[
    str, StringConstraints(strict=True, pattern=SLUG_PATTERN, min_length=1, max_length=SLUG_LENGTH)
]
_Sentence = Annotated[str, _text(400), BeforeValidator(_line)]
_Short = Annotated[str, _text(40), BeforeValidator(_line)]
_STRICT = ConfigDict(extra="forbid", strict=True, populate_by_name=False, title=None)


class PointEntry(BaseModel):
    """One key point of a reference answer."""

    model_config = _STRICT

    id: _Slug = Field(description="Slug, unique within the question.")
    says: _Sentence = Field(description="The claim, in one sentence.")
    also: list[_Sentence] = Field(
        default=[], max_length=20, description="Other ways people say it."
    )
    wrong: list[_Sentence] = Field(
        default=[], max_length=20, alias="not", description="The wrong versions people say."
    )
    probe: _Sentence | None = Field(
        default=None, description="A question that draws the point out without giving it away."
    )
    hint: _Sentence | None = Field(default=None, description="A nudge towards the point.")
    weight: int = Field(default=1, ge=1, le=3, description="How much the point counts, 1 to 3.")


class Entry(BaseModel):
    """One question of a bank file."""

    model_config = _STRICT

    id: _Slug = Field(description="Slug, unique over all banks, such as batch-norm-statistics.")
    topic: _Slug = Field(default=DEFAULT_TOPIC, description="Slug that groups questions.")
    level: int = Field(
        default=DEFAULT_LEVEL, ge=1, le=5, description="1 (screening) to 5 (expert)."
    )
    tags: list[_Short] = Field(default=[], max_length=20)
    question: Annotated[str, _text(600), BeforeValidator(_block)] = Field(
        description="What the interviewer asks."
    )
    answer: Annotated[str, _text(6000), BeforeValidator(_block)] = Field(
        description="The reference answer, self-contained."
    )
    points: list[PointEntry] | None = Field(
        default=None,
        min_length=1,
        max_length=12,
        description="Key points of the answer; drafted from its sentences where left out.",
    )
    deepen: list[_Sentence] = Field(
        default=[], max_length=10, description="Questions for a candidate who has everything."
    )
    sources: list[_Sentence] = Field(default=[], max_length=20)
    related: list[_Slug] = Field(
        default=[], max_length=20, description="Ids of questions near this one."
    )


def check(data: object) -> tuple[Entry | None, list[tuple[Location, str]]]:
    """Check one entry: the valid entry, or None and where and what each fault is."""
    faults = _repeated_points(data)
    try:
        entry = Entry.model_validate(data)
    except ValidationError as error:
        return None, [(detail["loc"], _sentence(detail)) for detail in error.errors()] + faults
    return (None if faults else entry), faults


def to_question(entry: Entry, origin: str) -> Question:
    """Turn a checked entry into a Question, its points drafted from the answer if it has none."""
    points = (
        draft_points(entry.answer, entry.question)
        if entry.points is None
        else tuple(_to_point(point) for point in entry.points)
    )
    return Question(
        id=entry.id,
        topic=entry.topic,
        level=entry.level,
        text=entry.question,
        answer=entry.answer,
        points=points,
        deepen=tuple(entry.deepen),
        tags=tuple(entry.tags),
        sources=tuple(entry.sources),
        related=tuple(entry.related),
        origin=origin,
    )


def question_from(data: Mapping[str, Any], origin: str) -> Question:
    """Check data that is in memory, such as an imported row, and turn it into a Question.

    Raises BankError with a line for each fault, `origin` at its front.
    """
    entry, faults = check(data)
    if entry is None:
        name = question_name(data, 1)
        raise BankError(f"{origin}: {name}: {where(place)}{text}." for place, text in faults)
    return to_question(entry, origin)


def question_name(data: object, number: int) -> str:
    """Return how a fault names its question: by id, or by its number in the file if it has none."""
    found = data.get("id") if isinstance(data, Mapping) else None
    return f"question {shown(found)}" if isinstance(found, str) and found else f"question #{number}"


def where(location: Location) -> str:
    """Return the field of a fault as `points 2: says: `, counted from 1; empty for the whole."""
    parts: list[str] = []
    for step in location:
        if isinstance(step, int) and parts:
            parts[-1] += f" {step + 1}"
        else:
            parts.append(shown(str(step)))
    return "".join(f"{part}: " for part in parts)


def shown(text: str) -> str:
    """Return foreign text fit for one line of a message: short, nothing unprintable."""
    printable = "".join(char if char.isprintable() else "?" for char in text)
    return printable if len(printable) <= 64 else printable[:63] + "…"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a bank file, for editors."""
    schema = TypeAdapter(list[Entry]).json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A bank of interview questions",
        **schema,
    }


def _to_point(entry: PointEntry) -> Point:
    return Point(
        id=entry.id,
        says=entry.says,
        also=tuple(entry.also),
        wrong=tuple(entry.wrong),
        probe=entry.probe,
        hint=entry.hint,
        weight=entry.weight,
    )


def _repeated_points(data: object) -> list[tuple[Location, str]]:
    points = data.get("points") if isinstance(data, Mapping) else None
    faults: list[tuple[Location, str]] = []
    seen: set[str] = set()
    for number, point in enumerate(points if isinstance(points, Sequence) else ()):
        name = point.get("id") if isinstance(point, Mapping) else None
        if not isinstance(name, str):
            continue
        if name in seen:
            text = f"“{shown(name)}” is the id of an earlier point; give this one another"
            faults.append((("points", number, "id"), text))
        seen.add(name)
    return faults


def _sentence(detail: ErrorDetails) -> str:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    field = detail["loc"][-1] if detail["loc"] else ""
    match kind:
        case "missing":
            return "is missing; add it"
        case "extra_forbidden":
            return _unknown_key(detail["loc"])
        case "string_type":
            return "must be text; write it, or put it in quotes"
        case "string_too_short":
            return "is empty; write it, or leave the key out if it may be"
        case "string_too_long":
            return f"has {len(given)} characters; shorten it to {context['max_length']}"
        case "string_pattern_mismatch":
            return "must be lower-case letters and digits joined by hyphens, such as batch-norm"
        case "int_type" | "greater_than_equal" | "less_than_equal":
            return f"must be a whole number, {_RANGES.get(str(field), 'no quotes')}"
        case "list_type":
            return "must be a list; start each item with a hyphen, or put all in brackets"
        case "too_short":
            return "is an empty list; leave the key out"
        case "too_long":
            return f"has {context['actual_length']} items; keep {context['max_length']} at most"
        case "model_type" | "model_attributes_type":
            return "must be keys with values, such as “id: batch-norm”"
        case _:
            return re.sub(r"\s+", " ", detail["msg"])


def _unknown_key(location: Location) -> str:
    model = PointEntry if "points" in location[:-1] else Entry
    known = [field.alias or name for name, field in model.model_fields.items()]
    near = get_close_matches(str(location[-1]), known, n=1)
    return (
        f"is no key of a bank file; perhaps {near[0]} is meant"
        if near
        else (f"is no key of a bank file; remove it, or use one of {', '.join(known)}")
    )


if __name__ == "__main__":
    import json
    import sys

    json.dump(json_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
