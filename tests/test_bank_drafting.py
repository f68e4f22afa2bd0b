from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from interviewer.bank.checking import leaks, lint, reveals
from interviewer.bank.drafting import draft_points, sentences
from interviewer.bank.words import SLUG_LENGTH, SLUG_PATTERN, stems
from interviewer.types import Point, Question

ANSWER = """\
ReLU is max(0, x), e.g. 0.5 stays 0.5. It is cheap to compute on any hardware. It does not saturate
for positive inputs, so gradients flow (Nair et al. 2010). Why is that good? Hope this helps!

There are variants:
- Leaky ReLU keeps a small slope of 0.01
  for negative inputs
- ELU
- GELU weighs the input by the Gaussian CDF
Dead units are a problem: a pre-activation that is always negative has no gradient.
"""
QUESTION = "Why is ReLU the usual activation in deep networks?"
wordy = st.text(min_size=1, max_size=1500).filter(lambda text: any(c.isalnum() for c in text))


def question_with(point: Point, text: str = QUESTION) -> Question:
    return Question(id="q", topic="t", level=1, text=text, answer=ANSWER, points=(point,))


def squeezed(text: str) -> str:
    return re.sub(r"[\s;,]+", "", text)


def test_decimals_and_abbreviations_do_not_end_a_sentence() -> None:
    text = "It is 0.01, e.g. for SGD. See Smith et al. 2015, Fig. 3 vs. Fig. 4! J. Doe did it."
    assert sentences(text) == [
        "It is 0.01, e.g. for SGD.",
        "See Smith et al. 2015, Fig. 3 vs. Fig. 4!",
        "J. Doe did it.",
    ]


def test_wrapped_lines_are_joined_and_list_items_stand_alone() -> None:
    assert sentences(
        "One long\nsentence. Next:\n1. first item\n   goes on\n2) second\nAfter it."
    ) == [
        "One long sentence.",
        "Next:",
        "first item goes on",
        "second",
        "After it.",
    ]


def test_points_are_the_claims_of_the_answer_in_order() -> None:
    says = [point.says for point in draft_points(ANSWER, QUESTION)]
    assert says == [
        "ReLU is max(0, x), e.g. 0.5 stays 0.5.",
        "It is cheap to compute on any hardware.",
        "It does not saturate for positive inputs, so gradients flow (Nair et al. 2010).",
        "There are variants: Leaky ReLU keeps a small slope of 0.01 for negative inputs; ELU",
        "GELU weighs the input by the Gaussian CDF",
        "Dead units are a problem: a pre-activation that is always negative has no gradient.",
    ]


def test_the_first_point_weighs_most() -> None:
    weights = [point.weight for point in draft_points(ANSWER, QUESTION)]
    assert weights[0] == 3
    assert set(weights[1:]) == {1, 2}


def test_nothing_is_made_up() -> None:
    for point in draft_points(ANSWER, QUESTION):
        assert (point.also, point.wrong, point.hint) == ((), (), None)


def test_a_probe_is_about_the_question() -> None:
    probes = [point.probe for point in draft_points(ANSWER, QUESTION)]
    assert probes[0] == "What else would you say about ReLU?"
    assert draft_points("It is cheap to compute.")[0].probe == "What else would you say about this?"


def test_an_answer_of_questions_or_fillers_alone_still_gives_a_point() -> None:
    assert draft_points("Why not?")[0].says == "Why not?"
    assert draft_points("It is.")[0].says == "It is."
    assert draft_points("卷积是局部加权求和。它共享权重。")[0].says == "卷积是局部加权求和。"


@given(wordy, st.text(max_size=100))
def test_drafted_points_are_valid_and_taken_from_the_answer(answer: str, question: str) -> None:
    points = draft_points(answer, question)
    assert 1 <= len(points) <= 6
    assert len({point.id for point in points}) == len(points)
    source = squeezed(answer)
    for point in points:
        assert re.match(SLUG_PATTERN, point.id)
        assert len(point.id) <= SLUG_LENGTH
        assert 1 <= len(point.says) <= 400
        assert 1 <= point.weight <= 3
        if not re.search(r"[-*+•‣–—)\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|\d\.|\w\.", answer):
            assert squeezed(point.says) in source
        if point.probe is not None:
            assert not reveals(point.probe, point.says, question)


@given(
    st.lists(st.sampled_from(["Alpha beats gamma today.", "Why?", "So.", "w" * 500]), max_size=40)
)
def test_a_long_answer_gives_at_most_six_points(parts: list[str]) -> None:
    points = draft_points("Pooling shrinks feature maps. " + " ".join(parts))
    assert len(points) <= 6
    assert all(len(point.says) <= 400 for point in points)


def test_a_word_matches_its_other_forms() -> None:
    assert stems("normalized") == stems("Normalization") == stems("normalizes")
    assert stems("gradients vanish") == stems("gradient vanishes") == stems("vanishing gradient")
    assert stems("dropped") == stems("drops") == stems("dropping")
    assert stems("bias") != stems("bit")


def test_a_text_leaks_when_it_holds_more_than_half_of_what_is_new_in_a_point() -> None:
    point = Point(id="p", says="ReLU gradients do not vanish for positive inputs.")
    question = question_with(point)
    assert leaks("Do the gradients vanish at some inputs?", point, question)
    assert not leaks("What happens to the gradients of ReLU?", point, question)
    assert not leaks("Why would a deep network use ReLU?", point, question)


def test_a_point_that_says_no_more_than_the_question_cannot_leak() -> None:
    point = Point(id="p", says="ReLU is the usual activation.")
    assert not leaks("ReLU is the usual activation.", point, question_with(point))


def test_lint_names_all_that_a_shipped_question_lacks() -> None:
    point = Point(
        id="p", says="Gradients vanish slowly.", also=("a",), probe="Do gradients vanish?"
    )
    found = "\n".join(lint(replace(question_with(point), answer="Too short.")))
    for told in ("words", "points: 1", "deepen", "sources", "also: 1", "not: missing", "hint"):
        assert told in found
    assert "probe: gives away" in found
