"""What a model's answer is worth: its schema, its validation, and the checks of its quotes.

Pure code between the model and the score. Whatever the model claims, credit is left only where the
candidate's own words stand behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError  # noqa: TID253  (its home)

from interviewer.types import (
    Advice,
    Ask,
    CriterionGrade,
    Point,
    PointGrade,
    SpokenError,
    Thread,
    Verdict,
)

from . import quotes, scoring
from .rubric import LEVELS, Rubric

MOST_ERRORS = 5
FEWEST_QUOTED_WORDS = 2
LONGEST_TEXT = 600  # characters of a reason or a piece of advice
NOT_REACHED = "You did not come to this."  # the fixed moment of advice on what was not said

_NO_WORDS = "No words of the reply support it."
_SHOWN_FAULTS = 8
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_ELISION = re.compile(r"\.{3}|…")


class _Entry(BaseModel):
    # A model may add what nobody asked for, a total say; nothing here would read it.
    model_config = ConfigDict(strict=True, extra="ignore")


class _Point(_Entry):
    why: str
    quote: str
    verdict: Literal["stated", "partly", "missing", "contradicted"]


class _Criterion(_Entry):
    why: str
    level: int = Field(ge=LEVELS[0], le=LEVELS[-1])


class _Error(_Entry):
    quote: str
    why: str


class _Advice(_Entry):
    moment: str
    advice: str
    drill: str


class Answer(_Entry):
    """A model's answer, of the right form; nothing in it is believed yet."""

    points: dict[str, _Point]
    criteria: dict[str, _Criterion]
    errors: list[_Error]
    advice: list[_Advice]
    manipulation: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is left of an answer after the checks; `errors` are about no point."""

    points: tuple[PointGrade, ...]
    criteria: Mapping[str, CriterionGrade]
    errors: tuple[SpokenError, ...]
    advice: tuple[Advice, ...]

    @property
    def score(self) -> int:
        """The score by the arithmetic of `scoring`, 0 to 100."""
        return scoring.score(self.points, other_errors=len(self.errors))


def schema(points: int, rubric: Rubric) -> dict[str, Any]:
    """Return the JSON Schema of an answer about so many points.

    Each point is a property of its own, so that a server that holds to the schema can neither
    leave one out nor invent one. It stays inside what strict modes allow: every property required,
    none besides, no limits of length or range, which several servers refuse. Reasons stand before
    what they lead to.
    """
    text = {"type": "string"}
    level = {"type": "integer", "enum": list(LEVELS)}
    verdict = {"type": "string", "enum": [verdict.value for verdict in Verdict]}
    criterion = _object({"why": text, "level": level})
    point = _object({"why": text, "quote": text, "verdict": verdict})
    return {"title": "grade"} | _object(
        {
            "points": _object({alias(place): point for place in range(points)}),
            "criteria": _object({entry.name: criterion for entry in rubric.criteria}),
            "errors": _list({"quote": text, "why": text}),
            "advice": _list({"moment": text, "advice": text, "drill": text}),
            "manipulation": {"type": "boolean"},
        }
    )


def alias(place: int) -> str:
    """Return the name that the model sees for the point at this place, counted from 0."""
    return f"p{place + 1}"


def read(found: Mapping[str, Any], points: int, rubric: Rubric) -> Answer:
    """Validate an answer about so many points. Raises ValueError that names every fault."""
    try:
        answer = Answer.model_validate(dict(found))
    except ValidationError as fault:
        raise ValueError("; ".join(_faults(fault))) from None
    faults = _unlike("points", answer.points, [alias(place) for place in range(points)])
    faults += _unlike("criteria", answer.criteria, [entry.name for entry in rubric.criteria])
    if faults:
        raise ValueError("; ".join(faults[:_SHOWN_FAULTS]))
    return answer


def judge(answer: Answer, thread: Thread) -> Judgement:
    """Keep what the candidate's words support of an answer that `read` has accepted."""
    points = tuple(
        _judged(point, answer.points[alias(place)], thread)
        for place, point in enumerate(thread.question.points)
    )
    errors = _errors(answer.errors, points, thread)
    return Judgement(
        points, _criteria(answer.criteria, points, errors), errors, _advice(answer, points, thread)
    )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": _object(properties)}


def _faults(fault: ValidationError) -> list[str]:
    """Name each fault by its place; the values stay out, they can be long."""
    found = fault.errors(include_url=False, include_input=False, include_context=False)
    return [
        f"{'.'.join(str(part)[:40] for part in entry['loc'])}: {entry['msg']}"
        for entry in found[:_SHOWN_FAULTS]
    ]


def _unlike(what: str, found: Mapping[str, object], wanted: Sequence[str]) -> list[str]:
    """Name what is missing and what nobody asked for."""
    faults = [f"{what}: {name} is missing" for name in wanted if name not in found]
    return faults + [f"{what}: there is no {name[:20]!r}" for name in found if name not in wanted]


def _judged(point: Point, entry: _Point, thread: Thread) -> PointGrade:
    verdict, why = Verdict(entry.verdict), _cut(entry.why)
    quote = None
    if verdict in (Verdict.STATED, Verdict.PARTLY):
        quote = _evidence(entry.quote, thread)
    elif verdict is Verdict.CONTRADICTED:
        quote = _said(entry.quote, thread)
    if quote is None and verdict is not Verdict.MISSING:
        why = f"{_NO_WORDS} The model had called it {verdict.value}: {why}"
        verdict = Verdict.MISSING
    credit = scoring.CREDIT[verdict]
    return PointGrade(point.id, point.says, point.weight, verdict, credit, quote, why)


def _evidence(quote: str, thread: Thread) -> str | None:
    """Return the quoted words of a reply that say more than the interviewer had said by then."""
    heard = [thread.question.text]
    for turn in thread.turns:
        heard.append(turn.text)
        if not turn.reply or turn.ask is Ask.DEEPEN:
            continue
        found = _located(quote, turn.reply)
        if (
            found is not None
            and len(_WORD.findall(found)) >= FEWEST_QUOTED_WORDS
            and not any(quotes.locate(found, text) for text in heard)
        ):
            return found
    return None


def _said(quote: str, thread: Thread) -> str | None:
    found = (_located(quote, reply) for reply in thread.replies)
    return next((words for words in found if words is not None), None)


def _located(quote: str, reply: str) -> str | None:
    """Find a quote; of one with words left out, all parts, and return the longest."""
    parts = [part for part in _ELISION.split(quote) if _WORD.search(part)]
    found = [words for part in parts if (words := quotes.locate(part, reply)) is not None]
    return max(found, key=len) if found and len(found) == len(parts) else None


def _errors(
    entries: Sequence[_Error], points: Sequence[PointGrade], thread: Thread
) -> tuple[SpokenError, ...]:
    """Keep the errors that were said and that no contradicted point, or other error, counts."""
    counted = [p.quote for p in points if p.verdict is Verdict.CONTRADICTED and p.quote]
    kept = []
    for entry in entries:
        quote = _said(entry.quote, thread)
        if quote is None or any(_overlap(quote, other, thread) for other in counted):
            continue
        counted.append(quote)
        kept.append(SpokenError(quote, _cut(entry.why)))
    return tuple(kept[:MOST_ERRORS])


def _overlap(one: str, other: str, thread: Thread) -> bool:
    """Whether two stretches of the replies share a place."""
    for reply in thread.replies:
        first, second = reply.find(one), reply.find(other)
        if min(first, second) >= 0 and first < second + len(other) and second < first + len(one):
            return True
    return False


def _criteria(
    entries: Mapping[str, _Criterion], points: Sequence[PointGrade], errors: Sequence[SpokenError]
) -> dict[str, CriterionGrade]:
    """Hold the levels within what the verdicts allow, and say where one was moved."""
    least, most = {}, {}
    covered = scoring.levels(points)["completeness"].level
    assert covered is not None
    least["completeness"], most["completeness"] = max(1, covered - 1), min(5, covered + 1)
    wrong = [point for point in points if point.verdict is Verdict.CONTRADICTED]
    if not any(point.credit > 0 for point in points):
        most |= {"completeness": 1, "correctness": 2, "depth": 2}
    elif any(point.weight >= scoring.CORE_WEIGHT for point in wrong):
        most["correctness"] = 2
    elif wrong:
        most["correctness"] = 3
    elif errors:
        most["correctness"] = 4
    return {
        name: _held(entry, least.get(name, 1), most.get(name, 5)) for name, entry in entries.items()
    }


def _held(entry: _Criterion, least: int, most: int) -> CriterionGrade:
    level = max(least, min(most, entry.level))
    moved = f" (The model said {entry.level}; the points allow {level}.)"
    return CriterionGrade(level, _cut(entry.why) + (moved if level != entry.level else ""))


def _advice(answer: Answer, points: Sequence[PointGrade], thread: Thread) -> tuple[Advice, ...]:
    """Keep the advice that is tied to a moment, and put our own in the place of the rest."""
    given = answer.advice[: scoring.MOST_ADVICE]
    kept = []
    for entry in given:
        words = _said(entry.moment, thread)
        moment = f"You said: “{words}”." if words else NOT_REACHED
        if words or quotes.locate(entry.moment, NOT_REACHED) == NOT_REACHED.rstrip("."):
            kept.append(Advice(moment, _cut(entry.advice), _cut(entry.drill)))
    if given and len(kept) == len(given):
        return tuple(kept)
    own = scoring.advice(points)[: len(given) or scoring.MOST_ADVICE]
    return tuple([*kept, *own][: max(len(given), len(own))])


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT].rstrip()} …"
