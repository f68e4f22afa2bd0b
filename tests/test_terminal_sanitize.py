import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.terminal.sanitize import MAX_MARKS, clean, clean_line

DANGEROUS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)
HOSTILE = st.text(
    st.one_of(
        st.sampled_from(
            "\x1b\x9b\x9d\x90[]P_^X0;mHJc\\\x07\r\n\t\u202e\u200d\ufe0f\u0301\ud800 a1👍ا"
        ),
        st.characters(),
    )
)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        pytest.param("a\x1b]52;c;Zm9v\x07b", "ab", id="clipboard"),
        pytest.param("\x1b]8;;https://example.org/\x1b\\link\x1b]8;;\x1b\\", "link", id="link"),
        pytest.param("\x1b]0;title\x9cx", "x", id="title ended by a C1"),
        pytest.param("\x9d0;title\x07x", "x", id="C1 title"),
        pytest.param("low\x1b[2J\x1b[H10/10", "low10/10", id="clear screen"),
        pytest.param("a\x9b31mb", "ab", id="C1 color"),
        pytest.param("\x1bPq#0\x1b\\x", "x", id="DCS"),
        pytest.param("\x1b_x\x1b\\\x1b^y\x1b\\\x1bXz\x1b\\k", "k", id="APC, PM, SOS"),
        pytest.param("a\x1bcb", "ab", id="reset"),
        pytest.param("a\x1b(0b", "ab", id="character set"),
        pytest.param("end\x1b", "end", id="lone at the end"),
        pytest.param("a\x1b[31", "a", id="unfinished"),
        pytest.param("a\x1b]0;all that follows\nstays", "a0;all that follows\nstays", id="unended"),
        pytest.param("2/10\r9/10", "2/10\n9/10", id="overwrite"),
        pytest.param("a\r\nb\r\n", "a\nb\n", id="CRLF"),
        pytest.param("a\x08\x07\x00\x7fb", "ab", id="C0 and DEL"),
        pytest.param("a\u202eb\u2066c\u200f", "abc", id="bidi"),
        pytest.param("a\U000e0061\U000e0062", "a", id="tags"),
        pytest.param("a\ufe0f\ufe01\U000e0101b", "ab", id="selectors out of place"),
        pytest.param("👍\ufe0f\ufe0f\ufe01", "👍\ufe0f", id="more than one selector"),
        pytest.param("a\u200d b\u200c", "a b", id="joiners out of place"),
        pytest.param("e" + "\u0301" * 50, "e" + "\u0301" * MAX_MARKS, id="piled marks"),
        pytest.param("a\ud800b", "a\ufffdb", id="lone surrogate"),
    ],
)
def test_what_could_move_or_hide_is_removed(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


@pytest.mark.parametrize(
    "text",
    [
        "plain words, 3 < 4 & [/bold] list[int] \\n\n\tindented",
        "naïve Ünïcödé “quotes” – dash … → ∑ᵢ xᵢ² ≤ ∅",
        "日本語 한국어 葛󠄀 العربية עִבְרִית नमस्ते ไทย",
        "👍🏽 👨‍👩‍👧 ❤️ 1️⃣ 🏳️‍🌈 ☎︎ ‼️",
        "می‌خواهم क्‍ष",
    ],
)
def test_what_people_write_is_unchanged(text: str) -> None:
    assert clean(text) == text


@given(HOSTILE)
def test_nothing_dangerous_is_left_and_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    assert not DANGEROUS.search(once)
    assert clean(once) == once
    once.encode()


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="\u200c\u200d")))
def test_letters_numbers_and_punctuation_stay(text: str) -> None:
    assert clean(text) == text


@given(HOSTILE)
def test_a_line_has_no_line_end(text: str) -> None:
    assert len(clean_line(text).splitlines()) <= 1


@pytest.mark.parametrize(
    "piece",
    ["\x1b]", "\x9d", "\x1b[", "\x1b[1", "\x1b ", "\x1b]a", "a\u200d", "e\u0301", "é", "👍\ufe0f"],
)
def test_a_megabyte_is_cleaned_in_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    start = time.perf_counter()
    clean(text)
    assert time.perf_counter() - start < 5  # a quadratic pattern takes minutes
