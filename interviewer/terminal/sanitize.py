"""Make foreign text inert: nothing that passes `clean` can move a cursor, hide or reorder words.

For all that comes from a model, the bank, a reply, a file name or an exception. It does not
touch Rich markup: `screen` never parses markup in the first place.
"""

from __future__ import annotations

import re
import unicodedata

# Per base character. Written languages need at most a handful; more is a way to cover other lines.
MAX_MARKS = 8

# A control string (OSC, DCS, APC, PM, SOS) goes with its payload when it is terminated on its own
# line; otherwise only its introducer goes, so that one stray byte cannot swallow all that follows.
_SEQUENCES = re.compile(
    r"(?:\x1b[\]P_^X]|[\x90\x98\x9d-\x9f])[^\x00-\x08\x0a-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 except tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi controls
    "\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # zero width, deprecated, annotation
    "\U000e0000-\U000e007f]"  # tags
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_JOINERS = "\u200c\u200d"


def clean(text: str) -> str:
    """Return `text` without control sequences, invisible controls and piled-up marks.

    Keeps newlines, tabs, emoji and every script; line ends become `\\n`, a lone surrogate becomes
    U+FFFD. Idempotent; linear in the length of the text.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    text = _LINE_ENDS.sub("\n", text)
    text = _SURROGATES.sub("\ufffd", _INVISIBLE.sub("", _SEQUENCES.sub("", text)))
    return text if text.isascii() else _without_stray_marks(text)


def clean_line(text: str) -> str:
    """Return `text` cleaned and on one line: every run of white space is one space."""
    return " ".join(clean(text).split())


def _without_stray_marks(text: str) -> str:
    """Drop joiners and variation selectors out of place, and marks beyond the cap."""
    kept: list[str] = []
    marks = 0
    for place, char in enumerate(text):
        if char < "\u0300":
            marks = 0
        elif char in _JOINERS:
            if not _joins(kept, text[place + 1 : place + 2]):
                continue
        elif _is_selector(char):
            if not _selects(kept, char):
                continue
        elif unicodedata.category(char)[0] == "M":
            marks += 1
            if marks > MAX_MARKS:
                continue
        else:
            marks = 0
        kept.append(char)
    return "".join(kept)


def _joins(before: list[str], after: str) -> bool:
    if not before or not after:
        return False
    return (_is_letter_or_emoji(before[-1]) or unicodedata.category(before[-1])[0] == "M") and (
        _is_letter_or_emoji(after)
    )


def _selects(before: list[str], selector: str) -> bool:
    if not before:
        return False
    kind = unicodedata.category(before[-1])
    if selector in "\ufe0e\ufe0f":  # text or emoji style: symbols, and the keycaps 0-9 # *
        return kind[0] == "S" or before[-1] in "0123456789#*‼⁉〰"
    return kind in ("Lo", "Sm")  # variants of ideographs and of mathematical signs


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _is_letter_or_emoji(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind[0] == "L" or kind == "So" or "\U0001f000" <= char <= "\U0001faff"
