"""Entries from standard input when it is no terminal, or one that cannot place its cursor."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable
from typing import BinaryIO

from .entry import MAX_REPLY, Entry, EntryKind, parse_command

_LINE_LIMIT = 4 * MAX_REPLY  # bytes read at once, so that a line without an end fills no memory


class PipedReader:
    """Reads blocks of lines: each block up to an empty line, or to the end, is one reply.

    A block whose first line is a command is that command, at once; the lines after it begin the
    next block. Input is UTF-8; other bytes become U+FFFD. A byte order mark and CRLF are accepted.
    A block far over the limit is cut just above it, so that `check_reply` refuses it.
    """

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stdin.buffer
        self._typed = self._stream.isatty()  # line by line, on a terminal without a cursor
        self._at_start = True

    def read(
        self,
        hint: str = "",
        *,
        prefill: str = "",
        on_change: Callable[[str], None] | None = None,
    ) -> Entry:
        """Return the next block. `hint` and `prefill` have no place here and are left out."""
        lines: list[str] = []
        size = 0
        try:
            while (line := self._line()) is not None:
                if not line.strip():
                    if lines:
                        break
                    continue
                if not lines and (command := parse_command(line)):
                    return command
                if size <= MAX_REPLY:
                    lines.append(line)
                    size += len(line.encode()) + 1
                if on_change is not None and self._typed:
                    on_change("\n".join(lines))
        except KeyboardInterrupt:
            return Entry(EntryKind.INTERRUPT, text="\n".join(lines))
        if not lines:
            return Entry(EntryKind.END)
        return Entry(EntryKind.REPLY, text="\n".join(lines))

    def _line(self) -> str | None:
        raw = self._stream.readline(_LINE_LIMIT)
        if not raw:
            return None
        while not raw.endswith(b"\n") and (rest := self._stream.readline(_LINE_LIMIT)):
            if len(raw) <= _LINE_LIMIT:
                raw += rest
            elif rest.endswith(b"\n"):
                break
        if self._at_start:
            raw = raw.removeprefix(codecs.BOM_UTF8)
            self._at_start = False
        return raw.decode("utf-8", errors="replace").rstrip("\r\n")
