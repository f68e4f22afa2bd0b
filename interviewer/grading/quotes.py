"""Find a quote in what was said: the check that makes credit rest on the candidate's own words.

Case, white space and punctuation are folded, nothing looser.
"""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\w+(?:['’]\w+)*")


def locate(quote: str, said: str) -> str | None:
    """Return the stretch of `said` that the quote repeats, exactly as it stands there, or None.

    The words of the quote must follow one another in `said` without a gap.
    """
    wanted = [folded for folded, _, _ in _words(quote)]
    found = _words(said)
    if not wanted:
        return None
    folded = [word for word, _, _ in found]
    for start in range(len(folded) - len(wanted) + 1):
        if folded[start : start + len(wanted)] == wanted:
            return said[found[start][1] : found[start + len(wanted) - 1][2]]
    return None


def _words(text: str) -> list[tuple[str, int, int]]:
    """Return each word folded, with where it begins and ends in `text`."""
    return [(_fold(match[0]), match.start(), match.end()) for match in _WORD.finditer(text)]


def _fold(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold().replace("’", "'")
