"""What comes from the candidate: replies and commands, whatever they were typed on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from interviewer.errors import DataError

# What the candidate can type, and what `/help` says about it.
COMMANDS: Mapping[str, str] = {
    "hint": "a nudge; the help is shown beside the score",
    "repeat": "hear the question again",
    "skip": "go on to the next question",
    "edit": "write the reply in your editor",
    "pause": "stop the clock and go on later",
    "stop": "end the interview and see the report",
    "help": "show these commands",
}
_ALIASES = {
    "?": "help", "h": "help", "again": "repeat", "next": "skip", "pass": "skip",
    "end": "stop", "exit": "stop", "quit": "stop", "q": "stop",
}  # fmt: skip

MAX_REPLY = 100_000  # bytes of UTF-8
_MAX_UNPRINTABLE = 0.1  # share of a text; a stray control character is not yet binary data

_COMMAND = re.compile(r"/(\?|[a-z][a-z-]*)(?:[ \t]+(.*))?", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


class EntryKind(StrEnum):
    """What an entry is."""

    REPLY = "reply"
    COMMAND = "command"
    END = "end"  # no more input
    INTERRUPT = "interrupt"  # Ctrl-C


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that the candidate entered.

    `text` is the reply; of a command, an end or an interrupt it is the unsent draft, to be given
    back as `prefill`. `name` is the command in lower case without its slash; it need not exist.
    """

    kind: EntryKind
    text: str = ""
    name: str = ""
    argument: str = ""


class Reader(Protocol):
    """Where entries come from."""

    def read(
        self,
        hint: str = "",
        *,
        prefill: str = "",
        on_change: Callable[[str], None] | None = None,
    ) -> Entry:
        """Wait for one entry.

        `hint` stands beside the input, `prefill` is a draft to go on with, `on_change` is given
        what is typed so far, so that it can be saved.
        """
        ...


def parse_command(line: str) -> Entry | None:
    """Return the command that a line is, None if it is something else, such as “/usr/bin”."""
    match = _COMMAND.fullmatch(line.strip())
    if match is None:
        return None
    name = match[1].lower()
    return Entry(
        EntryKind.COMMAND, name=_ALIASES.get(name, name), argument=(match[2] or "").strip()
    )


def check_reply(text: str) -> None:
    """Refuse a reply that cannot be graded as text: too long, or binary. Raises DataError."""
    size = len(text.encode(errors="replace"))
    if size > MAX_REPLY:
        raise DataError(
            f"The reply has {size / 1000:.0f} kB; the limit is {MAX_REPLY // 1000} kB. "
            "Shorten it and send it again."
        )
    unprintable = len(_UNPRINTABLE.findall(text))
    if "\0" in text or unprintable > _MAX_UNPRINTABLE * len(text):
        raise DataError("The reply is not text but binary data. Send it as UTF-8 text.")
