"""The arithmetic of a grade holds for every set of verdicts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from interviewer.grading import scoring
from interviewer.types import PointGrade, Verdict


def point(verdict: Verdict, weight: int = 1, credit: float | None = None) -> PointGrade:
    worth = scoring.CREDIT[verdict] if credit is None else credit
    quote = None if verdict is Verdict.MISSING else "words"
    return PointGrade(f"p{weight}", "It is so.", weight, verdict, worth, quote, "")


points = st.lists(
    st.builds(point, st.sampled_from(list(Verdict)), st.integers(1, 3)), min_size=1, max_size=8
)


def test_weights_share_the_hundred() -> None:
    graded = [point(Verdict.STATED, 3), point(Verdict.MISSING, 1)]
    assert scoring.score(graded) == 75


def test_nothing_said_is_nothing() -> None:
    assert scoring.score([point(Verdict.MISSING, 3), point(Verdict.MISSING, 1)]) == 0
    assert scoring.score([]) == 0


def test_a_contradicted_core_point_caps_the_score() -> None:
    graded = [point(Verdict.STATED, 3)] * 9 + [point(Verdict.CONTRADICTED, 3)]
    assert scoring.score(graded) == scoring.CONTRADICTED_CORE_CAP
    detail = [point(Verdict.STATED, 3)] * 9 + [point(Verdict.CONTRADICTED, 1)]
    assert scoring.score(detail) > scoring.CONTRADICTED_CORE_CAP


def test_errors_beside_the_points_cost_five_each_and_fifteen_at_most() -> None:
    graded = [point(Verdict.STATED)]
    assert scoring.score(graded, other_errors=1) == 95
    assert scoring.score(graded, other_errors=9) == 85


@given(points)
def test_the_score_is_between_0_and_100(graded: list[PointGrade]) -> None:
    assert 0 <= scoring.score(graded) <= 100


@given(points, st.integers(0, 7))
def test_a_better_verdict_never_lowers_the_score(graded: list[PointGrade], at: int) -> None:
    at %= len(graded)
    better = [*graded]
    better[at] = point(Verdict.STATED, graded[at].weight)
    assert scoring.score(better) >= scoring.score(graded)


@given(points)
def test_levels_are_1_to_5_or_unjudged(graded: list[PointGrade]) -> None:
    for criterion in scoring.levels(graded).values():
        assert criterion.level is None or 1 <= criterion.level <= 5
        assert criterion.why


def test_advice_puts_what_was_wrong_first_and_stays_short() -> None:
    graded = [point(Verdict.MISSING, 3)] * 4 + [point(Verdict.CONTRADICTED, 1)]
    given_advice = scoring.advice(graded)
    assert len(given_advice) == scoring.MOST_ADVICE
    assert "words" in given_advice[0].moment


def test_delivery_is_counted_not_scored() -> None:
    told = scoring.delivery("Um, I think it takes, you know, the mean. Maybe the variance.")
    assert (told.words, told.sentences, told.fillers, told.hedges) == (12, 2, 2, 2)
