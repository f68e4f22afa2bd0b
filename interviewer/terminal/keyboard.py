"""Typing a reply of several lines. prompt_toolkit loads with the first read, not before."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from interviewer.errors import InterviewerError

from .entry import COMMANDS, MAX_REPLY, Entry, EntryKind, Reader, parse_command
from .piped import PipedReader
from .sanitize import clean, clean_line

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from prompt_toolkit.application import Application
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import Output

HINT = "Enter twice to send · /help"
DRAFT_SECONDS = 0.5  # at most this much typing is lost with the process
_LEAVE_SIGNALS = ("SIGTERM", "SIGHUP")


def open_reader(*, plain: bool = False, environ: Mapping[str, str] = os.environ) -> Reader:
    """Return the reader that fits standard input: the keyboard, or blocks of lines."""
    if sys.stdin.isatty() and environ.get("TERM") != "dumb" and _terminal_out() is not None:
        return ReplyReader(plain=plain)
    return PipedReader()


class ReplyReader:
    """Reads replies from a terminal.

    Enter begins a new line, and sends on an empty one; Alt+Enter sends at once, and so does a
    line that is a command. Pasted text never sends. Ctrl-C and Ctrl-D leave with the draft.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain or bool(os.environ.get("NO_COLOR"))

    def read(
        self,
        hint: str = "",
        *,
        prefill: str = "",
        on_change: Callable[[str], None] | None = None,
    ) -> Entry:
        """Wait for an entry; `hint` is shown below the input, HINT if there is none.

        `on_change` is called at most every DRAFT_SECONDS, at each new line, and at the end. If it
        raises an InterviewerError, the message is shown instead of the hint and typing goes on.
        """
        form = _Form(clean_line(hint) or HINT, clean(prefill), on_change)
        application = _application(form, plain=self._plain)
        with _leaving_in_order():
            try:
                entry = application.run()
            except EOFError:  # the terminal is gone
                entry = Entry(EntryKind.END, text=form.text)
            except SystemExit:
                form.save(form.text)
                raise
        form.save(entry.text)
        return entry


class _Form:
    """The state of one read: the buffer, the line below it, and when the draft was saved."""

    def __init__(self, hint: str, prefill: str, on_change: Callable[[str], None] | None) -> None:
        from prompt_toolkit.buffer import Buffer
        from prompt_toolkit.document import Document

        self.notice = ""
        self._hint = hint
        self._fault = ""
        self._on_change = on_change
        self._saved = prefill
        self._saved_at = time.monotonic()
        self._timer: TimerHandle | None = None
        self.buffer: Buffer = Buffer(
            multiline=True,
            document=Document(prefill, len(prefill)),
            on_text_changed=lambda _: self._changed(),
        )

    @property
    def text(self) -> str:
        """What is typed so far."""
        return clean(self.buffer.text)

    @property
    def below(self) -> str:
        """The line below the input: a fault, else a notice until the next key, else the hint."""
        return self._fault or self.notice or self._hint

    def enter(self) -> Entry | None:
        """Return what Enter sends here, None where it begins a new line."""
        document = self.buffer.document
        if document.text_after_cursor.strip():
            return None
        draft, _, line = document.text_before_cursor.rpartition("\n")
        command = parse_command(line)
        if command and (command.name in COMMANDS or not draft.strip()):
            return Entry(
                EntryKind.COMMAND,
                text=clean(draft).rstrip("\n"),
                name=command.name,
                argument=clean(command.argument),
            )
        if not line.strip() and self.text.strip():
            return Entry(EntryKind.REPLY, text=self.text.strip("\n"))
        return None

    def save(self, text: str) -> None:
        """Hand the draft over if it changed since it was handed over last."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._on_change is None or text == self._saved:
            return
        self._saved_at = time.monotonic()
        try:
            self._on_change(text)
        except InterviewerError as fault:
            self._fault = f"Not saved: {clean_line(str(fault))}"
        else:
            self._saved, self._fault = text, ""

    def _changed(self) -> None:
        self.notice = ""
        due = self._saved_at + DRAFT_SECONDS - time.monotonic()
        if due <= 0 or self.buffer.text.count("\n") != self._saved.count("\n"):
            self.save(self.text)
        elif self._timer is None:
            from asyncio import get_running_loop

            self._timer = get_running_loop().call_later(due, lambda: self.save(self.text))


def _application(form: _Form, *, plain: bool) -> Application[Entry]:
    from prompt_toolkit.application import Application
    from prompt_toolkit.filters import is_done
    from prompt_toolkit.layout import ConditionalContainer, HSplit, Layout, Window
    from prompt_toolkit.layout.controls import BufferControl, FormattedTextControl
    from prompt_toolkit.output import ColorDepth
    from prompt_toolkit.styles import Style

    typed = Window(
        BufferControl(form.buffer),
        wrap_lines=True,
        dont_extend_height=True,
        get_line_prefix=lambda line, wrapped: (
            [("class:prompt", "> ")] if line == wrapped == 0 else "  "
        ),
    )
    below = Window(FormattedTextControl(lambda: [("class:hint", form.below)]), height=1)
    style = {} if plain else {"prompt": "bold ansigreen", "hint": "ansibrightblack"}
    return Application(
        layout=Layout(HSplit([typed, ConditionalContainer(below, filter=~is_done)])),
        key_bindings=_keys(form),
        style=Style.from_dict(style),
        color_depth=ColorDepth.DEPTH_1_BIT if plain else None,
        output=_output(),
        include_default_pygments_style=False,
    )


def _keys(form: _Form) -> KeyBindings:
    from prompt_toolkit.application import run_in_terminal
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys

    keys = KeyBindings()

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        # More keys behind this one: a paste from a terminal that does not mark pastes.
        more = any(press.key != Keys.CPRResponse for press in event.key_processor.input_queue)
        entry = None if more else form.enter()
        if entry is None:
            if form.text.strip():
                form.buffer.newline(copy_margin=False)
        else:
            event.app.exit(result=entry)

    @keys.add("escape", "enter")
    def _send(event: KeyPressEvent) -> None:
        if form.text.strip():
            event.app.exit(result=Entry(EntryKind.REPLY, text=form.text.strip("\n")))

    @keys.add(Keys.BracketedPaste)
    def _paste(event: KeyPressEvent) -> None:
        text = clean(event.data)
        if len(text.encode()) > MAX_REPLY:
            form.notice = f"Not pasted: it is over the limit of {MAX_REPLY // 1000} kB"
        else:
            form.buffer.insert_text(text)

    @keys.add("c-c")
    @keys.add("<sigint>")
    def _interrupt(event: KeyPressEvent) -> None:
        event.app.exit(result=Entry(EntryKind.INTERRUPT, text=form.text))

    @keys.add("c-d", filter=Condition(lambda: not form.buffer.text))
    def _end(event: KeyPressEvent) -> None:
        event.app.exit(result=Entry(EntryKind.END))

    if hasattr(signal, "SIGTSTP"):

        @keys.add("c-z")
        def _suspend(event: KeyPressEvent) -> None:
            form.save(form.text)
            run_in_terminal(lambda: os.kill(0, signal.SIGTSTP))

    return keys


def _output() -> Output:
    from prompt_toolkit.output import create_output
    from prompt_toolkit.output.vt100 import Vt100_Output

    output = create_output(stdout=_terminal_out())
    if isinstance(output, Vt100_Output):
        # The layout does not need the cursor's place, and some terminals never answer.
        output.enable_cpr = False
    return output


def _terminal_out() -> TextIO | None:
    """Talk goes to standard error; what is typed stands there too, if it is a terminal."""
    return next((stream for stream in (sys.stderr, sys.stdout) if stream.isatty()), None)


@contextmanager
def _leaving_in_order() -> Iterator[None]:
    """Turn signals that would end the process into an exit that restores the terminal."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    taken = {}
    for name in _LEAVE_SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            taken[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, before in taken.items():
            signal.signal(number, before)
