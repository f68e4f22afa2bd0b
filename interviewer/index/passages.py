"""Cuts questions into the texts that are indexed: the question, its answer, and each point."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass

from interviewer.types import PassageKind, Question

SCHEMA = 1  # raise it when ids, texts or metadata change: every index is then built anew
LONGEST = 1000  # characters; about 220 of the 256 tokens that the embedded model reads
SENTENCES = 3  # in one part of a longer answer

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One text to be indexed, with what can be filtered by."""

    id: str
    question_id: str
    kind: PassageKind
    topic: str
    level: int
    text: str

    @property
    def hash(self) -> str:
        """Changes with every field, so an equal hash means that nothing has to be done."""
        return hashlib.sha256(json.dumps(astuple(self)).encode()).hexdigest()[:32]


def entries(questions: Iterable[Question]) -> dict[str, Entry]:
    """Return all texts of the questions by id.

    Ids are `QUESTION/question`, `QUESTION/answer` (`QUESTION/answer/2` and on for the further
    parts of a long answer) and `QUESTION/point/POINT`.
    """
    found = (entry for question in questions for entry in _of(question))
    return {entry.id: entry for entry in found if entry.text}


def _of(question: Question) -> Iterator[Entry]:
    def entry(kind: PassageKind, text: str, *more: str) -> Entry:
        path = "/".join((question.id, kind, *more))
        return Entry(path, question.id, kind, question.topic, question.level, _storable(text))

    yield entry(PassageKind.QUESTION, question.text)
    for number, part in enumerate(parts(question.answer), start=1):
        yield entry(PassageKind.ANSWER, part, *([str(number)] if number > 1 else []))
    for point in question.points:
        yield entry(PassageKind.POINT, point.says, point.id)


def parts(text: str) -> list[str]:
    """Cut a text that is longer than LONGEST into parts of one to three whole sentences."""
    text = text.strip()
    if len(text) <= LONGEST:
        return [text]
    cut: list[list[str]] = [[]]
    for sentence in _SENTENCE_END.split(text):
        full = len(cut[-1]) == SENTENCES or len(" ".join((*cut[-1], sentence))) > LONGEST
        if full and cut[-1]:
            cut.append([])
        cut[-1].append(sentence)
    return [" ".join(sentences) for sentences in cut]


def _storable(text: str) -> str:
    """Replace the half characters and zero bytes that a database refuses."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ").strip()
