from __future__ import annotations

from dataclasses import replace

from interviewer import report as reports
from interviewer.grading import rubric
from interviewer.report import Report, ThreadReport
from interviewer.types import Ask, Grade, GradedBy, SpokenError

from .conftest import grade_of, question, thread, turn

ASKED = question()
RUBRIC = rubric.load()
UNGRADED = Grade(None, GradedBy("model", "m", "p"), ungraded_reason="The server is away.")


def item(after, before=None, *turns):
    return ThreadReport(thread(ASKED, *(turns or (turn(),))), before, after)


def report(*items, planned=None):
    return Report("s1", "2026-11-23", "interview", planned or len(items), items)


def test_the_mean_has_its_band_and_the_rule_in_words():
    found = report(item(grade_of(ASKED, one="stated", two="stated")))
    text = " ".join(reports.summary(found, RUBRIC))
    assert "strong, 100 of 100, graded by the embedded grader" in text
    assert RUBRIC.band(100).rule in text


def test_an_ungraded_reply_is_out_of_the_mean_and_named():
    found = report(item(grade_of(ASKED, one="stated", two="stated")), item(UNGRADED))
    assert list(found.means.values()) == [100]
    assert "1 of 2 without a grade" in " ".join(reports.summary(found, RUBRIC))


def test_grades_under_different_prompts_are_never_averaged():
    one = grade_of(ASKED, one="stated")
    other = replace(one, score=10, graded_by=GradedBy("model", "big", "other"))
    assert sorted(report(item(one), item(other)).means.values()) == [10, 60]


def test_without_any_score_there_is_no_number():
    text = " ".join(reports.summary(report(item(UNGRADED)), RUBRIC))
    assert "No question has a score yet." in text
    assert "of 100" not in text


def test_unanswered_questions_of_the_plan_are_named():
    text = " ".join(reports.summary(report(item(UNGRADED), planned=5), RUBRIC))
    assert "Answered: 1 of 5" in text


def test_help_is_shown_beside_the_score():
    hint = turn(ask=Ask.HINT, point_id="one")
    probe = turn(ask=Ask.PROBE, point_id="two")
    found = item(grade_of(ASKED, one="stated"), grade_of(ASKED), turn(), hint, probe)
    assert found.state == "0 → 60 with 1 hint, 1 follow-up"


def test_markdown_has_quotes_reference_and_what_was_missed():
    found = report(item(grade_of(ASKED, one="stated", two="contradicted")))
    text = reports.markdown(found, RUBRIC)
    for part in (
        "**Covered**",
        "**Wrong**",
        "You said: “a reply”",
        ASKED.answer,
        "| What is q1? |",
    ):
        assert part in text


def test_there_are_three_pieces_of_advice_at_most_and_the_weakest_question_leads():
    weak, strong = item(grade_of(ASKED)), item(grade_of(ASKED, one="stated"))
    found = report(strong, weak, strong, strong)
    assert len(found.advice) == 3
    assert found.advice[0][0] is weak


def test_a_table_cell_cannot_break_the_table():
    asked = question(text="What | is\nthis?")
    found = report(ThreadReport(thread(asked, turn()), None, UNGRADED))
    assert "What \\| is this?" in reports.markdown(found, RUBRIC)


def test_the_public_grade_has_the_contract_and_no_raw_exchange():
    graded = replace(grade_of(ASKED, one="stated"), raw="secret", errors=(SpokenError("x", "y"),))
    found = reports.public(graded)
    assert "raw" not in found
    assert list(found)[:3] == ["score", "ungraded_reason", "graded_by"]
    assert found["points"][0]["verdict"] == "stated"
    assert set(found) >= {"criteria", "errors", "delivery", "advice"}


def test_json_tells_the_score_before_and_after_help():
    before, after = grade_of(ASKED), grade_of(ASKED, one="stated")
    found = reports.as_json(report(item(after, before)), RUBRIC)["questions"][0]
    assert (found["score_before_help"], found["score"]) == (0, 60)
