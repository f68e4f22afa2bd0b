import json
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest

pexpect = pytest.importorskip("pexpect")

# Reads entries until the end or Ctrl-C, and logs each draft and entry as a line of JSON.
DRIVER = """
import json, sys
from interviewer.errors import HistoryError
from interviewer.terminal.keyboard import open_reader
from interviewer.terminal.screen import Screen

log = open(sys.argv[1], "w", encoding="utf-8")
prefill, fault = sys.argv[2], sys.argv[3]

def write(*values):
    print(json.dumps(values), file=log, flush=True)

def save(text):
    if fault:
        raise HistoryError(fault)
    write("draft", text)

screen = Screen()
screen.question("Why does it help?", 1, 2, "normalization", 2)
assert "prompt_toolkit" not in sys.modules
reader = open_reader(plain=screen.plain)
kind = ""
while kind not in ("end", "interrupt"):
    entry = reader.read(prefill=prefill, on_change=save)
    prefill, kind = "", entry.kind
    write(entry.kind, entry.text, entry.name, entry.argument)
    print("<" + kind + ">", file=sys.stderr)
"""
PASTE, PASTE_END = "\x1b[200~", "\x1b[201~"
READY = "Enter twice"  # the beginning of the hint, which a narrow screen cuts


class Candidate:
    """The driver on a pseudo-terminal, with its screen and its log."""

    def __init__(
        self,
        folder: Path,
        *,
        prefill: str = "",
        fault: str = "",
        columns: int = 80,
        **environ: str,
    ) -> None:
        driver = folder / "driver.py"
        driver.write_text(DRIVER)
        self._log = folder / "log"
        self.screen = pyte.Screen(columns, 24)
        self._stream = pyte.ByteStream(self.screen)
        inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self.child = pexpect.spawn(
            sys.executable,
            [str(driver), str(self._log), prefill, fault],
            dimensions=(24, columns),
            env={**inherited, "TERM": "xterm-256color", **environ},
            timeout=20,
        )
        self.child.delaybeforesend = None
        self.written = b""
        self.modes = termios.tcgetattr(self.child.child_fd)

    def type(self, text: str | bytes) -> None:
        self.child.send(text)

    def wait(self, condition: Callable[[], Any]) -> Any:
        """Read the terminal until the condition holds."""
        end = time.monotonic() + 20
        while not (found := condition()):
            assert time.monotonic() < end, "\n".join(self.screen.display)
            try:
                self._feed(self.child.read_nonblocking(65536, 0.05))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                time.sleep(0.01)
        return found

    def see(self, text: str) -> None:
        self.wait(lambda: any(text in line for line in self.screen.display))

    def log(self) -> list[list[str]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def entry(self, number: int = 0) -> list[str]:
        """Wait for an entry and return it: kind, text, name, argument."""

        def found() -> list[str] | None:
            entries = [row for row in self.log() if row[0] != "draft"]
            return entries[number] if len(entries) > number else None

        result: list[str] = self.wait(found)
        return result

    def draft(self) -> str | None:
        drafts = [row[1] for row in self.log() if row[0] == "draft"]
        return drafts[-1] if drafts else None

    def leave(self) -> int:
        """Wait for the end; return the exit status, minus a signal's number."""
        self.wait(lambda: not self.child.isalive())
        status = self.child.exitstatus
        return int(-self.child.signalstatus if status is None else status)

    def _feed(self, data: bytes) -> None:
        self.written += data
        self._stream.feed(data)


@pytest.fixture
def candidates(tmp_path: Path) -> Iterator[Callable[..., Candidate]]:
    started: list[Candidate] = []

    def start(**options: Any) -> Candidate:
        candidate = Candidate(tmp_path, **options)
        started.append(candidate)
        candidate.see(READY)
        return candidate

    yield start
    for candidate in started:
        candidate.child.close(force=True)


Start = Callable[..., Candidate]


def test_enter_twice_sends_and_once_begins_a_line(candidates: Start) -> None:
    candidate = candidates()
    candidate.type("It uses the mean\r")
    candidate.type("and the variance\r\r")
    assert candidate.entry() == ["reply", "It uses the mean\nand the variance", "", ""]
    candidate.type("second\r\r")
    assert candidate.entry(1)[1] == "second"


def test_enter_on_nothing_sends_nothing(candidates: Start) -> None:
    candidate = candidates()
    candidate.type("\r\r  \r\r\r")
    candidate.type("something\r\r")
    assert candidate.entry()[1].strip() == "something"


def test_alt_enter_sends_at_once(candidates: Start) -> None:
    candidate = candidates()
    candidate.type("one line\x1b\r")
    assert candidate.entry() == ["reply", "one line", "", ""]


def test_a_pasted_text_stays_whole_and_does_not_send(candidates: Start) -> None:
    candidate = candidates()
    pasted = "first\n\n/skip\n\nsecond – 日本 👍\n\n"
    candidate.type(PASTE + pasted.replace("\n", "\r") + PASTE_END)
    candidate.see("second")
    candidate.type("third\r\r")
    assert candidate.entry() == ["reply", pasted + "third", "", ""]


def test_a_paste_without_marks_does_not_send_half_of_it(candidates: Start) -> None:
    candidate = candidates()
    candidate.type("first\r\rsecond\r\rthird")
    candidate.see("third")
    candidate.type("\r\r")
    assert candidate.entry()[1] == "first\n\nsecond\n\nthird"


def test_a_paste_over_the_limit_is_refused_in_words_and_the_rest_stays(candidates: Start) -> None:
    candidate = candidates()
    candidate.type("kept ")
    candidate.type(PASTE + "word " * 25_000 + PASTE_END)
    candidate.see("Not pasted: it is over the limit of 100 kB")
    candidate.type("too\r\r")
    assert candidate.entry()[1] == "kept too"


def test_a_long_paste_arrives_byte_for_byte(candidates: Start) -> None:
    candidate = candidates()
    text = " ".join(f"word{number}" for number in range(9_000))
    candidate.type(PASTE + text + PASTE_END)
    candidate.see("word8999")
    candidate.type("\r\r")
    assert candidate.entry()[1] == text


def test_a_command_is_sent_by_one_enter_and_keeps_the_draft(candidates: Start) -> None:
    candidate = candidates()
    candidate.type("/hint\r")
    assert candidate.entry(0) == ["command", "", "hint", ""]
    candidate.type("/usr/bin is a folder\r/unknown\r")
    candidate.type("/edit now\r")
    assert candidate.entry(1) == ["command", "/usr/bin is a folder\n/unknown", "edit", "now"]
    assert candidate.draft() == "/usr/bin is a folder\n/unknown"


def test_a_prefill_can_be_edited(candidates: Start) -> None:
    candidate = candidates(prefill="a draft\nof two lines")
    candidate.see("of two lines")
    candidate.type("\x7f!\r\r")
    assert candidate.entry()[1] == "a draft\nof two line!"


def test_ctrl_c_leaves_with_the_draft_and_restores_the_terminal(candidates: Start) -> None:
    candidate = candidates()
    candidate.type("half a tho")
    candidate.see("half a tho")
    candidate.type("\x03")
    assert candidate.entry() == ["interrupt", "half a tho", "", ""]
    assert candidate.draft() == "half a tho"
    assert candidate.leave() == 0
    assert termios.tcgetattr(candidate.child.child_fd) == candidate.modes
    assert not candidate.screen.cursor.hidden
    assert candidate.written.count(b"\x1b[?2004h") == candidate.written.count(b"\x1b[?2004l")


def test_ctrl_d_ends_only_where_nothing_is_typed(candidates: Start) -> None:
    candidate = candidates()
    candidate.type("ab\x01\x04\x05")  # to the start, delete “a”, to the end
    candidate.see("> b ")
    candidate.type("\x7f\x04")
    assert candidate.entry() == ["end", "", "", ""]
    assert candidate.leave() == 0
    assert termios.tcgetattr(candidate.child.child_fd) == candidate.modes


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0)]
)
def test_a_signal_restores_the_terminal_and_keeps_the_draft(
    candidates: Start, number: int, status: int
) -> None:
    candidate = candidates()
    candidate.type("half a tho")
    candidate.see("half a tho")
    os.kill(candidate.child.pid, number)
    assert candidate.leave() == status
    assert candidate.draft() == "half a tho"
    assert termios.tcgetattr(candidate.child.child_fd) == candidate.modes


def test_what_is_typed_outlives_a_kill(candidates: Start) -> None:
    candidate = candidates()
    candidate.type("first line\r")
    candidate.type("and half of")
    candidate.wait(lambda: candidate.draft() == "first line\nand half of")
    os.kill(candidate.child.pid, signal.SIGKILL)
    assert candidate.leave() == -signal.SIGKILL
    assert candidate.draft() == "first line\nand half of"


def test_drafts_are_not_saved_at_every_key(candidates: Start) -> None:
    candidate = candidates()
    for letter in "a reply typed letter by letter":
        candidate.type(letter)
        time.sleep(0.005)
    candidate.wait(lambda: candidate.draft() == "a reply typed letter by letter")
    assert len(candidate.log()) <= 10


def test_a_draft_that_cannot_be_saved_is_said_and_typing_goes_on(candidates: Start) -> None:
    candidate = candidates(fault="the disk is full")
    candidate.type("a reply\r")
    candidate.see("Not saved: the disk is full")
    candidate.type("\r")
    assert candidate.entry()[1] == "a reply"


def test_escape_sequences_in_a_paste_or_a_prefill_are_inert(candidates: Start) -> None:
    candidate = candidates(prefill="pre\x1b]0;owned\x07 \x1b[2Jfill\u202e ")
    candidate.type(PASTE + "pasted\x1b]0;owned\x07\x1b[31m\x9b2J [/] end" + PASTE_END)
    candidate.see("pre fill pasted [/] end")
    candidate.type("\r\r")
    assert candidate.entry()[1] == "pre fill pasted [/] end"
    assert candidate.screen.title == ""
    assert b"owned" not in candidate.written
    assert b"\x1b[2J" not in candidate.written


def test_bytes_that_are_no_utf8_do_not_crash(candidates: Start) -> None:
    candidate = candidates()
    candidate.type(b"caf\xe9 \xff\xfe\r\r")
    kind, text, *_ = candidate.entry()
    assert kind == "reply"
    assert text.startswith("caf")
    text.encode()


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_a_c_locale_does_not_crash_the_input(candidates: Start, utf8: str) -> None:
    candidate = candidates(LC_ALL="C", PYTHONUTF8=utf8, PYTHONCOERCECLOCALE="0")
    candidate.type("naïve 日本 reply\r\r")
    kind, text, *_ = candidate.entry()
    assert kind == "reply"
    assert text.endswith(" reply")
    assert utf8 == "0" or text == "naïve 日本 reply"


def test_a_resize_while_typing_keeps_text_and_hint(candidates: Start) -> None:
    candidate = candidates()
    words = " ".join(f"w{number:02}" for number in range(30))
    candidate.type(words)
    candidate.see("w29")
    for columns in (40, 20, 100):
        candidate.screen.resize(24, columns)
        candidate.child.setwinsize(24, columns)
        candidate.type(f"\rc{columns}")
        candidate.see(f"c{columns}")
    candidate.type("\r\r")
    assert candidate.entry()[1] == words + "\nc40\nc20\nc100"


@pytest.mark.parametrize("columns", [20, 40, 60, 200])
def test_the_input_works_at_any_width(candidates: Start, columns: int) -> None:
    candidate = candidates(columns=columns)
    candidate.type("x" * 150 + "\r\r")
    assert candidate.entry()[1] == "x" * 150


def test_no_color_leaves_colors_out_of_the_input(candidates: Start) -> None:
    candidate = candidates(NO_COLOR="1")
    candidate.type("a reply\r\r")
    candidate.entry()
    assert b"\x1b[3" not in candidate.written
    assert b"\x1b[9" not in candidate.written
    assert b";3" not in candidate.written


def test_a_dumb_terminal_reads_lines_and_gets_no_escape(tmp_path: Path) -> None:
    candidate = Candidate(tmp_path, TERM="dumb")
    candidate.see("Why does it help?")
    candidate.type("one\ntwo\n\n")
    assert candidate.entry() == ["reply", "one\ntwo", "", ""]
    assert candidate.draft() == "one\ntwo"
    candidate.type("/hint\n")
    assert candidate.entry(1)[2] == "hint"
    candidate.type("half\n")
    candidate.see("half")
    candidate.wait(lambda: candidate.draft() == "half")
    candidate.type("\x03")
    assert candidate.entry(2) == ["interrupt", "half", "", ""]
    assert candidate.leave() == 0
    assert b"\x1b" not in candidate.written


def test_a_stopped_process_goes_on_where_it_was(tmp_path: Path) -> None:
    driver, log = tmp_path / "driver.py", tmp_path / "log"
    driver.write_text(DRIVER)
    shell = pexpect.spawn(
        "bash",
        ["--norc", "-i"],
        dimensions=(24, 80),
        env={**os.environ, "TERM": "xterm-256color", "PS1": "$ ", "HISTFILE": ""},
        timeout=20,
    )
    try:
        shell.expect_exact("$ ")
        shell.sendline(f'"{sys.executable}" "{driver}" "{log}" "" ""')
        shell.expect_exact(READY)
        shell.send("before")
        shell.expect_exact("before")
        shell.send("\x1a")
        shell.expect_exact("Stopped")
        shell.sendline("stty -a | grep -cw -e icanon; fg")
        shell.expect_exact("1\r\n")
        shell.expect_exact(READY)
        shell.send(" after\r\r")
        shell.expect_exact("<reply>")
    finally:
        shell.close(force=True)
    replies = [
        row for line in log.read_text().splitlines() if (row := json.loads(line))[0] == "reply"
    ]
    assert replies[0][1] == "before after"


def test_piped_input_is_read_in_blocks(tmp_path: Path) -> None:
    driver, log = tmp_path / "driver.py", tmp_path / "log"
    driver.write_text(DRIVER)
    done = subprocess.run(
        [sys.executable, str(driver), str(log), "", ""],
        input=b"one\ntwo\n\n/skip\n\nthree",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)[:3] for line in log.read_text().splitlines()] == [
        ["reply", "one\ntwo", ""],
        ["command", "", "skip"],
        ["reply", "three", ""],
        ["end", "", ""],
    ]
    assert done.stdout == b""
