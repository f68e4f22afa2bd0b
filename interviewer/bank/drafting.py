"""Draft the points of a question from the sentences of its answer, for a person to confirm.

Only what the answer says is used: no other wordings, no wrong versions, no hints are made up.
"""

from __future__ import annotations

import re
from itertools import pairwise

from interviewer.types import Point

from .checking import reveals
from .words import content_words, is_stopword, slug_for, stems

_MOST = 6
_LONGEST = 400  # characters of a point, as in the schema
_MERGED = 240  # neighbors are joined up to here
_FEWEST_WORDS = 3  # content words; below it is a fragment
_ID_WORDS = 4

_BULLET = re.compile(r"^\s*(?:[-*+•‣–—]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+")
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[])(?:e\.g|i\.e|et al|vs|cf|resp|approx|ca|fig|figs|eq|eqs|sec|ch|no|pp?|vol|ed"
    r"|eds|dr|mr|mrs|ms|prof|st|inc|w\.r\.t|a\.k\.a|[a-z])\.$",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"^(?:(?:i )?hope (?:this|that)|that'?s (?:it|all)|good question|great question|let me|let's"
    r"|see (?:also|above|below)|thanks|thank you|ok(?:ay)?\b|sure\b|as (?:an|a) (?:ai|language))",
    re.IGNORECASE,
)
_PROBES = (
    "What else would you say about {}?",
    "What would you add about {}?",
    "Is there more to say about {}?",
)
_CLOSING = tuple('.!?…:;,。！？)"”’')
_WORD = re.compile(r"[\w'’]+(?:-[\w'’]+)*|[^\w\s]")


def draft_points(answer: str, question: str = "") -> tuple[Point, ...]:
    """Return 1 to 6 points, each a sentence or a few of `answer`, in its order.

    The first weighs 3, of the others the fuller half 2 and the rest 1. A probe uses only words of
    `question`, and is left out where even they would give the point away.
    """
    claims = _at_most(_MOST, _claims(answer), question)
    others = sorted((len(stems(claim)) for claim in claims[1:]), reverse=True)
    full = others[(len(others) - 1) // 2] if others else 0
    taken: set[str] = set()
    points = []
    for number, claim in enumerate(claims):
        name = slug_for(
            " ".join(content_words(claim)[:_ID_WORDS]), taken, otherwise=f"point-{number + 1}"
        )
        taken.add(name)
        weight = 3 if number == 0 else 2 if len(stems(claim)) >= full else 1
        probe = _probe(claim, question, number)
        points.append(Point(id=name, says=claim, probe=probe, weight=weight))
    return tuple(points)


def sentences(text: str) -> list[str]:
    """Split prose into sentences and list items; decimals and abbreviations do not end one."""
    return [sentence for block in _blocks(text) for sentence in _split(block)]


def _blocks(text: str) -> list[str]:
    """Join wrapped lines; a blank line, a list item and the text after a list start a new block."""
    blocks: list[list[str]] = [[]]
    in_list = False
    for line in text.splitlines():
        item = _BULLET.match(line)
        after_list = in_list and line[:1].strip() and not line[:1].islower()
        if item or after_list or not line.strip():
            blocks.append([])
        in_list = bool(item) or (in_list and not after_list and bool(line.strip()))
        blocks[-1].append(line[item.end() :] if item else line)
    joined = (" ".join(" ".join(block).split()) for block in blocks)
    return [block for block in joined if block]


def _split(block: str) -> list[str]:
    parts = []
    start = 0
    for end in _END.finditer(block):
        if not _ABBREVIATION.search(block[start : end.end()]):
            parts.append(block[start : end.end()].strip())
            start = end.end()
    parts.append(block[start:].strip())
    return [part for part in parts if part]


def _claims(answer: str) -> list[str]:
    """Return the sentences that claim something, fragments joined to a neighbor."""
    found = sentences(answer)
    telling = [
        sentence
        for sentence in found
        if not sentence.endswith(("?", "？"))
        and not _FILLER.match(sentence)
        and content_words(sentence)
    ]
    claims: list[str] = []
    for sentence in telling or found:
        dangling = claims and claims[-1].endswith(":")
        leads_on = sentence.endswith(":")  # to the list after it
        fragment = claims and not leads_on and (_is_fragment(sentence) or _is_fragment(claims[-1]))
        if (dangling or fragment) and len(claims[-1]) + 2 + len(sentence) <= _LONGEST:
            claims[-1] = _joined(claims[-1], sentence)
        else:
            claims.append(sentence)
    return [part for claim in claims for part in _shortened(claim)]


def _joined(one: str, other: str) -> str:
    return f"{one} {other}" if one.endswith(_CLOSING) else f"{one}; {other}"


def _is_fragment(sentence: str) -> bool:
    return len(content_words(sentence)) < _FEWEST_WORDS and sentence.isascii()


def _shortened(claim: str) -> list[str]:
    """Cut an endless sentence at a semicolon, a comma, a space, or anywhere, in this order."""
    if len(claim) <= _LONGEST:
        return [claim]
    for mark in ("; ", ", ", " "):
        at = claim.rfind(mark, _LONGEST // 4, _LONGEST)
        if at > 0:
            cut = at + len(mark)
            break
    else:
        cut = _LONGEST
    parts = [claim[:cut].rstrip(" ;,"), *_shortened(claim[cut:].strip())]
    return [part for part in parts if any(char.isalnum() for char in part)]


def _at_most(most: int, claims: list[str], question: str) -> list[str]:
    """Join the shortest neighbors while that stays readable, then drop what says the least."""
    claims = list(claims)
    while len(claims) > most:
        lengths = [len(one) + len(other) for one, other in pairwise(claims)]
        shortest = lengths.index(min(lengths))
        if lengths[shortest] < _MERGED:
            claims[shortest : shortest + 2] = [_joined(claims[shortest], claims[shortest + 1])]
        else:
            known = stems(question)
            said = [len(stems(claim) - known) for claim in claims]
            del claims[len(said) - 1 - said[::-1].index(min(said))]
    return claims


def _probe(claim: str, question: str, number: int) -> str | None:
    subject = _subject(claim, question)
    probe = _PROBES[number % len(_PROBES)].format(subject or "this")
    return None if reveals(probe, claim, question) else probe


def _subject(claim: str, question: str) -> str:
    """Return the run of content words of the question that the claim shares most with."""
    runs: list[list[str]] = [[]]
    for word in _WORD.findall(question):
        if is_stopword(word) or not word[0].isalnum():
            runs.append([])
        else:
            runs[-1].append(word)
    named = [" ".join(run[:4]) for run in runs if run]
    said = stems(claim)
    return max(named, key=lambda run: (len(stems(run) & said), len(run.split())), default="")
