import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from xml.etree import ElementTree

import pyte
import pytest

from interviewer.terminal.screen import Screen
from interviewer.types import Grade, GradedBy, PointGrade, SpokenError, Verdict

OWN_ESCAPES = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*[AK])")
SPINNER = re.compile("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]")
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b]52;c;Zm9v\x07\x9b31m\u202e[/]\x1bc"
MARKUP = "[/] list[int] [link=https://example.org]x[/link] [red]y[/] :skull:"
BY = GradedBy(grader="embedded", model="tiny-model", prompt="abc")


class Stream(io.TextIOWrapper):
    """A text stream that says whether it is a terminal."""

    def __init__(self, terminal: bool, encoding: str = "utf-8") -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding=encoding, newline="\n")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def written(self) -> str:
        self.flush()
        return self._bytes.getvalue().decode(self.encoding)


class Shown:
    """A screen with both its streams."""

    def __init__(
        self,
        *,
        terminal: bool = True,
        encoding: str = "utf-8",
        width: int | None = 80,
        plain: bool = False,
        record: bool = False,
        **environ: str,
    ) -> None:
        self.talk, self.data = Stream(terminal, encoding), Stream(terminal, encoding)
        self.screen = Screen(
            plain=plain,
            width=width,
            record=record,
            talk=self.talk,
            data=self.data,
            environ={"TERM": "xterm-256color", **environ},
        )


def point(verdict: Verdict, credit: float, quote: str | None = None, why: str = "") -> PointGrade:
    says = "Each channel is normalized with the mean and the variance of the current mini-batch."
    return PointGrade("p", says, 1, verdict, credit, quote, why)


BEFORE = Grade(72, BY)
AFTER = Grade(
    85,
    BY,
    points=(
        point(Verdict.STATED, 1, "it takes the mean of the batch", "said in full"),
        point(Verdict.PARTLY, 0.5, "running averages are used", "not where they come from"),
        point(Verdict.MISSING, 0),
        point(Verdict.CONTRADICTED, -0.5, "gamma is fixed", "gamma is learned"),
    ),
    errors=(SpokenError("it needs no bias because of dropout", "beta takes that part"),),
)


def show_everything(screen: Screen, text: str) -> None:
    screen.question(text, 2, 5, text, 2)
    screen.say(text)
    screen.note(text)
    screen.warn(text)
    screen.error(text)
    screen.rule(text)
    screen.echo_reply(text)
    with screen.status(text) as change:
        change(text)
    with screen.progress(text, 2) as advance:
        advance(2)
    hostile_point = PointGrade("p", text, 1, Verdict.PARTLY, 0.5, text, text)
    by = GradedBy(text, text + "m", "")
    screen.feedback(Grade(5, by, points=(hostile_point,), errors=(SpokenError(text, text),)))
    screen.feedback(Grade(None, by, ungraded_reason=text))
    screen.table([text], [[text]])
    screen.markdown(text)
    screen.data(text)


def test_a_question_stands_under_its_number_topic_and_level() -> None:
    shown = Shown(plain=True)
    shown.screen.question("Why normalize?", 2, 5, "normalization", 3)
    shown.screen.question("And then?", 3, None, "normalization", 4)
    lines = [line for line in shown.talk.written.splitlines() if line]
    assert lines == [
        "Question 2 of 5 · normalization · level 3",
        "Why normalize?",
        "Question 3 · normalization · level 4",
        "And then?",
    ]


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("record", [True, False])
def test_no_foreign_escape_sequence_reaches_the_terminal(plain: bool, record: bool) -> None:
    shown = Shown(plain=plain, record=record)
    show_everything(shown.screen, "before " + HOSTILE + " after &#27;[31m &#x9b;31m &#8238;")
    for written in (shown.talk.written, shown.data.written):
        rest = OWN_ESCAPES.sub("", written)
        assert not re.search("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u202e]", rest)
        assert "owned" not in rest
        assert "after" in rest
    if plain:
        assert "\x1b" not in shown.talk.written + shown.data.written


def test_hostile_text_changes_no_title_and_no_cell_above() -> None:
    shown = Shown()
    shown.screen.note("stays")
    shown.screen.say("\x1b[1;1Hover\x1b]2;owned\x07" + HOSTILE)
    terminal = pyte.Screen(80, 20)
    pyte.Stream(terminal).feed(shown.talk.written.replace("\n", "\r\n"))
    assert terminal.display[0].rstrip() == "stays"
    assert terminal.title == ""


@pytest.mark.parametrize("plain", [True, False])
def test_markup_is_shown_as_typed(plain: bool) -> None:
    shown = Shown(plain=plain, width=200)
    show_everything(shown.screen, MARKUP)
    talk = OWN_ESCAPES.sub("", shown.talk.written)
    assert talk.count("list[int] [link=https://example.org]x[/link] [red]y[/] :skull:") >= 8
    assert MARKUP in shown.data.written
    assert "\x1b]8" not in shown.talk.written + shown.data.written


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("plain", [True, False])
def test_every_line_fits_and_no_word_is_lost(width: int, plain: bool) -> None:
    shown = Shown(width=width, plain=plain)
    screen = shown.screen
    words = [f"word{number}" for number in range(60)]
    screen.question(" ".join(words), 12, 20, "a-rather-long-topic-name", 5)
    screen.feedback(AFTER, before=BEFORE, hints=1, follow_ups=2)
    screen.table(["id", "question"], [["batch-norm-statistics", " ".join(words)]])
    written = OWN_ESCAPES.sub("", shown.talk.written)
    lines = written.splitlines()
    assert max(map(len, lines)) <= min(width, 88)
    assert set(words) <= set(written.split())
    assert "a-rather-long-topic-name · level 5" in " ".join(written.split())
    assert "“it takes the mean of the batch”" in " ".join(written.split())
    table = OWN_ESCAPES.sub("", shown.data.written)
    assert max(map(len, table.splitlines())) <= width
    assert "word59" in "".join(table.split())


def test_feedback_says_score_points_quotes_errors_and_grader() -> None:
    shown = Shown()
    shown.screen.feedback(AFTER, before=BEFORE, hints=1, follow_ups=2)
    assert OWN_ESCAPES.sub("", shown.talk.written).strip("\n").split("\n") == [
        "72 → 85 of 100 with 1 hint and 2 follow-ups",
        "  ✓ Each channel is normalized with the mean and the variance of the current",
        "    mini-batch.",
        "    “it takes the mean of the batch”",
        "  ~ Each channel is normalized with the mean and the variance of the current",
        "    mini-batch.",
        "    “running averages are used”",
        "    not where they come from",
        "  · Each channel is normalized with the mean and the variance of the current",
        "    mini-batch.",
        "  ✗ Each channel is normalized with the mean and the variance of the current",
        "    mini-batch.",
        "    “gamma is fixed”",
        "    gamma is learned",
        "  ✗ “it needs no bias because of dropout” – beta takes that part",
        "Graded by embedded (tiny-model)",
    ]


def test_plain_feedback_says_verdicts_in_words() -> None:
    shown = Shown(plain=True)
    shown.screen.feedback(AFTER)
    lines = shown.talk.written.splitlines()
    assert [line.split()[0] for line in lines if re.match("  [A-Z]", line)] == [
        "Stated:",
        "Partly:",
        "Missing:",
        "Contradicted:",
        "Contradicted:",
    ]


@pytest.mark.parametrize(
    ("after", "before", "hints", "follow_ups", "line"),
    [
        (AFTER, None, 0, 0, "85 of 100"),
        (AFTER, BEFORE, 0, 0, "85 of 100"),
        (AFTER, BEFORE, 2, 0, "72 → 85 of 100 with 2 hints"),
        (AFTER, BEFORE, 0, 1, "72 → 85 of 100 with 1 follow-up"),
        (AFTER, Grade(None, BY, "no server"), 1, 1, "85 of 100 with 1 hint and 1 follow-up"),
        (Grade(None, BY, "no server"), BEFORE, 1, 1, "Not graded: no server"),
        (Grade(0, BY), BEFORE, 1, 0, "72 → 0 of 100 with 1 hint"),
    ],
)
def test_the_score_is_shown_with_the_help_taken(
    after: Grade, before: Grade | None, hints: int, follow_ups: int, line: str
) -> None:
    shown = Shown(plain=True)
    shown.screen.feedback(after, before=before, hints=hints, follow_ups=follow_ups)
    assert shown.talk.written.splitlines()[1] == line


@pytest.mark.parametrize(
    "make",
    [
        lambda: Shown(plain=True),
        lambda: Shown(NO_COLOR="1"),
        lambda: Shown(TERM="dumb"),
        lambda: Shown(terminal=False),
    ],
    ids=["--plain", "NO_COLOR", "TERM=dumb", "no terminal"],
)
def test_plain_screens_have_no_color_no_box_and_no_movement(make: Callable[[], Shown]) -> None:
    shown = make()
    show_everything(shown.screen, "word")
    written = shown.talk.written + shown.data.written
    assert "\x1b" not in written
    assert "\r" not in written
    assert not re.search("[─│━╭┃]", written)
    assert not SPINNER.search(written)
    assert shown.screen.plain


def test_a_terminal_gets_color_and_the_same_words() -> None:
    color, plain = Shown(), Shown(plain=True)
    for shown in (color, plain):
        shown.screen.say("Where does it come from?")
        shown.screen.warn("The model is slow.")
    assert "\x1b[" in color.talk.written
    assert OWN_ESCAPES.sub("", color.talk.written) == plain.talk.written


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("terminal", [True, False])
def test_an_encoding_without_our_signs_gets_ascii(encoding: str, terminal: bool) -> None:
    shown = Shown(encoding=encoding, terminal=terminal)
    show_everything(shown.screen, "naïve 日本 ✓")
    shown.screen.feedback(AFTER, before=BEFORE, hints=1)
    assert "72 -> 85 of 100" in shown.talk.written
    assert "Stated:" in shown.talk.written


def test_status_says_its_words_once_a_change_in_plain_mode() -> None:
    shown = Shown(plain=True)
    with shown.screen.status("Grading…") as change:
        change("Trying again in 4 s")
    assert shown.talk.written == "Grading…\nTrying again in 4 s\n"


def test_progress_counts_in_plain_mode() -> None:
    shown = Shown(plain=True)
    with shown.screen.progress("Grading replies", 3) as advance:
        advance(2)
        advance(1)
    assert shown.talk.written == "Grading replies\nGrading replies: 3 of 3\n"


def test_waiting_leaves_nothing_on_a_terminal_and_gives_the_cursor_back() -> None:
    shown = Shown()
    with pytest.raises(KeyboardInterrupt), shown.screen.status("Grading…"):
        raise KeyboardInterrupt
    with shown.screen.progress("Indexing", 2) as advance:
        advance(2)
    terminal = pyte.Screen(80, 10)
    pyte.Stream(terminal).feed(shown.talk.written.replace("\n", "\r\n"))
    assert "".join(terminal.display).strip() == ""
    assert not terminal.cursor.hidden


def test_talk_and_data_never_share_a_stream() -> None:
    shown = Shown(terminal=False)
    shown.screen.note("talk")
    shown.screen.error("talk")
    shown.screen.json({"data": 1})
    shown.screen.markdown("# data")
    shown.screen.table(["data"], [["data"]])
    assert "data" not in shown.talk.written
    assert "talk" not in shown.data.written


def test_an_error_is_one_line_however_long() -> None:
    shown = Shown(terminal=False)
    shown.screen.error("word " * 60 + "end")
    assert shown.talk.written == "Error: " + "word " * 60 + "end\n"


def test_json_is_exact_and_inert() -> None:
    shown = Shown(encoding="ascii")
    value = {"text": "日本 \x1b[2J \x7f \x9b \u202e “x” [/]", "n": None}
    shown.screen.json(value)
    assert json.loads(shown.data.written) == value
    assert not re.search("[\x1b\x7f-\x9f\u202e]", shown.data.written)


def test_a_table_row_is_one_line_outside_a_terminal() -> None:
    shown = Shown(terminal=False, width=None)
    shown.screen.table(["id", "question"], [["a", "word " * 100], ["b", "two\nlines"]])
    lines = shown.data.written.splitlines()
    assert len(lines) == 3
    assert lines[2].split() == ["b", "two", "lines"]


def test_markdown_outside_a_terminal_stays_markdown() -> None:
    shown = Shown(terminal=False)
    shown.screen.markdown("# Report\n\n- **a**\n")
    assert shown.data.written == "# Report\n\n- **a**\n"


def test_a_picture_holds_the_interview_with_the_typed_reply() -> None:
    shown = Shown(record=True)
    shown.screen.question("Why list[int] & <b>?", 1, 5, "normalization", 2)
    shown.screen.echo_reply("It normalizes\nby the batch" + HOSTILE)
    shown.screen.feedback(AFTER)
    shown.screen.markdown("# Report\n")
    svg = shown.screen.svg("Interviewer")
    ElementTree.fromstring(svg)
    words = re.sub(r"<[^>]*>", " ", svg).replace("&#160;", " ")
    for expected in ("Question 1 of 5", "list[int]", "It normalizes", "by the batch", "Report"):
        assert expected in words
    assert "normalizes" not in shown.talk.written
    assert "url(" not in re.sub(r"url\(#[^)]*\)", "", svg)
    assert shown.screen.svg("Interviewer") == svg


def test_a_screen_without_a_record_has_no_picture() -> None:
    with pytest.raises(ValueError, match="not recorded"):
        Shown().screen.svg("x")


def test_nothing_heavy_loads_before_the_first_question() -> None:
    code = (
        "import sys, interviewer.terminal\n"
        "assert not {'rich', 'prompt_toolkit'} & set(sys.modules)\n"
        "from interviewer.terminal.keyboard import open_reader\n"
        "from interviewer.terminal.screen import Screen\n"
        "Screen().question('Why?', 1, 2, 'topic', 1)\n"
        "heavy = {'prompt_toolkit', 'rich.markdown', 'rich.progress', 'rich.table', 'asyncio'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Question 1 of 2" in done.stderr


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_c_locale_does_not_crash(locale: str) -> None:
    code = (
        "from interviewer.terminal.screen import Screen\n"
        f"Screen().question({'“naïve” 日本 → why?'!a}, 1, 2, 'topic', 1)\n"
    )
    environ = {
        **os.environ,
        "LC_ALL": locale,
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"why?" in done.stderr
    if locale == "C":
        assert b"Question 1 of 2 - topic - level 1" in done.stderr


def test_a_closed_pipe_ends_without_a_traceback() -> None:
    code = (
        "from interviewer.terminal.screen import Screen\n"
        "screen = Screen()\n"
        "for _ in range(20000): screen.data('a line of data')\n"
    )
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "{code}" | head -1'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "a line of data\n"
    assert done.stderr == ""
