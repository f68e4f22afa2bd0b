from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.policy import FOLLOW_UPS, ON, Limits, hint_move, next_move
from interviewer.types import Ask, Grade, GradedBy, Verdict

from .conftest import grade_of, point, question, thread, turn

ASKED = question(points=[point("core", 3), point("side", 2), point("detail", 1)])
LIMITS = Limits(follow_ups=2, hints=2)
UNGRADED = Grade(None, GradedBy("model", "m", "p"), ungraded_reason="no server")


def move(graded, *turns, gave_up=False, in_time=True, limits=LIMITS):
    return next_move(thread(ASKED, *turns), graded, limits=limits, gave_up=gave_up, in_time=in_time)


def test_the_heaviest_missing_point_is_probed():
    found = move(grade_of(ASKED, side="stated"), turn())
    assert (found.ask, found.point.id) == (Ask.PROBE, "core")


def test_a_contradicted_point_comes_before_a_heavier_missing_one():
    found = move(grade_of(ASKED, detail="contradicted"), turn())
    assert (found.ask, found.point.id, found.quote) == (Ask.CHALLENGE, "detail", "a reply")


def test_a_half_said_point_is_clarified_with_the_words_that_were_said():
    found = move(grade_of(ASKED, core="partly", side="stated", detail="stated"), turn())
    assert (found.ask, found.quote) == (Ask.CLARIFY, "a reply")


def test_a_point_is_never_asked_about_twice():
    asked = turn(ask=Ask.PROBE, point_id="core")
    assert move(grade_of(ASKED), turn(), asked).point.id == "side"


def test_a_point_hinted_at_is_not_probed():
    hinted = turn(ask=Ask.HINT, point_id="core")
    assert move(grade_of(ASKED), turn(), hinted).point.id == "side"


def test_follow_ups_are_capped():
    asked = [turn(ask=Ask.PROBE, point_id=name) for name in ("core", "side")]
    assert move(grade_of(ASKED), turn(), *asked) == ON


def test_an_ungraded_reply_is_never_followed_up():
    assert move(UNGRADED, turn()) == ON
    assert move(None, turn()) == ON


def test_a_skipped_question_and_the_end_of_time_lead_on():
    assert move(grade_of(ASKED), turn(None, skipped=True)) == ON
    assert move(grade_of(ASKED), turn(), in_time=False) == ON


def test_a_candidate_who_has_everything_is_asked_one_deeper_question():
    everything = grade_of(ASKED, core="stated", side="stated", detail="stated")
    assert move(everything, turn()).ask is Ask.DEEPEN
    assert move(everything, turn(), turn(ask=Ask.DEEPEN)) == ON


def test_not_knowing_the_question_earns_one_hint_and_then_moves_on():
    found = move(grade_of(ASKED), turn("I don't know"), gave_up=True)
    assert (found.ask, found.point.id) == (Ask.HINT, "core")
    after_hint = turn("no idea", ask=Ask.HINT, point_id="core")
    assert move(grade_of(ASKED), turn("I don't know"), after_hint, gave_up=True) == ON


def test_a_hint_asked_for_at_a_probe_is_about_that_point():
    probe = turn(None, ask=Ask.PROBE, point_id="side")
    found = hint_move(thread(ASKED, turn(), probe), grade_of(ASKED), limits=LIMITS)
    assert found.point.id == "side"


def test_hints_are_capped_and_never_about_what_was_said():
    given_hints = [turn(ask=Ask.HINT, point_id=name) for name in ("core", "side")]
    assert hint_move(thread(ASKED, turn(), *given_hints), None, limits=LIMITS) == ON
    said = grade_of(ASKED, core="stated", side="stated", detail="stated")
    assert hint_move(thread(ASKED, turn()), said, limits=LIMITS) == ON


verdicts = st.sampled_from(list(Verdict))


@given(
    core=verdicts,
    side=verdicts,
    detail=verdicts,
    follow_ups=st.integers(0, 4),
    seen=st.lists(st.sampled_from(["core", "side", "detail"]), unique=True),
)
def test_every_move_keeps_the_limits_and_chases_only_what_is_open(
    core, side, detail, follow_ups, seen
):
    limits = Limits(follow_ups=follow_ups, hints=2)
    graded = grade_of(ASKED, core=core, side=side, detail=detail)
    asked = [turn(ask=Ask.PROBE, point_id=name) for name in seen]
    found = move(graded, turn(), *asked, limits=limits)
    if found.ask in FOLLOW_UPS:
        assert len(seen) < follow_ups
        assert found.point.id not in seen
        assert graded.of(found.point.id).verdict is not Verdict.STATED
    else:
        assert found.ask in (None, Ask.DEEPEN)


@pytest.mark.parametrize("ask", sorted(FOLLOW_UPS))
def test_giving_up_on_a_follow_up_leads_to_the_next_question(ask):
    assert move(grade_of(ASKED), turn(), turn("no idea", ask, "core"), gave_up=True) == ON
