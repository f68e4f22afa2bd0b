"""What a session came to: threads with their grades in, Markdown or JSON out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .grading.rubric import Band, Rubric
from .policy import FOLLOW_UPS
from .types import Advice, Ask, Grade, PointGrade, Thread, Verdict, to_json

MOST_ADVICE = 3


@dataclass(frozen=True, slots=True)
class ThreadReport:
    """One question of a session.

    `before` is the grade of the first reply, before any help, and None where a hint came first;
    `after` is the grade of the whole thread.
    """

    thread: Thread
    before: Grade | None
    after: Grade | None

    @property
    def hints(self) -> int:
        """How many hints were given."""
        return sum(turn.ask is Ask.HINT for turn in self.thread.turns)

    @property
    def follow_ups(self) -> int:
        """How many follow-ups were asked, not counting deepen turns, which are not graded."""
        return sum(turn.ask in FOLLOW_UPS for turn in self.thread.turns)

    @property
    def help_taken(self) -> str:
        """The help in words, such as “1 hint, 2 follow-ups”."""
        return ", ".join(
            f"{count} {word}{'s' if count > 1 else ''}"
            for count, word in ((self.hints, "hint"), (self.follow_ups, "follow-up"))
            if count
        )

    @property
    def state(self) -> str:
        """The scores in words: “58 → 81 with 1 hint”, “skipped”, or why there is no score."""
        if not self.thread.replies:
            return "skipped" if any(turn.skipped for turn in self.thread.turns) else "not answered"
        if self.after is None or self.after.score is None:
            reason = self.after.ungraded_reason if self.after else "not graded yet"
            return f"ungraded: {reason}"
        help_taken = f" with {self.help_taken}" if self.help_taken else ""
        if self.before is None or self.before.score is None:
            return f"{self.after.score}{help_taken}"
        if not self.help_taken:
            return str(self.after.score)
        return f"{self.before.score} → {self.after.score}{help_taken}"

    @property
    def over(self) -> bool:
        """Whether the question was answered or skipped; else its reference is not given away."""
        return bool(self.thread.replies) or any(turn.skipped for turn in self.thread.turns)

    def points(self, *verdicts: Verdict) -> tuple[PointGrade, ...]:
        """Return the graded points with one of these verdicts, the heaviest first."""
        graded = self.after.points if self.after else ()
        return tuple(
            sorted((p for p in graded if p.verdict in verdicts), key=lambda point: -point.weight)
        )


@dataclass(frozen=True, slots=True)
class Report:
    """A whole session, in the order it was asked."""

    session_id: str
    date: str
    mode: str
    planned: int
    items: tuple[ThreadReport, ...]

    @property
    def scored(self) -> tuple[ThreadReport, ...]:
        """The threads that have a score."""
        return tuple(item for item in self.items if item.after and item.after.graded)

    @property
    def means(self) -> dict[str, float]:
        """The mean score for each grader, model and prompt: different ones are never mixed."""
        scores: dict[str, list[int]] = {}
        for item in self.scored:
            assert item.after is not None
            assert item.after.score is not None
            scores.setdefault(graded_by(item.after), []).append(item.after.score)
        return {who: sum(found) / len(found) for who, found in scores.items()}

    @property
    def advice(self) -> tuple[tuple[ThreadReport, Advice], ...]:
        """Two or three pieces of advice at most: one a question, from the weakest question up."""
        found = [
            (item.after.score or 0, item, item.after.advice[0])
            for item in self.scored
            if item.after and item.after.advice
        ]
        found.sort(key=lambda entry: entry[0])
        return tuple((item, advice) for _, item, advice in found[:MOST_ADVICE])


def graded_by(grade: Grade) -> str:
    """Return who gave a grade, in words: “the embedded grader” or the model with its prompt."""
    by = grade.graded_by
    if by.grader == "embedded":
        return "the embedded grader"
    return f"{by.model} (prompt {by.prompt})"


def overall(report: Report, rubric: Rubric) -> list[tuple[str, float, Band]]:
    """Return for each grader its name, the mean score and the band of that mean."""
    return [(who, mean, rubric.band(mean)) for who, mean in report.means.items()]


def summary(report: Report, rubric: Rubric) -> list[str]:
    """Return the verdict in sentences: the mean, its band with the rule, and what is not in it."""
    lines = []
    for who, mean, band in overall(report, rubric):
        lines.append(f"Overall: {band.name}, {mean:.0f} of 100, graded by {who}.")
        lines.append(f"The rule: the mean of the scores after follow-ups. {band.rule}")
    if not lines:
        lines.append("No question has a score yet.")
    waiting = sum(bool(item.thread.replies) for item in report.items) - len(report.scored)
    if waiting:
        lines.append(
            f"{waiting} of {len(report.items)} without a grade yet. "
            "Grade with: interviewer regrade --pending"
        )
    answered = sum(bool(item.thread.replies) for item in report.items)
    if answered < report.planned:
        lines.append(f"Answered: {answered} of {report.planned} questions.")
    return lines


def markdown(report: Report, rubric: Rubric) -> str:
    """Return the whole report as Markdown."""
    lines = [f"# Mock interview of {report.date}", "", *_spaced(summary(report, rubric))]
    if report.items:
        lines += ["| question | level | score |", "|---|---|---|"]
        lines += [
            f"| {_cell(item.thread.question.text)} | {item.thread.question.level} "
            f"| {_cell(item.state)} |"
            for item in report.items
        ]
        lines.append("")
    if report.advice:
        lines += ["## What to work on", ""]
        for item, advice in report.advice:
            lines += _advice_lines(advice, item.thread.question.text)
        lines.append("")
    for number, item in enumerate(report.items, 1):
        lines += _item(item, number)
    lines += [f"Session {report.session_id}, mode {report.mode}.", ""]
    return "\n".join(lines)


def as_json(report: Report, rubric: Rubric) -> dict[str, Any]:
    """Return the report as JSON data."""
    return {
        "session": report.session_id,
        "date": report.date,
        "mode": report.mode,
        "planned": report.planned,
        "overall": [
            {"graded_by": who, "mean": round(mean, 1), "band": band.name, "rule": band.rule}
            for who, mean, band in overall(report, rubric)
        ],
        "questions": [
            {
                "question_id": item.thread.question.id,
                "question": item.thread.question.text,
                "topic": item.thread.question.topic,
                "level": item.thread.question.level,
                "score_before_help": item.before.score if item.before else None,
                "score": item.after.score if item.after else None,
                "hints": item.hints,
                "follow_ups": item.follow_ups,
                "turns": to_json(item.thread.turns),
                "grade": public(item.after) if item.after else None,
            }
            for item in report.items
        ],
    }


def public(grade: Grade) -> dict[str, Any]:
    """Return a grade as the JSON of the command-line contract: all but the raw exchange."""
    found: dict[str, Any] = to_json(grade)
    del found["raw"]
    order = ("score", "ungraded_reason", "graded_by", "points", "criteria", "errors")
    return {key: found[key] for key in (*order, *(k for k in found if k not in order))}


def _item(item: ThreadReport, number: int) -> list[str]:
    question = item.thread.question
    lines = [f"## {number}. {_line(question.text)}", ""]
    lines += [f"Score: {_line(item.state)}", ""]
    for turn in item.thread.turns:
        if turn.ask is not Ask.QUESTION:
            lines += [f"*Interviewer ({turn.ask.value}): {_line(turn.text)}*", ""]
        if turn.reply:
            lines += [*(f"> {line}" for line in turn.reply.splitlines()), ""]
    lines += _points("Covered", item.points(Verdict.STATED, Verdict.PARTLY))
    lines += _points("Wrong", item.points(Verdict.CONTRADICTED))
    others = item.after.errors if item.after else ()
    known = {point.quote for point in item.points(Verdict.CONTRADICTED)}
    lines += [
        f"- “{_line(error.quote)}”: {_line(error.why)}"
        for error in others
        if error.quote not in known
    ]
    lines += _points("Missed", item.points(Verdict.MISSING))
    if item.over:
        lines += ["**Reference answer**", "", question.answer.strip(), ""]
        if question.sources:
            lines += [f"Sources: {'; '.join(question.sources)}", ""]
    if item.after and item.after.graded:
        lines += [f"Graded by {graded_by(item.after)}.", ""]
    return lines


def _points(title: str, points: Sequence[PointGrade]) -> list[str]:
    if not points:
        return []
    lines = [f"**{title}**", ""]
    for point in points:
        half = " (partly)" if point.verdict is Verdict.PARTLY else ""
        quote = f" You said: “{_line(point.quote)}”." if point.quote else ""
        lines.append(f"- {_line(point.says)}{half}{quote}")
    return [*lines, ""]


def _advice_lines(advice: Advice, question: str) -> list[str]:
    return [
        f"- *{_line(question)}* {_line(advice.moment)}",
        f"  {_line(advice.advice)} Drill: {_line(advice.drill)}",
    ]


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _spaced(lines: Sequence[str]) -> list[str]:
    return [part for line in lines for part in (line, "")]
