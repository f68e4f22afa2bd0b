"""The question bank: the shipped files and the user's own, as one frozen value.

Importing this package, and loading a bank that did not change, imports neither yaml nor pydantic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from interviewer.errors import BankError, NotFoundError
from interviewer.prompts import data_folder
from interviewer.settings import Settings
from interviewer.types import Question

from . import files
from .cache import Cache
from .form import ParsedFile, to_dict
from .words import slug_for

__all__ = ["Bank", "load", "slug_for", "to_dict"]


@dataclass(frozen=True, slots=True)
class Bank:
    """The questions of all good files, in file order, and one line for each fault of the others."""

    questions: tuple[Question, ...]
    faults: tuple[str, ...] = ()

    def get(self, question_id: str) -> Question:
        """Return the question with this id. Raises NotFoundError naming the nearest ids."""
        for question in self.questions:
            if question.id == question_id:
                return question
        raise NotFoundError.near("question", question_id, (q.id for q in self.questions))

    def topics(self) -> tuple[str, ...]:
        """Return the topics that have questions, in alphabetical order."""
        return tuple(sorted({question.topic for question in self.questions}))

    def select(
        self, topics: Sequence[str] | None = None, levels: int | Sequence[int] | None = None
    ) -> tuple[Question, ...]:
        """Return the questions of these topics and levels, in bank order; None or empty means all.

        Raises NotFoundError for a topic or a level that has no question.
        """
        names = [topic.strip().lower() for topic in topics or ()]
        for name in names:
            if name not in self.topics():
                raise NotFoundError.near("topic", name, self.topics())
        chosen = [q for q in self.questions if not names or q.topic in names]
        wanted = [levels] if isinstance(levels, int) else list(levels or ())
        have = sorted({question.level for question in chosen})
        for level in wanted:
            if level not in have:
                raise _no_such_level(level, have, names)
        return tuple(question for question in chosen if not wanted or question.level in wanted)


def load(settings: Settings) -> Bank:
    """Read the shipped bank and the user's own.

    Nothing is loaded from a file with a fault; the faults are for the caller to show. Never raises
    for what stands in a file.
    """
    cache = Cache(settings.cache_folder)
    questions: list[Question] = []
    places: dict[str, str] = {}
    paths, faults = _paths(data_folder("knowledge"), settings.bank_folder)
    for path in paths:
        parsed = _parsed(path, cache)
        faults += parsed.faults
        twice = _duplicates(path, parsed, places)
        faults += twice
        if twice or parsed.faults:
            continue
        questions += parsed.questions
        for question, line in zip(parsed.questions, parsed.lines, strict=True):
            places[question.id] = f"{path}:{line}"
    cache.save()
    return Bank(tuple(questions), tuple(faults))


def _paths(shipped: Path, own: Path) -> tuple[list[Path], list[str]]:
    paths: list[Path] = []
    faults: list[str] = []
    for folder in (shipped, own):
        try:
            paths += files.find(folder)
        except BankError as fault:
            faults += fault.faults
    if not shipped.is_dir():
        faults.append(f"{shipped}: the shipped questions are not there; install the program again.")
    return paths, faults


def _parsed(path: Path, cache: Cache) -> ParsedFile:
    try:
        data = files.read(path)
    except BankError as fault:
        return ParsedFile(faults=fault.faults)
    parsed = cache.get(path, data)
    if parsed is None:
        from .reading import parse

        parsed = parse(path, data)
        cache.put(path, data, parsed)
    return parsed


def _duplicates(path: Path, parsed: ParsedFile, places: dict[str, str]) -> list[str]:
    return [
        f"{path}:{line}: question {question.id}: id: stands at {places[question.id]} too;"
        " give this one another id."
        for question, line in zip(parsed.questions, parsed.lines, strict=True)
        if question.id in places
    ]


def _no_such_level(level: int, have: Sequence[int], topics: Sequence[str]) -> NotFoundError:
    where = f" on {', '.join(topics)}" if topics else ""
    there = f"There are levels {', '.join(map(str, have))}." if have else "The bank is empty."
    return NotFoundError(f"No question of level {level}{where}. {there}")
