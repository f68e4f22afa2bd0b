"""How a grade reads: the score before and after help, the points with their evidence, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.text import Text

from interviewer.types import Grade, PointGrade, Verdict

from .sanitize import clean_line

MARKS: Mapping[Verdict, str] = {
    Verdict.STATED: "✓",
    Verdict.PARTLY: "~",
    Verdict.MISSING: "·",
    Verdict.CONTRADICTED: "✗",
}
WORDS: Mapping[Verdict, str] = {
    Verdict.STATED: "Stated:",
    Verdict.PARTLY: "Partly:",
    Verdict.MISSING: "Missing:",
    Verdict.CONTRADICTED: "Contradicted:",
}
_INDENT = 4  # columns before a quote and before the further lines of a claim


def score_line(
    after: Grade, *, before: Grade | None = None, hints: int = 0, follow_ups: int = 0
) -> str:
    """Say the score in one line: “72 → 85 of 100 with 1 hint and 2 follow-ups”."""
    if after.score is None:
        return f"Not graded: {clean_line(after.ungraded_reason or 'no reason was given')}"
    help_taken = " and ".join(
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in ((hints, "hint"), (follow_ups, "follow-up"))
        if count
    )
    if not help_taken:
        return f"{after.score} of 100"
    if before is None or before.score is None:
        return f"{after.score} of 100 with {help_taken}"
    return f"{before.score} → {after.score} of 100 with {help_taken}"


def point_lines(
    grade: Grade, marks: Mapping[Verdict, str], console: Console, width: int
) -> Iterator[Text]:
    """Yield each point with its quote, then the errors, wrapped to `width` columns."""
    for point in grade.points:
        yield _marked(marks[point.verdict], point.verdict, point.says, console, width)
        for words in _evidence(point):
            yield _below(words, console, width)
    wrong = Verdict.CONTRADICTED
    shown = {point.quote for point in grade.points if point.verdict is wrong}
    for error in grade.errors:
        if error.quote in shown:  # it stands at its point already
            continue
        words = f"“{clean_line(error.quote)}” – {error.why}"
        yield _marked(marks[wrong], wrong, words, console, width)


def graded_by(grade: Grade) -> str:
    """Say who gave the grade."""
    by = grade.graded_by
    model = f" ({by.model})" if by.model and by.model != by.grader else ""
    return f"Graded by {by.grader}{model}"


def _evidence(point: PointGrade) -> Iterator[str]:
    if point.quote:
        yield f"“{clean_line(point.quote)}”"
    if point.why and point.verdict in (Verdict.PARTLY, Verdict.CONTRADICTED):
        yield point.why


def _marked(mark: str, style: str, words: str, console: Console, width: int) -> Text:
    line = Text.assemble((mark, style), " ", clean_line(words))
    return _indented(line, _INDENT - 2, console, width)


def _below(words: str, console: Console, width: int) -> Text:
    return _indented(Text(clean_line(words), style="quiet"), _INDENT, console, width)


def _indented(line: Text, first: int, console: Console, width: int) -> Text:
    """Wrap a line; indent its first row by `first` columns, the others by the full indent."""
    rows = line.wrap(console, max(width - _INDENT, 8), overflow="fold")
    indents = [first] + [_INDENT] * (len(rows) - 1)
    for row, indent in zip(rows, indents, strict=True):
        row.rstrip()
        row.pad_left(indent)
    return Text("\n", style=line.style).join(rows)
