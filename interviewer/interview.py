"""The loop: ask, listen, record, grade, move. All state is in the history, so that going on after a
crash is the same code as going on after a reply."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum

from . import policy
from .agent import Interviewer
from .bank import Bank
from .errors import DataError, NotFoundError
from .history import History, Session
from .report import Report, ThreadReport
from .terminal.editor import edit_in_editor
from .terminal.entry import COMMANDS, Entry, EntryKind, Reader, check_reply
from .terminal.meaning import Meaning, meaning
from .terminal.screen import Screen
from .types import Ask, Grade, Question, Thread, Turn

DEFAULT_QUESTIONS = 5


class Mode(StrEnum):
    """When the candidate sees feedback: after each question, at the end, or not at all."""

    COACH = "coach"
    INTERVIEW = "interview"
    QUIET = "quiet"


class Ending(StrEnum):
    """How a run of the interview ended."""

    FINISHED = "finished"
    STOPPED = "stopped"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"


LIMITS = {
    Mode.COACH: policy.Limits(follow_ups=3, hints=3),
    Mode.INTERVIEW: policy.Limits(follow_ups=2, hints=2),
    Mode.QUIET: policy.Limits(follow_ups=2, hints=2),
}


def pick(
    questions: Sequence[Question], count: int, rng: random.Random, asked: dict[str, int]
) -> tuple[Question, ...]:
    """Choose the questions of a session: the least asked first, spread over topics, easy to hard.

    `asked` says how often each question was asked before.
    """
    shuffled = list(questions)
    rng.shuffle(shuffled)
    shuffled.sort(key=lambda question: asked.get(question.id, 0))
    chosen: list[Question] = []
    while shuffled and len(chosen) < count:
        used = [question.topic for question in chosen]
        best = min(shuffled, key=lambda q: (asked.get(q.id, 0), used.count(q.topic)))
        shuffled.remove(best)
        chosen.append(best)
    return tuple(sorted(chosen, key=lambda question: question.level))


@dataclass(frozen=True, slots=True)
class Backstage:
    """What works behind the screen: `start` begins loading, `grade` grades a thread."""

    start: Callable[[], None]
    grade: Callable[[Thread], Grade]


class Interview:
    """One session, run or gone on with."""

    def __init__(
        self,
        session: Session,
        *,
        bank: Bank,
        history: History,
        screen: Screen,
        reader: Reader,
        interviewer: Interviewer,
        backstage: Backstage,
        speak: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._mode = Mode(session.mode)
        self._limits = LIMITS[self._mode]
        self._bank = bank
        self._history = history
        self._screen = screen
        self._reader = reader
        self._interviewer = interviewer
        self._backstage = backstage
        self._speak = speak
        self._clock = clock
        self._began = clock()
        self._started = False

    def run(self) -> Ending:
        """Ask what is left of the plan. Whatever ends it, all that was said is in the history."""
        try:
            return self._run()
        except KeyboardInterrupt:
            return Ending.INTERRUPTED

    def _run(self) -> Ending:
        threads = {thread.question.id: thread for thread in self._threads()}
        for position, question_id in enumerate(self._session.plan):
            thread = threads.get(question_id)
            if thread is None:
                if not self._in_time():
                    self._screen.note("The time is up.")
                    break
                try:
                    question = self._bank.get(question_id)
                except NotFoundError:
                    self._screen.note(f"Question {question_id} is not in the bank any more.")
                    continue
                thread = self._history.add_thread(self._session.id, position, question)
            ending = self._thread(thread, position + 1)
            if ending is not None:
                return ending
        return Ending.FINISHED

    def _thread(self, thread: Thread, number: int) -> Ending | None:
        """Lead one question to its end; None means on to the next."""
        if self._over(thread):
            return None
        self._open(thread, number)
        ending = self._exchange(thread)
        thread = self._history.thread(thread.id)
        shown = self._mode is Mode.COACH and ending in (None, Ending.STOPPED)
        if shown and thread.replies:
            show_thread(self._screen, thread_report(self._history, thread))
        return ending

    def _exchange(self, thread: Thread) -> Ending | None:
        """Ask, listen and follow up until there is nothing left to ask."""
        while True:
            thread = self._history.thread(thread.id)
            turn = thread.turns[-1] if thread.turns else None
            if turn is None:
                turn = self._ask(thread, Ask.QUESTION, thread.question.text)
            elif turn.reply is not None or turn.skipped:
                move = self._next_move(thread)
                if move.ask is None:
                    return None
                self._say(self._ask_move(thread, move).text)
                continue
            ending = self._listen(self._history.thread(thread.id), turn)
            if ending is not None:
                return ending

    def _open(self, thread: Thread, number: int) -> None:
        question = thread.question
        self._screen.question(
            question.text,
            number=number,
            total=None if self._session.minutes else len(self._session.plan),
            topic=question.topic,
            level=question.level,
        )
        if len(thread.turns) > 1:
            self._say(thread.turns[-1].text)
        else:
            self._speak(question.text)
        if not self._started:
            self._started = True
            self._backstage.start()

    def _say(self, text: str) -> None:
        self._screen.say(text)
        self._speak(text)

    def _ask(self, thread: Thread, ask: Ask, text: str, point_id: str | None = None) -> Turn:
        return self._history.add_turn(thread.id, ask, text, point_id)

    def _ask_move(self, thread: Thread, move: policy.Move) -> Turn:
        assert move.ask is not None
        pondering = self._screen.status("Thinking about what to ask")
        with pondering if self._interviewer.ponders else nullcontext():
            text = self._interviewer.word(move, thread)
        return self._ask(thread, move.ask, text, move.point.id if move.point else None)

    def _next_move(self, thread: Thread) -> policy.Move:
        grade = self._graded(thread)
        last = thread.turns[-1].reply
        return policy.next_move(
            thread,
            grade,
            limits=self._limits,
            gave_up=last is not None and meaning(last) is Meaning.DONT_KNOW,
            in_time=self._in_time(),
        )

    def _graded(self, thread: Thread) -> Grade | None:
        """Return the grade of all that was said, grading it now if that has not been done."""
        upto = last_counted(thread)
        if upto is None:
            return None
        stored = self._history.grades(thread.id)
        if stored and stored[-1].upto_turn_id == upto.id:
            return stored[-1].grade
        with self._screen.status("Reading your reply"):
            grade = self._backstage.grade(thread)
        self._history.add_grade(thread.id, upto.id, grade)
        return grade

    def _listen(self, thread: Thread, turn: Turn) -> Ending | None:
        """Read until the turn has a reply, is skipped or is replaced by a hint, or the end."""
        prefill = self._history.draft(turn.id) or ""
        while True:
            entry = self._reader.read(
                prefill=prefill,
                on_change=lambda text: self._history.save_draft(turn.id, text),
            )
            prefill = entry.text if entry.kind is EntryKind.COMMAND else ""
            match self._wish(entry):
                case "end" | "stop":
                    return Ending.STOPPED
                case "interrupt":
                    return Ending.INTERRUPTED
                case "pause":
                    return Ending.PAUSED
                case "wait":
                    self._screen.note("Take your time. /pause leaves the rest for later.")
                case "skip":
                    self._history.record_skip(turn.id)
                    return None
                case "hint":
                    if self._hint(thread):
                        return None
                case "repeat":
                    self._say(turn.text)
                case "edit":
                    prefill = self._edited(entry)
                case "help":
                    for name, what in COMMANDS.items():
                        self._screen.note(f"/{name:<8}{what}")
                case "reply":
                    if self._accepted(turn, entry.text):
                        return None
                    prefill = entry.text
                case unknown:
                    self._screen.note(f"There is no command /{unknown}. /help lists them.")

    def _wish(self, entry: Entry) -> str:
        """Return what the candidate wants: a command's name, or “reply”."""
        if entry.kind is EntryKind.COMMAND:
            return entry.name
        if entry.kind is not EntryKind.REPLY:
            return entry.kind.value
        return _SPOKEN.get(meaning(entry.text), "reply")

    def _accepted(self, turn: Turn, text: str) -> bool:
        try:
            check_reply(text)
        except DataError as fault:
            self._screen.note(str(fault))
            return False
        self._history.record_reply(turn.id, text)
        self._screen.echo_reply(text)
        self._keep_time()
        return True

    def _hint(self, thread: Thread) -> bool:
        """Give a hint, if one is left; the turn that asked stays open in the hint's turn."""
        move = policy.hint_move(thread, self._latest(thread), limits=self._limits)
        if move.ask is None:
            self._screen.note("There is no further hint for this question.")
            return False
        self._say(self._ask_move(thread, move).text)
        return True

    def _edited(self, entry: Entry) -> str:
        try:
            return edit_in_editor(entry.text)
        except DataError as fault:
            self._screen.note(str(fault))
            return entry.text

    def _over(self, thread: Thread) -> bool:
        """Whether a thread met again on resume has nothing left to ask."""
        last = thread.turns[-1] if thread.turns else None
        if last is None or (last.reply is None and not last.skipped):
            return False
        upto = last_counted(thread)
        stored = self._history.grades(thread.id)
        if upto is not None and not (stored and stored[-1].upto_turn_id == upto.id):
            return False
        return self._next_move(thread).ask is None

    def _in_time(self) -> bool:
        """Whether the minutes of the session are not over; time away from it does not count."""
        minutes = self._session.minutes
        return minutes is None or self._spent_s() < 60 * minutes

    def _spent_s(self) -> float:
        return self._session.spent_s + self._clock() - self._began

    def _keep_time(self) -> None:
        plan = self._session.plan
        self._history.save_progress(self._session.id, plan=plan, spent_s=self._spent_s())

    def _latest(self, thread: Thread) -> Grade | None:
        stored = self._history.grades(thread.id)
        return stored[-1].grade if stored else None

    def _threads(self) -> Sequence[Thread]:
        return self._history.threads(self._session.id)


def session_report(history: History, session: Session) -> Report:
    """Read back a session as a report."""
    threads = history.threads(session.id)
    return Report(
        session_id=session.id,
        date=session.started_at[:10],
        mode=session.mode,
        planned=len(threads) if session.minutes else len(session.plan),
        items=tuple(thread_report(history, thread) for thread in threads),
    )


def thread_report(history: History, thread: Thread) -> ThreadReport:
    """Read back the first and the last grade of a thread."""
    stored = history.grades(thread.id)
    first = thread.turns[0] if thread.turns else None
    before = [s.grade for s in stored if first is not None and s.upto_turn_id == first.id]
    return ThreadReport(
        thread, before[-1] if before else None, stored[-1].grade if stored else None
    )


def last_counted(thread: Thread) -> Turn | None:
    """Return the last turn with a reply that counts for the grade."""
    counted = [turn for turn in thread.turns if turn.reply and turn.ask is not Ask.DEEPEN]
    return counted[-1] if counted else None


def show_thread(screen: Screen, item: ThreadReport) -> None:
    """Show the feedback of one question: the grade with its evidence, then the reference."""
    if item.after is None:
        screen.note(f"{item.state.capitalize()}.")
    else:
        screen.feedback(
            item.after, before=item.before, hints=item.hints, follow_ups=item.follow_ups
        )
    if item.over:
        screen.reference(item.thread.question.answer)


_SPOKEN = {
    Meaning.REPEAT: "repeat",
    Meaning.HINT: "hint",
    Meaning.SKIP: "skip",
    Meaning.STOP: "stop",
    Meaning.PAUSE: "wait",
}
