"""What a question needs beyond the schema to be shipped, and whether a text gives a point away."""

from __future__ import annotations

from interviewer.types import Point, Question

from .words import stems

_POINTS = range(3, 7)
_ANSWER_WORDS = range(60, 151)
_FEWEST_ALSO = 2


def leaks(text: str, point: Point, question: Question) -> bool:
    """Tell whether `text` gives the point away.

    It does if it holds more than half of the content words (endings cut off) that the point's
    `says` has beyond the question's own text.
    """
    return reveals(text, point.says, question.text)


def reveals(text: str, says: str, question_text: str) -> bool:
    """Tell the same as `leaks`, of bare texts."""
    secret = stems(says) - stems(question_text)
    return 2 * len(secret & stems(text)) > len(secret)


def lint(question: Question) -> list[str]:
    """Return what keeps the question from being shipped, one line each; nothing if it may be."""
    lines = []
    words = len(question.answer.split())
    if words not in _ANSWER_WORDS:
        lines.append(f"answer: {words} words; it should have 60 to 150")
    if len(question.points) not in _POINTS:
        lines.append(f"points: {len(question.points)}; there should be 3 to 6")
    if not question.deepen:
        lines.append("deepen: missing")
    if not question.sources:
        lines.append("sources: missing")
    if question.topic == "general":
        lines.append("topic: general is for questions without one")
    for point in question.points:
        lines += [f"point {point.id}: {line}" for line in _lint_point(point, question)]
    return [f"question {question.id}: {line}" for line in lines]


def _lint_point(point: Point, question: Question) -> list[str]:
    lines = []
    if len(point.also) < _FEWEST_ALSO:
        lines.append(f"also: {len(point.also)}; there should be 2 or more")
    if not point.wrong:
        lines.append("not: missing")
    said = [" ".join(text.lower().split()) for text in (point.says, *point.also, *point.wrong)]
    lines += [
        f"also or not: “{text}” stands twice" for text in sorted(set(said)) if said.count(text) > 1
    ]
    for name, text in (("probe", point.probe), ("hint", point.hint)):
        if text is None:
            lines.append(f"{name}: missing")
        elif leaks(text, point, question):
            lines.append(f"{name}: gives away “{point.says}”")
    return lines
