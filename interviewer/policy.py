"""Decide what the interviewer does next. Pure: thread, grade and limits in, a move out."""

from __future__ import annotations

from dataclasses import dataclass

from .types import Ask, Grade, Point, Thread, Verdict

FOLLOW_UPS = frozenset({Ask.PROBE, Ask.CLARIFY, Ask.CHALLENGE})


@dataclass(frozen=True, slots=True)
class Limits:
    """How many follow-ups and hints one question may have."""

    follow_ups: int = 2
    hints: int = 2


@dataclass(frozen=True, slots=True)
class Move:
    """What comes next: `ask` inside this thread, or on to the next question where it is None.

    `point` is what the ask is about (None for deepen); `quote` is what the candidate said to it.
    """

    ask: Ask | None
    point: Point | None = None
    quote: str | None = None


ON = Move(None)


def next_move(
    thread: Thread, grade: Grade | None, *, limits: Limits, gave_up: bool, in_time: bool
) -> Move:
    """Return the move after the last reply of the thread.

    `gave_up` says that this reply was no answer ("I don't know"), `in_time` that the clock allows
    another exchange. Never asks twice about one point, never follows up an ungraded reply, and
    never goes past the limits.
    """
    last = thread.turns[-1]
    if not in_time or last.skipped or last.ask is Ask.DEEPEN:
        return ON
    if gave_up:
        return hint_move(thread, grade, limits=limits) if last.ask is Ask.QUESTION else ON
    if grade is None or not grade.graded:
        return ON
    follow_ups = sum(turn.ask in FOLLOW_UPS for turn in thread.turns)
    if follow_ups >= limits.follow_ups:
        return ON
    return _follow_up(thread, grade) or _deepen(thread, grade)


def hint_move(thread: Thread, grade: Grade | None, *, limits: Limits) -> Move:
    """Return the hint that helps most, or ON where no hint is left.

    A hint asked for during a follow-up is about that follow-up's point; else about the heaviest
    point that is neither stated nor hinted at.
    """
    given = {turn.point_id for turn in thread.turns if turn.ask is Ask.HINT}
    if len(given) >= limits.hints:
        return ON
    current = thread.turns[-1].point_id
    open_points = [
        point
        for point in thread.question.points
        if point.id not in given and not _stated(point, grade)
    ]
    open_points.sort(key=lambda point: (point.id != current, -point.weight))
    return Move(Ask.HINT, open_points[0]) if open_points else ON


def _follow_up(thread: Thread, grade: Grade) -> Move | None:
    """Chase what was contradicted first, then what costs most of the score."""
    asked = {turn.point_id for turn in thread.turns if turn.point_id}
    moves = []
    for point in thread.question.points:
        graded = grade.of(point.id)
        if graded is None or graded.verdict is Verdict.STATED or point.id in asked:
            continue
        loss = point.weight * (1 - max(graded.credit, 0.0))
        rank = (graded.verdict is not Verdict.CONTRADICTED, -loss)
        moves.append((rank, Move(_ASKS[graded.verdict], point, graded.quote)))
    return min(moves, key=lambda ranked: ranked[0])[1] if moves else None


def _deepen(thread: Thread, grade: Grade) -> Move:
    """Go further with a candidate who has everything, once."""
    everything = all(_stated(point, grade) for point in thread.question.points)
    return Move(Ask.DEEPEN) if everything and thread.question.deepen else ON


def _stated(point: Point, grade: Grade | None) -> bool:
    graded = grade.of(point.id) if grade else None
    return graded is not None and graded.verdict is Verdict.STATED


_ASKS = {
    Verdict.MISSING: Ask.PROBE,
    Verdict.PARTLY: Ask.CLARIFY,
    Verdict.CONTRADICTED: Ask.CHALLENGE,
}
