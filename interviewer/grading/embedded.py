"""The grader without a language model: sentence vectors, word signals and a small fitted formula.

Each point gets an expected credit from a dozen numbers (`evidence`), a verdict by fitted thresholds
(`calibration.json`) and the clause that earned it; `scoring` does the rest of the arithmetic.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import pairwise

from interviewer.types import (
    Ask,
    Embedder,
    Grade,
    GradedBy,
    Passage,
    PassageKind,
    Point,
    PointGrade,
    Question,
    SpokenError,
    Thread,
    Verdict,
)

from . import evidence, scoring, screening, signals
from .clauses import Window, plain, windows
from .evidence import Evidence
from .quotes import locate

NAME = "embedded"
FILE = "calibration.json"
SHORT_REPLY = 14  # words; a reply to a follow-up this short is read together with what was asked
WORDS_A_POINT = 4  # a clause earns credit for one point for each so many words of it
FLIPPED_CREDIT = -0.35
CLEARLY = 0.15  # by so much a remark to another follow-up must exceed the bar to take credit back
ELSEWHERE = 0.2  # cosine by which another question's text must be nearer to be worth a remark
EVASIVE_SHARE = 0.15  # of all credit; a reply that says it has no answer and earns less has none

EVASIVE_WORDS = 8  # content words beyond the question's; with fewer, "no idea" is the reply

_NOT_HEARD = "Not heard."
_HEARD = "Close to the point."
_HALF_HEARD = "Only part of this was heard."


@dataclass(frozen=True, slots=True)
class Profile:
    """A fitted formula: expected credit, chance of a mistake, and the bars between verdicts.

    `credit` and `mistake` are linear in the features, with the constant under "constant". The bars
    of credit are `partly`, `stated` and `full` (worth all of the point); from `contradicted` up in
    `mistake`, and below `doubt` in credit, a point is contradicted. `scale` are the corners of the
    line from the sum of the points to the score.
    """

    credit: Mapping[str, float]
    mistake: Mapping[str, float]
    bars: Mapping[str, float]
    scale: Sequence[tuple[float, float]]

    def score(self, points: Sequence[PointGrade]) -> int:
        """Return the score: that of `scoring.score`, read off the fitted scale.

        The scale is one rising line for all questions: half-heard paraphrases make the plain sum
        too low in its middle. It never lifts a reply over the cap for a contradicted core point.
        """
        plainly = scoring.score(points)
        scaled = round(_between(plainly, self.scale))
        if scoring.contradicts_core(points):
            return min(scaled, scoring.CONTRADICTED_CORE_CAP)
        return scaled

    def judge(self, features: Mapping[str, float]) -> tuple[Verdict, float]:
        """Return the verdict and the credit, -0.5 to 1, of a point with these features."""
        expected = linear(self.credit, features)
        if self.mistake and expected < self.bars["doubt"]:
            beyond = linear(self.mistake, features) - self.bars["contradicted"]
            if beyond >= 0:
                return Verdict.CONTRADICTED, -_between(beyond, [(0, 0.2), (0.3, 0.5)])
        if expected < self.bars["partly"]:
            return Verdict.MISSING, 0.0
        bars = [(self.bars["partly"], 0.25), (self.bars["stated"], 0.75), (self.bars["full"], 1.0)]
        verdict = Verdict.STATED if expected >= self.bars["stated"] else Verdict.PARTLY
        return verdict, _between(expected, bars)

    def surely_wrong(self, features: Mapping[str, float]) -> bool:
        """Tell whether a contradiction is beyond doubt, as one in passing must be."""
        return (
            bool(self.mistake)
            and linear(self.mistake, features) >= self.bars["contradicted"] + CLEARLY
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """The two formulas, for points with wrong versions and for points without, and their hash."""

    contrast: Profile
    similarity: Profile
    fingerprint: str


@cache
def calibration() -> Calibration:
    """Read the fitted numbers that are shipped beside this module."""
    data = files(__package__).joinpath(FILE).read_bytes()
    found = json.loads(data)
    return Calibration(
        Profile(**found["contrast"]),
        Profile(**found["similarity"]),
        hashlib.sha256(data).hexdigest()[:12],
    )


def windows_of(thread: Thread) -> Sequence[Window]:
    """Return the windows of the first reply that may earn credit, as the grader cuts them."""
    screened = screening.screen(thread)
    return _windows(screened[0], thread.question.text) if screened else ()


class EmbeddedGrader:
    """Grades without a network: the same thread always gets the same grade."""

    name = NAME

    def __init__(self, embedder: Embedder, calibrated: Calibration | None = None) -> None:
        self._embedder = embedder
        self._calibration = calibrated or calibration()

    def grade(self, thread: Thread, passages: Sequence[Passage]) -> Grade:
        """Grade all that was said; raises EmbeddingError if the model cannot be loaded.

        `passages` never move the score; another question may be named as what it sounds like.
        """
        by = GradedBy(
            NAME,
            self._embedder.model_id,
            self._calibration.fingerprint,
            tuple(passage.id for passage in passages),
        )
        points = self._points(thread)
        errors = tuple(
            SpokenError(point.quote, point.why)
            for point in points
            if point.verdict is Verdict.CONTRADICTED and point.quote
        )
        if not any(point.credit for point in points):
            errors += self._elsewhere(thread, passages)
        return Grade(
            self._profile(thread.question).score(points),
            by,
            points=points,
            criteria=scoring.levels(points),
            errors=errors,
            delivery=scoring.delivery(thread.said),
            advice=scoring.advice(points),
        )

    def _points(self, thread: Thread) -> tuple[PointGrade, ...]:
        merged = [_missing(point) for point in thread.question.points]
        for screened in screening.screen(thread):
            turn = thread.turns[screened.asked]
            about = None if turn.ask is Ask.QUESTION else turn.point_id
            judged = self._judge(thread, screened)
            if judged is not None:
                merged = [
                    _merge(before, now, sure or about == now.id)
                    for before, (now, sure) in zip(merged, judged, strict=True)
                ]
        return tuple(merged)

    def _judge(
        self, thread: Thread, screened: screening.Screened
    ) -> list[tuple[PointGrade, bool]] | None:
        """Return each point's grade for one reply, and whether a contradiction in it is sure."""
        question, asked = thread.question, thread.turns[screened.asked].text
        found = _windows(screened, asked)
        if not found:
            return None
        profile = self._profile(question)
        measured = self._measure(question, found, asked if len(found) == 1 else question.text)
        judged = [
            (
                _judged(point, shown, profile),
                shown.flipped or profile.surely_wrong(shown.features),
            )
            for point, shown in zip(question.points, measured, strict=True)
        ]
        grades = _uncrowded([grade for grade, _ in judged])
        if screening.evades(screened.reply) and (
            _share(grades) < EVASIVE_SHARE
            or len(signals.content(screened.reply) - signals.content(question.text)) < EVASIVE_WORDS
        ):
            grades = [_missing(point) for point in question.points]
        return [(grade, sure) for grade, (_, sure) in zip(grades, judged, strict=True)]

    def _profile(self, question: Question) -> Profile:
        contrasted = any(point.wrong for point in question.points)
        return self._calibration.contrast if contrasted else self._calibration.similarity

    def _measure(self, question: Question, found: Sequence[Window], asked: str) -> list[Evidence]:
        contrasted = any(point.wrong for point in question.points)
        measure = evidence.contrast if contrasted else evidence.similarity
        return measure(question, found, asked, self._embedder)

    def _elsewhere(self, thread: Thread, passages: Sequence[Passage]) -> tuple[SpokenError, ...]:
        """Say so where a reply that earns nothing is far nearer to another question."""
        others = [p for p in passages if p.question_id != thread.question.id]
        said = " ".join(thread.said.split())
        if not others or signals.count(said) < SHORT_REPLY:
            return ()
        texts = [said, thread.question.answer, *(passage.text for passage in others)]
        vectors = self._embedder.embed(texts)
        near = vectors[1:] @ vectors[0]
        best = int(near[1:].argmax())
        if near[best + 1] - near[0] < ELSEWHERE:
            return ()
        kind, text = others[best].kind, others[best].text
        about = text if kind is PassageKind.QUESTION else others[best].question_id.replace("-", " ")
        return (SpokenError(thread.replies[0].strip(), f"This sounds more like: {about}"),)


def _windows(screened: screening.Screened, asked: str) -> Sequence[Window]:
    """Cut a reply into windows; a short one to a follow-up is read together with what was asked."""
    if not screened.kept:
        return ()
    if screened.asked and signals.count(screened.reply) <= SHORT_REPLY:
        quote = screened.reply[screened.kept[0].start : screened.kept[-1].end]
        return (Window(quote, plain(quote), (0, 0), plain(asked)),)
    return windows(screened.reply, screened.kept)


def _share(grades: Sequence[PointGrade]) -> float:
    credit = sum(grade.weight * max(0.0, grade.credit) for grade in grades)
    return credit / sum(grade.weight for grade in grades)


def _judged(point: Point, shown: Evidence, profile: Profile) -> PointGrade:
    if shown.flipped:
        why = "This turns the point round."
        turned, quote = Verdict.CONTRADICTED, _quote(shown.best)
        return PointGrade(point.id, point.says, point.weight, turned, FLIPPED_CREDIT, quote, why)
    verdict, credit = profile.judge(shown.features)
    if verdict is Verdict.MISSING:
        return _missing(point)
    if verdict is Verdict.CONTRADICTED:
        mistake = shown.wrong.rstrip(".") if shown.wrong else None
        why = (
            f"Sounds like a common mistake: “{mistake}”."
            if mistake
            else "Sounds the wrong way round."
        )
        return PointGrade(
            point.id, point.says, point.weight, verdict, round(credit, 3), _quote(shown.worst), why
        )
    return PointGrade(
        point.id,
        point.says,
        point.weight,
        verdict,
        round(credit, 3),
        _quote(shown.best),
        _HEARD if verdict is Verdict.STATED else _HALF_HEARD,
    )


def _quote(window: Window) -> str:
    return locate(window.quote, window.quote) or window.quote


def _missing(point: Point) -> PointGrade:
    return PointGrade(point.id, point.says, point.weight, Verdict.MISSING, 0.0, None, _NOT_HEARD)


def _uncrowded(grades: Sequence[PointGrade]) -> list[PointGrade]:
    """Let one clause earn credit for as many points as it has room for, the best ones first."""
    room: dict[str, int] = {}
    kept: dict[str, PointGrade] = {}
    for grade in sorted(grades, key=lambda grade: -grade.credit):
        kept[grade.id] = grade
        if grade.credit <= 0 or grade.quote is None:
            continue
        left = room.setdefault(grade.quote, max(1, signals.count(grade.quote) // WORDS_A_POINT))
        room[grade.quote] = left - 1
        if left <= 0:
            kept[grade.id] = replace(
                grade,
                verdict=Verdict.PARTLY,
                credit=min(grade.credit, 0.25),
                why="Only touched: the same words say another point.",
            )
    return [kept[grade.id] for grade in grades]


def _merge(before: PointGrade, now: PointGrade, counts: bool) -> PointGrade:
    """Return what stands of a point after a later reply: the last word, if there was one.

    A later mistake takes back what was right only where it `counts`: said to a follow-up about this
    very point, or beyond doubt.
    """
    if now.verdict is Verdict.MISSING:
        return before
    if now.verdict is Verdict.CONTRADICTED:
        return now if counts or before.credit <= 0 else before
    if before.verdict is Verdict.CONTRADICTED:
        return now
    return max(before, now, key=lambda grade: grade.credit)


def linear(formula: Mapping[str, float], features: Mapping[str, float]) -> float:
    """Return the value of a linear formula, its constant included."""
    return formula["constant"] + sum(
        weight * features[name] for name, weight in formula.items() if name != "constant"
    )


def _between(value: float, steps: Sequence[tuple[float, float]]) -> float:
    """Return the piecewise linear value through the steps, flat outside them."""
    if value <= steps[0][0]:
        return steps[0][1]
    for (low, start), (high, end) in pairwise(steps):
        if value < high:
            return start + (end - start) * (value - low) / (high - low)
    return steps[-1][1]
