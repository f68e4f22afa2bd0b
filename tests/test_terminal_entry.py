import io
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.errors import DataError
from interviewer.terminal.editor import edit_in_editor
from interviewer.terminal.entry import MAX_REPLY, Entry, EntryKind, check_reply, parse_command
from interviewer.terminal.piped import PipedReader


def entries(data: bytes) -> list[Entry]:
    reader = PipedReader(io.BytesIO(data))
    found = []
    while (entry := reader.read()).kind is not EntryKind.END:
        found.append(entry)
    assert reader.read().kind is EntryKind.END
    return found


def replies(data: bytes) -> list[str]:
    return [entry.text for entry in entries(data)]


def test_each_block_up_to_an_empty_line_is_one_reply() -> None:
    assert replies(b"\n\none\ntwo\n\n \n\nthree\n\nfour") == ["one\ntwo", "three", "four"]


def test_no_input_is_the_end() -> None:
    assert entries(b"") == []
    assert entries(b"\n\n") == []


def test_a_byte_order_mark_and_crlf_are_accepted() -> None:
    assert replies(b"\xef\xbb\xbfone\r\ntwo\r\n\r\nthree\r\n") == ["one\ntwo", "three"]


def test_bytes_that_are_no_utf8_do_not_crash() -> None:
    assert replies(b"caf\xe9\n\n\xff\xfe") == ["caf\ufffd", "\ufffd\ufffd"]


def test_a_block_that_starts_with_a_slash_is_a_command() -> None:
    assert entries(b"/hint\n\nan answer\n\n/Skip this one\n") == [
        Entry(EntryKind.COMMAND, name="hint"),
        Entry(EntryKind.REPLY, text="an answer"),
        Entry(EntryKind.COMMAND, name="skip", argument="this one"),
    ]


def test_a_command_inside_a_block_is_text() -> None:
    assert replies(b"an answer\n/stop\n") == ["an answer\n/stop"]


def test_a_line_without_an_end_is_cut_only_where_it_is_refused_anyway() -> None:
    first, second = replies(b"x" * 3_000_000 + b"\n\nnext\n")
    assert second == "next"
    assert MAX_REPLY < len(first) < 1_000_000
    with pytest.raises(DataError, match="limit is 100 kB"):
        check_reply(first)


def test_many_lines_over_the_limit_are_refused_as_one_reply() -> None:
    first, second = replies(b"word\n" * 100_000 + b"\nnext\n")
    assert second == "next"
    with pytest.raises(DataError, match="limit is 100 kB"):
        check_reply(first)


class Interrupted(io.BytesIO):
    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line:
            raise KeyboardInterrupt
        return line


def test_an_interrupt_keeps_the_lines_so_far() -> None:
    entry = PipedReader(Interrupted(b"one\ntwo\n")).read()
    assert entry == Entry(EntryKind.INTERRUPT, text="one\ntwo")


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), max_size=5))
def test_what_is_piped_comes_out_whole(blocks: list[str]) -> None:
    assert replies("\n\n".join(blocks).encode()) == blocks


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        ("/hint", "hint", ""),
        ("  /HELP  ", "help", ""),
        ("/?", "help", ""),
        ("/quit", "stop", ""),
        ("/next", "skip", ""),
        ("/edit  a b ", "edit", "a b"),
        ("/nonsense", "nonsense", ""),
    ],
)
def test_a_slash_and_a_word_are_a_command(line: str, name: str, argument: str) -> None:
    assert parse_command(line) == Entry(EntryKind.COMMAND, name=name, argument=argument)


@pytest.mark.parametrize("line", ["", "/", "//", "/usr/bin", "/ n", "/2", "a /hint", "/n)"])
def test_other_lines_with_a_slash_are_text(line: str) -> None:
    assert parse_command(line) is None


def test_a_reply_up_to_the_limit_is_taken() -> None:
    check_reply("x" * MAX_REPLY)
    check_reply("")
    check_reply("日本語 – naïve\n\tcode 👍 and a stray \x1b here")


@pytest.mark.parametrize("text", ["a\0b", "\x7fELF\x02\x01\x01\x03", "\ufffd\ufffdIHDR\x08\x06"])
def test_binary_data_is_refused_in_words(text: str) -> None:
    with pytest.raises(DataError, match="not text"):
        check_reply(text)


def test_the_limit_counts_bytes_and_is_named() -> None:
    with pytest.raises(DataError, match="150 kB; the limit is 100 kB"):
        check_reply("日" * 50_000)


def editor(tmp_path: Path, body: str) -> dict[str, str]:
    script = tmp_path / "an editor.py"
    script.write_text("import os, sys\npath = sys.argv[-1]\n" + body)
    return {"EDITOR": f"{sys.executable} '{script}' --wait"}


def test_the_editor_gets_the_draft_and_gives_back_what_was_saved(tmp_path: Path) -> None:
    body = "text = open(path).read()\nopen(path, 'w').write(text + ' and more\\n')\n"
    assert edit_in_editor("a draft – “so”", editor(tmp_path, body)) == "a draft – “so” and more"


def test_the_edited_file_is_private_and_leaves_nothing_behind(tmp_path: Path) -> None:
    told = tmp_path / "told"
    body = (
        f"folder = os.path.dirname(path)\n"
        f"open(path + '.swp', 'w').close()\n"
        f"modes = [oct(os.stat(p).st_mode & 0o777) for p in (path, folder)]\n"
        f"open({str(told)!r}, 'w').write(' '.join([*modes, folder]))\n"
    )
    before = os.umask(0)
    try:
        edit_in_editor("x", editor(tmp_path, body))
    finally:
        os.umask(before)
    file_mode, folder_mode, folder = told.read_text().split()
    assert (file_mode, folder_mode) == ("0o600", "0o700")
    assert not Path(folder).exists()


def test_visual_comes_before_editor(tmp_path: Path) -> None:
    environ = {"EDITOR": "false", "VISUAL": editor(tmp_path, "")["EDITOR"]}
    assert edit_in_editor("same", environ) == "same"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "No editor is set. Set EDITOR"),
        ({"EDITOR": "no-such-editor-here"}, "cannot be run"),
        ({"EDITOR": "nano 'unclosed"}, "which is no command"),
        ({"EDITOR": "false"}, "ended with code 1; the reply is unchanged"),
    ],
)
def test_an_editor_that_does_not_work_is_a_clear_word(environ: dict[str, str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        edit_in_editor("kept", environ)


def test_a_file_that_is_no_utf8_is_read_all_the_same(tmp_path: Path) -> None:
    assert (
        edit_in_editor("", editor(tmp_path, "open(path, 'wb').write(b'caf\\xe9')")) == "caf\ufffd"
    )
