"""The words of a text: content words without endings, and slugs made from them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SLUG_LENGTH = 64

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SLUG_WORDS = 5
_ENDINGS = re.compile(
    r"(?:izations?|isations?|ations?|i[sz]ing|i[sz]ed|i[sz]es?|ingly|ings?|edly|ed|ies|es|s|ly)$"
)
_SHORTEST_STEM = 3
_STOPWORDS = frozenset(
    """a about above after again against all almost also although always am among an and any are
    aren't as at be because been before being below between both but by can can't cannot could
    did didn't do does doesn't doing don't done down during each either else etc even ever every
    few for from further get gets give given gives go goes had has have having he hence her here
    him his how however i if in instead into is isn't it it's its itself just kind least less let
    like likely lot made make makes making many may me might more most much must my need needs
    neither no nor not now of off often on once one only onto or other others our out over own per
    rather really s same say says she should since so some something such t take takes than that
    that's the their them themselves then there these they thing things think this those though
    through thus to together too two under until up upon us use used uses using usually very via
    want was way ways we well were what what's when where whereas whether which while who whole
    whom whose why will with within without would yet you your""".split()  # noqa: SIM905 - a column of words
)


def content_words(text: str) -> list[str]:
    """Return the words of `text` that carry meaning, lower case, as written, in order."""
    found = (word.replace("’", "'") for word in _WORD.findall(text.lower()))
    return [word for word in found if word not in _STOPWORDS]


def stems(text: str) -> frozenset[str]:
    """Return the content words of `text` with their common endings cut off."""
    return frozenset(_stem(word) for word in content_words(text))


def is_stopword(word: str) -> bool:
    """Tell whether `word` carries grammar rather than meaning."""
    return word.lower().replace("’", "'") in _STOPWORDS


def slug_for(text: str, taken: Collection[str] = (), *, otherwise: str = "question") -> str:
    """Make a slug of the first content words of `text` that is not in `taken`.

    At most 64 characters. A text without Latin letters or digits gives `otherwise`; a slug that is
    taken gets the first free number from 2.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = content_words(plain) or _WORD.findall(plain.lower())
    cleaned = [re.sub(r"[^a-z0-9]", "", word) for word in words[:_SLUG_WORDS]]
    slug = "-".join(word for word in cleaned if word)[: SLUG_LENGTH - 6].strip("-") or otherwise
    numbered, number = slug, 1
    while numbered in taken:
        number += 1
        numbered = f"{slug}-{number}"
    return numbered


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    cut = _ENDINGS.sub("", word)
    if len(cut) < _SHORTEST_STEM or not any(letter in "aeiouy" for letter in cut):
        return word
    if len(cut) > _SHORTEST_STEM and cut != word and cut[-1] == cut[-2] and cut[-1] not in "ls":
        cut = cut[:-1]
    return cut[:-1] if len(cut) > _SHORTEST_STEM and cut[-1] in "ey" else cut
