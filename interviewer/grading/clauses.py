"""Cut spoken text into windows: clauses, sentences and neighboring pairs of them.

A window keeps its place in the reply, so that the words it quotes are the candidate's own; fillers
are left out only of the text that is compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# A reply longer than this is judged by its first sentences: about ten minutes of speech.
MOST_SENTENCES = 90
LONG_SENTENCE = 45  # words; speech without punctuation is cut there
SHORTEST_CLAUSE = 4  # words; a shorter one belongs to its neighbor

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_SENTENCE_END = re.compile(
    r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)(?<=[.!?…])[\"”’)]*\s+|"
    # A line that goes on in lower case is no new sentence: people break lines anywhere.
    r"\s*\n\s*(?:\n\s*|(?=[^a-z\s]))|;\s+"
)
_CLAUSE_END = re.compile(
    r"\s*[,:(–—]+\s+|\s+-+\s+|"
    r"\s+(?=(?:and|but|because|cause|so|which|while|whereas|since|then|if|when|unless|although|"
    r"though|instead|where|or)\b)",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"\b(?:u+m+|u+h+|erm*|hmm+|mhm|you know|i mean|i think|i guess|i believe|i would say|i'd say|"
    r"sort of|kind of|basically|actually|honestly|let me think|let's see|let me see|right\?|"
    r"or something|and so on|like(?=,))(?:\s*,|\b)",
    re.IGNORECASE,
)
_OPENER = re.compile(
    r"^(?:(?:and|but|so|then|because|cause|okay|ok|yeah|yes|well|also|now|right|as for)\b[\s,]*)+",
    re.IGNORECASE,
)
_EDGES = re.compile(r"^[\s,;:.…–—-]+|[\s,;:.…–—-]+$")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one reply, `start` to `end` in characters."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the words of the stretch as they stand."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a reply to compare with claims: `quote` verbatim, `plain` without fillers.

    `sentences` are the numbers of the first and the last sentence it lies in. `asked` is set where
    it is too short to be understood without the question that it answers.
    """

    quote: str
    plain: str
    sentences: tuple[int, int]
    asked: str = ""

    @property
    def read(self) -> str:
        """The text whose vector is compared: what was said, in the light of what was asked."""
        return f"{self.asked} {self.plain}" if self.asked else self.plain


def sentences(text: str) -> tuple[Span, ...]:
    """Return the sentences; text without punctuation is cut at conjunctions."""
    return tuple(
        part
        for span in _split(text, Span(0, len(text)), _SENTENCE_END)
        for part in _shorten(text, span)
    )


def windows(text: str, spans: Sequence[Span] | None = None) -> tuple[Window, ...]:
    """Return the windows of a reply, in order; `spans` are the sentences of it that count."""
    spans = tuple(sentences(text) if spans is None else spans)[:MOST_SENTENCES]
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for number, span in enumerate(spans):
        parts = clauses(text, span)
        for part in (*parts, *_pairs(parts), span):
            found.setdefault((part.start, part.end), (number, number))
    for number, (one, next_one) in enumerate(pairwise(spans)):
        if not _WORD.search(text, one.end, next_one.start):  # what was left out stays out
            found.setdefault((one.start, next_one.end), (number, number + 1))
    made = (
        Window(text[start:end], plain(text[start:end]), place)
        for (start, end), place in sorted(found.items())
    )
    sized = [(len(_WORD.findall(window.plain)), window) for window in made]
    fewest = 2 if any(words > 1 for words, _ in sized) else 1
    return tuple(window for words, window in sized if words >= fewest)


def clauses(text: str, span: Span) -> tuple[Span, ...]:
    """Return the clauses of a sentence; those too short to mean something are joined."""
    joined: list[Span] = []
    for part in _split(text, span, _CLAUSE_END):
        short = joined and min(_count(text, joined[-1]), _count(text, part)) < SHORTEST_CLAUSE
        if short:
            joined[-1] = Span(joined[-1].start, part.end)
        else:
            joined.append(part)
    return tuple(joined)


def plain(text: str) -> str:
    """Return the text without fillers and openers, with single spaces."""
    told = _EDGES.sub("", " ".join(_FILLER.sub(" ", text).split()))
    return _OPENER.sub("", told) or told


def _split(text: str, span: Span, at: re.Pattern[str]) -> list[Span]:
    """Cut a span where the pattern matches; parts without a word are dropped."""
    found, start = [], span.start
    for match in at.finditer(text, span.start, span.end):
        found.append(Span(start, match.start()))
        start = match.end()
    found.append(Span(start, span.end))
    return [_trim(text, part) for part in found if _WORD.search(text, part.start, part.end)]


def _shorten(text: str, span: Span) -> list[Span]:
    if _count(text, span) <= LONG_SENTENCE:
        return [span]
    parts: list[Span] = []
    for part in clauses(text, span):
        if parts and _count(text, parts[-1]) + _count(text, part) <= LONG_SENTENCE // 2:
            parts[-1] = Span(parts[-1].start, part.end)
        else:
            parts.extend(_cut(text, part))
    return parts


def _cut(text: str, span: Span) -> list[Span]:
    """Cut a span without any mark in it into lengths of LONG_SENTENCE words."""
    words = list(_WORD.finditer(text, span.start, span.end))
    steps = range(0, len(words), LONG_SENTENCE)
    return [Span(words[i].start(), words[i : i + LONG_SENTENCE][-1].end()) for i in steps]


def _pairs(spans: Sequence[Span]) -> list[Span]:
    return [Span(a.start, b.end) for a, b in pairwise(spans)]


def _trim(text: str, span: Span) -> Span:
    stretch = span.of(text)
    return Span(
        span.start + len(stretch) - len(stretch.lstrip()),
        span.end - len(stretch) + len(stretch.rstrip()),
    )


def _count(text: str, span: Span) -> int:
    return len(_WORD.findall(text, span.start, span.end))
