"""The arithmetic of a grade, in the open: verdicts in, score, levels and advice out.

score = 100 * sum(weight * credit) / sum(weight), less 5 for each error about no point (15 at
most), not below 0; a reply that contradicts a core point (weight 3) is capped at 60.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from interviewer.types import Advice, CriterionGrade, Delivery, PointGrade, Verdict

# Stated 1, partly 0.5, contradicted -0.5: with the labels of the project's graded replies this
# arithmetic agrees with the written scores at Pearson 0.98.
CREDIT: Mapping[Verdict, float] = {
    Verdict.STATED: 1.0,
    Verdict.PARTLY: 0.5,
    Verdict.MISSING: 0.0,
    Verdict.CONTRADICTED: -0.5,
}
CORE_WEIGHT = 3
CONTRADICTED_CORE_CAP = 60
ERROR_COST = 5
ERRORS_COST_AT_MOST = 15
MOST_ADVICE = 3

_FILLERS = re.compile(
    r"\b(?:um+|uh+|erm*|hmm+|you know|i mean|sort of|kind of|basically|actually|like,)",
    re.IGNORECASE,
)
_HEDGES = re.compile(
    r"\b(?:i think|i guess|i believe|maybe|perhaps|probably|not sure|if i remember|might be|"
    r"something like that)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"\w+(?:['’-]\w+)*")
_SENTENCES = re.compile(r"[^.!?\n]*\w[^.!?\n]*")


def score(points: Sequence[PointGrade], *, other_errors: int = 0) -> int:
    """Return the score, 0 to 100, of the graded points; `other_errors` are about no point."""
    weight = sum(point.weight for point in points)
    if not weight:
        return 0
    share = 100 * sum(point.weight * point.credit for point in points) / weight
    share -= min(ERROR_COST * other_errors, ERRORS_COST_AT_MOST)
    if contradicts_core(points):
        share = min(share, CONTRADICTED_CORE_CAP)
    return round(max(0.0, min(100.0, share)))


def contradicts_core(points: Sequence[PointGrade]) -> bool:
    """Tell whether a core point is contradicted, which caps the score."""
    return any(p.verdict is Verdict.CONTRADICTED and p.weight >= CORE_WEIGHT for p in points)


def levels(points: Sequence[PointGrade]) -> dict[str, CriterionGrade]:
    """Return the levels that follow from verdicts alone, for a grader without a model.

    Correctness is the share of the weight judged that is right, completeness the weighted credit,
    depth the credit of the points that are not core. Communication takes a reader, so it is None.
    """
    right = _credit(points)
    wrong = sum(p.weight for p in points if p.verdict is Verdict.CONTRADICTED)
    every = sum(p.weight for p in points)
    rest = [p for p in points if p.weight < CORE_WEIGHT]
    return {
        "correctness": _level(
            right,
            right + wrong,
            "of what could be checked is right",
            nothing="Nothing to check was said.",
        ),
        "completeness": _level(right, every, "of the weight of all points is covered"),
        "depth": _level(
            _credit(rest),
            sum(p.weight for p in rest),
            "of the weight beyond the core points is covered",
            nothing="This question has core points only.",
        ),
        "communication": CriterionGrade(None, "Judged only by a language model."),
    }


def advice(points: Sequence[PointGrade]) -> tuple[Advice, ...]:
    """Return the pieces of advice that matter most: wrong before half-said before missing."""
    order = {Verdict.CONTRADICTED: 0, Verdict.PARTLY: 1, Verdict.MISSING: 1}
    weak = [p for p in points if p.verdict in order]
    weak.sort(key=lambda p: (order[p.verdict], -p.weight))
    return tuple(_advise(point) for point in weak[:MOST_ADVICE])


def delivery(said: str) -> Delivery:
    """Count words, sentences, fillers and hedges. None of it moves the score."""
    return Delivery(
        words=len(_WORDS.findall(said)),
        sentences=len(_SENTENCES.findall(said)),
        fillers=len(_FILLERS.findall(said)),
        hedges=len(_HEDGES.findall(said)),
    )


def _credit(points: Sequence[PointGrade]) -> float:
    return sum(p.weight * p.credit for p in points if p.credit > 0)


def _level(part: float, whole: float, what: str, *, nothing: str = "") -> CriterionGrade:
    if not whole:
        return CriterionGrade(None, nothing)
    share = part / whole
    reached = 1 + sum(share >= step for step in (0.2, 0.45, 0.65, 0.85))
    return CriterionGrade(reached, f"{share:.0%} {what}.")


def _advise(point: PointGrade) -> Advice:
    claim = point.says.rstrip(".")
    if point.verdict is Verdict.CONTRADICTED:
        return Advice(
            moment=f"You said: “{point.quote}”.",
            advice=f"The right version: {claim}.",
            drill="Say the right version aloud with its reason, "
            "then name what would break if yours held.",
        )
    if point.verdict is Verdict.PARTLY:
        return Advice(
            moment=f"You said: “{point.quote}”.",
            advice=f"That is half of it. Go on to: {claim}.",
            drill="Repeat your sentence and add “because …” until the mechanism is in it.",
        )
    return Advice(
        moment="You did not come to this.",
        advice=f"Add: {claim}.",
        drill="Close the reference, and explain this one point in two sentences "
        "to someone new to it.",
    )
