"""The one place that writes to the terminal: talk on standard error, data on standard output.

Text is cleaned and shown as typed; markup in it is never read. Meaning is never by color alone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from interviewer.types import Grade

from .console import Cleaned, can_show, open_console, recording_console, replace_in_ascii
from .feedback import MARKS, WORDS, graded_by, point_lines, score_line
from .sanitize import clean, clean_line

MAX_WIDTH = 88  # columns; longer lines are hard to read


class Screen:
    """Shows an interview.

    `plain` leaves out color, boxes and movement; so do NO_COLOR, TERM=dumb and a stream that is
    not a terminal. `width` is in columns, by default the terminal's, and follows it. With `record`
    everything shown is also kept for `svg`.
    """

    def __init__(
        self,
        *,
        plain: bool = False,
        width: int | None = None,
        record: bool = False,
        talk: TextIO | None = None,
        data: TextIO | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._talk_stream = talk or sys.stderr
        self._data_stream = data or sys.stdout
        self._environ = environ
        self._fixed_width = width
        plain = plain or bool(environ.get("NO_COLOR")) or environ.get("TERM") in ("dumb", "unknown")
        self.plain = plain or not self._talk_stream.isatty()
        self._plain_data = plain or not self._data_stream.isatty()
        self._ascii = not can_show(self._talk_stream, "✓✗⠋")
        replace_in_ascii(self._talk_stream, self._data_stream)
        self._talk = open_console(self._talk_stream, self.plain, width)
        self._data = open_console(self._data_stream, self._plain_data, width)
        self._record = recording_console(MAX_WIDTH) if record else None

    @property
    def width(self) -> int:
        """Columns that talk is wrapped to: the terminal's, at most MAX_WIDTH."""
        return min(self._columns(self._talk_stream), self._talk.width, MAX_WIDTH)

    # The interview

    def question(self, text: str, number: int, total: int | None, topic: str, level: int) -> None:
        """Show a question under its heading; `total` is None where the clock decides."""
        of = f" of {total}" if total is not None else ""
        self.rule(f"Question {number}{of} · {topic} · level {level}")
        self._say(Text(clean(text)))
        self._say(Text())

    def say(self, text: str) -> None:
        """Show what the interviewer says inside a question."""
        self._say(Text())
        self._say(Text(clean(text), style="interviewer"))
        self._say(Text())

    def note(self, text: str) -> None:
        """Show a quiet remark of the program."""
        self._say(Text(clean(text), style="quiet"))

    def warn(self, text: str) -> None:
        """Show something that the candidate should know, though the interview goes on."""
        message = Text.assemble(("Note: ", "warning"), clean(text))
        self._say(message, soft_wrap=not self._talk_stream.isatty())

    def error(self, text: str) -> None:
        """Show a failure, unwrapped: a line for each line of `text`."""
        message = Text.assemble(("Error: ", "error"), clean(text))
        self._say(message, soft_wrap=True)

    def rule(self, title: str = "") -> None:
        """Draw a line across with a title in it; in plain mode the title alone."""
        from rich.rule import Rule

        heading = Text(clean_line(title), style="heading")
        self._say(Text())
        if self.plain or heading.cell_len > self.width - 2:
            self._say(heading)
            return
        for console in self._consoles(self._talk):
            console.print(Rule(heading, align="left", style="quiet"), width=self.width)

    def feedback(
        self, after: Grade, *, before: Grade | None = None, hints: int = 0, follow_ups: int = 0
    ) -> None:
        """Show a thread's grade: the score, each point with the words it rests on, and who says so.

        `before` is the grade of the first reply alone, where there was help.
        """
        score = score_line(after, before=before, hints=hints, follow_ups=follow_ups)
        marks = WORDS if self.plain or self._ascii else MARKS
        self._say(Text())
        self._say(Text(score, style="score"))
        for line in point_lines(after, marks, self._talk, self.width):
            self._say(line)
        if after.graded:
            self.note(graded_by(after))

    def text(self, text: str) -> None:
        """Show a paragraph in the ordinary style."""
        self._say(Text(clean(text)))
        self._say(Text())

    def reference(self, answer: str) -> None:
        """Show the reference answer of a question."""
        self._say(Text())
        self._say(Text("Reference answer", style="heading"))
        self._say(Text(clean(answer).strip()))

    # Waiting

    @contextmanager
    def status(self, text: str) -> Iterator[Callable[[str], None]]:
        """Keep words on the screen while something runs; the value yielded changes the words."""
        if self.plain:
            self.note(text)
            yield self.note
            return
        spinner = "line" if self._ascii else "dots"
        with self._talk.status(_line(text), spinner=spinner, spinner_style="quiet") as status:
            yield lambda words: status.update(_line(words))

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show how far long work is; the value yielded moves it on by a count."""
        done = 0

        def count(steps: int) -> None:
            nonlocal done
            done += steps

        if self.plain:
            self.note(description)
            yield count
            self.note(f"{description}: {done} of {total}")
            return
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._talk, transient=True) as bar:
            task = bar.add_task(_line(description).plain, total=total)
            yield lambda steps: bar.advance(task, steps)

    # Data, on standard output

    def json(self, value: Any) -> None:
        """Print plain JSON data exactly, in ASCII, so that no encoding or terminal alters it."""
        self._write(json.dumps(value, indent=2).replace("\x7f", "\\u007f"))

    def data(self, text: str) -> None:
        """Print a text as it is, cleaned and unwrapped."""
        self._write(clean(text))

    def markdown(self, text: str) -> None:
        """Print a Markdown text: rendered in a terminal, else as it is."""
        if self._plain_data:
            self.data(text)
            if self._record is None:
                return
        from rich.markdown import Markdown

        # Character references (&#27;) turn into control characters only while it is rendered.
        document = Cleaned(Markdown(clean(text), hyperlinks=False))
        width = min(self._columns(self._data_stream), MAX_WIDTH)
        for console in self._consoles(None if self._plain_data else self._data):
            console.print(document, width=width)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table; outside a terminal a row is always one line."""
        from rich import box
        from rich.table import Table

        table = Table(box=None if self._plain_data else box.SIMPLE_HEAD)
        for column in columns:
            table.add_column(_cell(column), overflow="fold")
        for row in rows:
            table.add_row(*(_cell(cell) for cell in row))
        for console in self._consoles(self._data):
            console.print(table)

    # The record

    def echo_reply(self, text: str) -> None:
        """Put a typed reply into the record; on the screen it stands already."""
        if self._record is not None:
            body = clean(text).strip("\n").replace("\n", "\n  ")
            self._record.print(Text.assemble(("> ", "prompt"), body))

    def svg(self, title: str) -> str:
        """Return all that was shown as an SVG picture that loads nothing from elsewhere.

        Raises ValueError if the screen was not made with `record`.
        """
        if self._record is None:
            raise ValueError("the screen was not recorded")
        import re

        from rich._export_format import CONSOLE_SVG_FORMAT
        from rich.terminal_theme import DIMMED_MONOKAI

        no_web_fonts = re.sub(r"@font-face \{\{.*?\n    \}\}", "", CONSOLE_SVG_FORMAT, flags=re.S)
        return self._record.export_svg(
            title=clean_line(title),
            theme=DIMMED_MONOKAI,
            clear=False,
            code_format=no_web_fonts,
            unique_id="interviewer",
        )

    def _say(self, text: Text, *, soft_wrap: bool = False) -> None:
        text.overflow = "fold"
        for console in self._consoles(self._talk):
            console.print(text, width=self.width, soft_wrap=soft_wrap)

    def _consoles(self, first: Console | None) -> Iterator[Console]:
        """Yield the consoles to show something on: `first`, and the record if there is one."""
        if first is not None:
            yield first
        if self._record is not None:
            yield self._record

    def _write(self, text: str) -> None:
        try:
            self._data_stream.write(text.rstrip("\n") + "\n")
            self._data_stream.flush()
        except BrokenPipeError:
            self._data.on_broken_pipe()

    def _columns(self, stream: TextIO) -> int:
        """The width of a stream's terminal, 80 if it has none; Rich assumes 80 for TERM=dumb."""
        if self._fixed_width is not None:
            return self._fixed_width
        if (columns := self._environ.get("COLUMNS", "")).isdecimal() and int(columns) > 0:
            return int(columns)
        try:
            return os.get_terminal_size(stream.fileno()).columns or 80
        except (OSError, ValueError, AttributeError):
            return 80


def _line(text: str) -> Text:
    return Text(clean_line(text), style="quiet", overflow="ellipsis", no_wrap=True)


def _cell(value: object) -> Text:
    return Text(clean_line(str(value)))
