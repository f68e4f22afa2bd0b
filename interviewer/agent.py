"""Word the interviewer's moves: with the bank's own lines, or by a model whose words are checked.

What to ask is decided in `policy`; here it is only said.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from . import prompts
from .bank.checking import reveals
from .errors import ModelError
from .policy import Move
from .types import Ask, Thread

LONGEST_QUOTE_WORDS = 14
LONGEST_SAYING_WORDS = 60
LEAK_RUN = 6  # this many words of the reference in a row give it away

Speak = Callable[[str, str], str]
"""Takes the instructions and the task, returns the model's words. Raises ModelError."""

_OPENERS: dict[Ask, Sequence[str]] = {
    Ask.PROBE: (
        "Let me ask about one part of this.",
        "Let us stay here a moment.",
        "One more thing on this question.",
        "Going a step further.",
    ),
    Ask.CLARIFY: (
        "You said: “{quote}”. Can you be more exact?",
        "I heard “{quote}”. Let me follow that up.",
        "Let me pick up “{quote}”.",
    ),
    Ask.CHALLENGE: (
        "You said: “{quote}”. Let me check that with you.",
        "I want to go back to “{quote}”.",
        "Think once more about “{quote}”.",
    ),
    Ask.HINT: ("A hint:", "Here is a nudge:", "Something to start from:"),
    Ask.DEEPEN: ("Let us go beyond the question.", "One step further.", "Suppose we push this."),
}
_TASKS: dict[Ask, str] = {
    Ask.PROBE: "the candidate has not come to one part of the answer yet; ask a question that "
    "draws it out.",
    Ask.CLARIFY: "the candidate said “{quote}”, which is only half of the point; ask for the rest.",
    Ask.CHALLENGE: "the candidate said “{quote}”, which does not hold; ask so that they think "
    "about it again, without saying that it is wrong.",
    Ask.HINT: "the candidate would like a hint; give a nudge that helps them start.",
    Ask.DEEPEN: "the candidate has covered everything; ask the question that goes further.",
}
_ANYTHING_ELSE = "What else belongs to a full answer?"
_STEP_BY_STEP = "Say how it works step by step, in plain words."


class Interviewer(Protocol):
    """Says a move of the policy."""

    @property
    def ponders(self) -> bool:
        """Whether wording takes long enough that the screen should say so."""
        ...

    def word(self, move: Move, thread: Thread) -> str:
        """Return what the interviewer says for this move of this thread."""
        ...


class BankInterviewer:
    """Says the bank's own probe, hint or deepen line, after a connective that varies."""

    ponders = False

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def word(self, move: Move, thread: Thread) -> str:
        """Return the bank's line for the move, without giving away more than the bank does."""
        assert move.ask is not None
        ask = move.ask
        if ask in (Ask.CLARIFY, Ask.CHALLENGE) and not move.quote:
            ask = Ask.PROBE
        opener = self._rng.choice(_OPENERS[ask]).format(quote=_shortened(move.quote or ""))
        return f"{opener} {bank_line(move, thread)}"


class ModelInterviewer:
    """Lets a model word the move; words that leak, ramble or fail are replaced by the bank's."""

    def __init__(self, speak: Speak, bank: BankInterviewer, notice: Callable[[str], None]) -> None:
        self._speak = speak
        self._bank = bank
        self._notice = notice
        self._failed = False

    @property
    def ponders(self) -> bool:
        """Whether the model is asked; once it has failed it is not."""
        return not self._failed

    def word(self, move: Move, thread: Thread) -> str:
        """Return the model's words where they may be said, else the bank's."""
        if self._failed:
            return self._bank.word(move, thread)
        try:
            said = " ".join(self._speak(*self._prompt(move, thread)).split())
        except ModelError as fault:
            self._failed = True
            self._notice(f"{fault} The follow-ups come from the question bank now.")
            return self._bank.word(move, thread)
        return said if sayable(said, move.ask, thread) else self._bank.word(move, thread)

    def _prompt(self, move: Move, thread: Thread) -> tuple[str, str]:
        assert move.ask is not None
        boundary = f"=={secrets.token_hex(6)}=="
        task = _TASKS[move.ask].format(quote=_shortened(move.quote or ""))
        return prompts.render("interviewer.md", boundary=boundary), prompts.render(
            "interviewer-task.md",
            question=thread.question.text,
            conversation=_conversation(thread, boundary),
            task=task,
            bank_line=bank_line(move, thread),
        )


def bank_line(move: Move, thread: Thread) -> str:
    """Return the bank's own line for the move, or a plain one where the bank has none."""
    if move.ask is Ask.DEEPEN:
        return thread.question.deepen[0]
    assert move.point is not None
    if move.ask is Ask.HINT:
        return move.point.hint or _STEP_BY_STEP
    return move.point.probe or _ANYTHING_ELSE


def sayable(text: str, ask: Ask | None, thread: Thread) -> bool:
    """Whether the words are one short question that gives away no point not yet said.

    A hint may do without the question.
    """
    words = _folded(text)
    questions = text.count("?")
    if questions > 1 or (questions == 0 and ask is not Ask.HINT):
        return False
    if not 3 <= len(words) <= LONGEST_SAYING_WORDS:
        return False
    known = _folded(f"{thread.question.text} {thread.said}")
    for start in range(len(words) - LEAK_RUN + 1):
        run = words[start : start + LEAK_RUN]
        if _holds(_folded(thread.question.answer), run) and not _holds(known, run):
            return False
    open_text = f"{thread.question.text} {thread.said}"
    return not any(reveals(text, point.says, open_text) for point in thread.question.points)


def _conversation(thread: Thread, boundary: str) -> str:
    lines = []
    for turn in thread.turns:
        lines.append(f"Interviewer: {turn.text}")
        if turn.reply:
            lines.append(f"{boundary}\n{turn.reply.replace(boundary, '')}\n{boundary}")
    return "\n".join(lines)


def _shortened(quote: str) -> str:
    words = quote.split()
    cut = " ".join(words[:LONGEST_QUOTE_WORDS])
    return f"{cut} …" if len(words) > LONGEST_QUOTE_WORDS else cut.rstrip(".,;")


def _folded(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _holds(words: Sequence[str], run: Sequence[str]) -> bool:
    return any(list(words[i : i + len(run)]) == list(run) for i in range(len(words) - len(run) + 1))
