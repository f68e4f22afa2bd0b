"""A quote is found only where the candidate said those words in that order."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from interviewer.grading.quotes import locate

SAID = "So, um — it takes the *mean*, and\nthe variance, of the mini-batch. It’s per channel."

words = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=30)


def test_case_white_space_and_punctuation_do_not_matter() -> None:
    found = locate("it takes the mean and the variance", SAID)
    assert found == "it takes the *mean*, and\nthe variance"
    assert locate("IT'S PER CHANNEL!", SAID) == "It’s per channel"


def test_a_skipped_or_changed_word_is_no_quote() -> None:
    assert locate("it takes the variance", SAID) is None
    assert locate("the means", SAID) is None


def test_part_of_a_word_is_no_quote() -> None:
    assert locate("chan", SAID) is None


def test_a_quote_without_words_is_found_nowhere() -> None:
    assert locate("...", SAID) is None
    assert locate("", SAID) is None


@given(words, st.data())
def test_every_run_of_words_is_found_word_for_word(said: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(said) - 1))
    end = data.draw(st.integers(start + 1, len(said)))
    text = ", ".join(said)
    found = locate(" ".join(said[start:end]).upper(), text)
    assert found is not None
    assert found in text
    assert re.findall(r"\w+", found) == said[start:end]


@given(st.text(max_size=60), st.text(max_size=200))
def test_what_is_found_stands_in_what_was_said(quote: str, said: str) -> None:
    found = locate(quote, said)
    assert found is None or found in said
