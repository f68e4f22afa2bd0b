"""Rich consoles as this program uses them: one theme, no markup, ASCII where signs are lacking."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.theme import Theme

from .sanitize import clean

_UNWRAPPED = 10_000  # columns where there is no terminal, so that a row stays one line
_IN_ASCII = {"→": "->", "…": "...", "·": "-", "–": "-", "—": "-", "•": "*"}
_IN_ASCII |= dict.fromkeys("“”", '"') | dict.fromkeys("‘’", "'")
_THEME = Theme(
    {
        "heading": "bold cyan",
        "interviewer": "cyan",
        "quiet": "dim",
        "warning": "yellow",
        "error": "bold red",
        "score": "bold",
        "stated": "green",
        "partly": "yellow",
        "missing": "dim",
        "contradicted": "red",
        "prompt": "bold green",
    }
)


def open_console(stream: TextIO, plain: bool, width: int | None) -> Console:
    """Return a console on a stream; `width` None follows the terminal, if it is one."""
    if width is None and not stream.isatty():
        width = _UNWRAPPED
    return Console(
        file=stream,
        force_terminal=not plain,
        color_system=None if plain else "auto",
        no_color=plain,
        highlight=False,
        markup=False,
        emoji=False,
        theme=_THEME,
        width=width,
    )


def recording_console(width: int) -> Console:
    """Return a console that shows nothing and keeps everything, in color."""
    return Console(
        file=io.StringIO(),
        record=True,
        width=width,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        theme=_THEME,
    )


def can_show(stream: TextIO, signs: str) -> bool:
    """Say whether the encoding of a stream has all these signs."""
    try:
        signs.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def replace_in_ascii(*streams: TextIO) -> None:
    """Let streams write what their encoding lacks in ASCII, where they would raise."""
    codecs.register_error("interviewer", _ascii_for)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="interviewer")


def _ascii_for(fault: UnicodeError) -> tuple[str, int]:
    if not isinstance(fault, UnicodeEncodeError):
        raise fault
    missing = fault.object[fault.start : fault.end]
    return "".join(_IN_ASCII.get(char, "?") for char in missing), fault.end


class Cleaned:
    """A renderable whose segments are cleaned once more, after they were rendered."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            yield Segment(clean(segment.text), segment.style)
