"""The grader that asks a language model: one structured call a thread, and at most one more.

The model gives verdicts with quotes; `answer` checks them and `scoring` adds them up. Nothing that
stands inside a reply is an instruction, and no failure becomes a number.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from interviewer import llm, prompts
from interviewer.errors import ModelError
from interviewer.settings import Settings
from interviewer.types import (
    Ask,
    CriterionGrade,
    Grade,
    GradedBy,
    Passage,
    Point,
    PointGrade,
    Thread,
    Usage,
    Verdict,
)

from . import answer, rubric, scoring, screening

LONGEST_READ = 24_000  # characters of all replies of a thread; about 6,000 tokens
LONGEST_REPAIRED = 8_000  # characters of an unusable answer that the model sees again

_PROMPTS = ("grader.md", "grader-question.md", "grader-replies.md", "grader-repair.md")
_READ = "I have read the question, its reference and its points. Show me the conversation."
# Three or more brackets of any shape, also with invisible characters between them.
_FENCE = re.compile(
    r"(?:[<＜‹«〈《][\s\u200b-\u200f\u2060\ufeff]*){3,}|(?:[>＞›»〉》][\s\u200b-\u200f\u2060\ufeff]*){3,}"
)


class LlmGrader:
    """Grades with a model, by default the one that the settings name.

    `boundary` gives the random word that fences the replies of one call. Making one loads the
    client, which takes a second. Raises ModelError if there is no key, or no usable address.
    """

    def __init__(
        self,
        settings: Settings,
        model: str | None = None,
        *,
        boundary: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._name = model or settings.grader_model or settings.model
        self._chat = llm.chat_model(settings, self._name)
        self._boundary = boundary

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._name

    @cached_property
    def prompt(self) -> str:
        """Hash of all that the model is told: prompts, rubric and schema. Raises PromptError."""
        files = prompts.fingerprint(*_PROMPTS, rubric.FILE)
        told = files + json.dumps(answer.schema(1, rubric.load()), sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    def grade(self, thread: Thread, passages: Sequence[Passage]) -> Grade:
        """Grade the thread; an ungraded Grade says in one sentence why there is no score."""
        by = GradedBy("model", self.name, self.prompt, tuple(p.id for p in passages))
        delivery = scoring.delivery(thread.said)
        if not thread.question.points:
            return Grade(
                None, by, "The question has no points to grade against.", delivery=delivery
            )
        nothing = screening.nothing_said(thread)
        if nothing is not None:
            return _nothing(thread, by, nothing)
        exchanges: list[llm.Exchange] = []
        judged: answer.Judgement | None = None
        reason: str | None = None
        try:
            judged, reason = self._ask(thread, passages, exchanges)
        except ModelError as fault:
            reason = str(fault)
        usage = _sum(exchanges)
        raw = json.dumps([exchange.raw for exchange in exchanges], ensure_ascii=False)
        if judged is None:
            return Grade(None, by, reason, delivery=delivery, usage=usage, raw=raw)
        return Grade(
            score=judged.score,
            graded_by=by,
            points=judged.points,
            criteria=_noted(judged.criteria, thread),
            errors=judged.errors,
            delivery=delivery,
            advice=judged.advice,
            usage=usage,
            raw=raw,
        )

    def _ask(
        self, thread: Thread, passages: Sequence[Passage], exchanges: list[llm.Exchange]
    ) -> tuple[answer.Judgement | None, str | None]:
        """Ask, and once more if the answer cannot be used; each exchange is added to `exchanges`.

        Returns what the answer is worth, or why neither could be used. Raises ModelError.
        """
        standard = rubric.load()
        form = answer.schema(len(thread.question.points), standard)
        told = messages(thread, passages, self._boundary())
        fault = ""
        for again in (False, True):
            asked = [*told, *_repair(exchanges[-1], fault)] if again else told
            exchange = llm.structured(self._chat, form, asked)
            exchanges.append(exchange)
            if exchange.parsed is None:
                fault = exchange.fault or "The model's answer is empty."
                continue
            try:
                found = answer.read(exchange.parsed, len(thread.question.points), standard)
            except ValueError as wrong:
                fault = f"The model's answer does not fit: {wrong}."
                continue
            return answer.judge(found, thread), None
        return None, f"{fault} It was asked twice."


def messages(thread: Thread, passages: Sequence[Passage], boundary: str) -> llm.Messages:
    """Return what the model is told: instructions, question, and last the conversation.

    The first three messages are the same, byte for byte, for every reply to one question, so that
    a server can keep what it has read of them.
    """
    question = thread.question
    return [
        ("system", prompts.render("grader.md", rubric=_anchors())),
        (
            "human",
            prompts.render(
                "grader-question.md",
                question=question.text,
                answer=question.answer,
                points="\n\n".join(_point(i, point) for i, point in enumerate(question.points)),
            ),
        ),
        ("ai", _READ),  # some servers want the roles to take turns
        (
            "human",
            prompts.render(
                "grader-replies.md",
                boundary=boundary,
                passages=_background(thread, passages, boundary),
                conversation=_conversation(thread, boundary),
            ),
        ),
    ]


def _anchors() -> str:
    parts = []
    for criterion in rubric.load().criteria:
        levels = sorted(criterion.anchors.items(), reverse=True)
        lines = "\n".join(f"- {level}: {anchor}" for level, anchor in levels)
        parts.append(f"### {criterion.name}\n\n{criterion.asks}\n\n{lines}")
    return "\n\n".join(parts)


def _point(place: int, point: Point) -> str:
    lines = [f"{answer.alias(place)}: {point.says}"]
    lines += [f"- also said as: {way}" for way in point.also]
    lines += [f"- wrong version: {way}" for way in point.wrong]
    return "\n".join(lines)


def _background(thread: Thread, passages: Sequence[Passage], boundary: str) -> str:
    others = [p.text for p in passages if p.question_id != thread.question.id]
    return "\n\n".join(f"- {_defused(text, boundary)}" for text in others) or "None."


def _conversation(thread: Thread, boundary: str) -> str:
    """Write the turns down, each reply in its fence, as far as the model is to read."""
    left = LONGEST_READ
    lines = []
    for turn in thread.turns:
        if turn.ask is Ask.DEEPEN:
            continue
        lines.append(f"The interviewer ({turn.ask.value}): {_defused(turn.text, boundary)}")
        if not turn.reply:
            lines.append("(no reply)")
            continue
        read, left = turn.reply[:left], max(0, left - len(turn.reply))
        lines += [f"<<<reply {boundary}>>>", _defused(read, boundary), f"<<<end {boundary}>>>"]
        if len(read) < len(turn.reply):
            lines.append(f"(cut here: {len(turn.reply) - len(read)} characters are not shown)")
    return "\n".join(lines)


def _defused(text: str, boundary: str) -> str:
    """Rewrite what looks like a fence, so that no text can end the one it stands in."""
    return _FENCE.sub("[brackets]", text).replace(boundary, "[boundary]")


def _noted(criteria: Mapping[str, CriterionGrade], thread: Thread) -> Mapping[str, CriterionGrade]:
    """Say beside every criterion that the model has read only a part, where that is so."""
    if sum(len(reply) for reply in thread.replies) <= LONGEST_READ:
        return criteria
    note = f"Only the first {LONGEST_READ:,} characters were read."
    return {
        name: replace(criterion, why=f"{criterion.why} {note}")
        for name, criterion in criteria.items()
    }


def _repair(exchange: llm.Exchange, fault: str) -> llm.Messages:
    return [
        ("ai", exchange.raw[:LONGEST_REPAIRED] or "(no answer)"),
        ("human", prompts.render("grader-repair.md", fault=fault)),
    ]


def _sum(exchanges: Sequence[llm.Exchange]) -> Usage | None:
    if not exchanges:
        return None
    return Usage(
        calls=sum(exchange.usage.calls for exchange in exchanges),
        input_tokens=sum(exchange.usage.input_tokens for exchange in exchanges),
        output_tokens=sum(exchange.usage.output_tokens for exchange in exchanges),
    )


def _nothing(thread: Thread, by: GradedBy, why: str) -> Grade:
    points = tuple(
        PointGrade(p.id, p.says, p.weight, Verdict.MISSING, 0.0, None, why)
        for p in thread.question.points
    )
    return Grade(
        score=scoring.score(points),
        graded_by=by,
        points=points,
        criteria=scoring.levels(points),
        delivery=scoring.delivery(thread.said),
        advice=scoring.advice(points),
    )
