from __future__ import annotations

import random
from collections import Counter

import pytest

from interviewer import interview
from interviewer.agent import BankInterviewer
from interviewer.bank import Bank
from interviewer.history import History
from interviewer.interview import Backstage, Ending, Interview, pick, session_report
from interviewer.types import Ask, Grade, GradedBy, Turn

from .conftest import ScriptedGrader, ScriptedReader, grade_of, point, question

FIRST, SECOND = question("q1"), question("q2", topic="other", level=3)
BANK = Bank((FIRST, SECOND))
EVERYTHING = grade_of(FIRST, one="stated", two="stated")
NOTHING = grade_of(FIRST)
HALF = grade_of(FIRST, one="stated")
UNGRADED = Grade(None, GradedBy("model", "m", "p"), ungraded_reason="The server is away.")


@pytest.fixture
def history(home):
    with History.open(home / "history.db") as opened:
        yield opened


@pytest.fixture
def practice(history, shown):
    """Start or go on with a session, and return how it ended."""
    screen, text = shown

    def run(*script, grader=None, mode="interview", session=None, plan=("q1",), clock=None):
        session = session or history.start_session(
            mode=mode, plan=plan, seed=1, grader="embedded", minutes=1 if clock else None
        )
        reader = ScriptedReader(*script)
        running = Interview(
            session,
            bank=BANK,
            history=history,
            screen=screen,
            reader=reader,
            interviewer=BankInterviewer(random.Random(1)),
            backstage=Backstage(lambda: None, grader or ScriptedGrader(EVERYTHING)),
            **({"clock": clock} if clock else {}),
        )
        ending = running.run()
        return ending, history.session(session.id), reader

    run.shown = text
    return run


def turns(history, session) -> list[Turn]:
    return [turn for thread in history.threads(session.id) for turn in thread.turns]


def test_a_full_answer_is_followed_by_one_deeper_question_and_the_end(practice, history):
    ending, session, _ = practice("all of it", "because of that")
    assert ending is Ending.FINISHED
    assert [turn.ask for turn in turns(history, session)] == [Ask.QUESTION, Ask.DEEPEN]


def test_a_deeper_reply_does_not_change_the_grade(practice, history):
    grader = ScriptedGrader(EVERYTHING)
    practice("all of it", "because of that", grader=grader)
    assert len(grader.threads) == 1


def test_the_missing_point_is_probed_and_the_thread_graded_as_a_whole(practice, history):
    grader = ScriptedGrader(HALF, EVERYTHING)
    _, session, _ = practice("the one", "the two", grader=grader)
    assert [turn.point_id for turn in turns(history, session)][:2] == [None, "two"]
    assert grader.threads[-1].replies == ("the one", "the two")


def test_the_score_before_and_after_help_are_both_kept(practice, history):
    _, session, _ = practice("the one", "the two", grader=ScriptedGrader(HALF, EVERYTHING))
    item = session_report(history, session).items[0]
    assert (item.before.score, item.after.score) == (60, 100)
    assert item.state == "60 → 100 with 1 follow-up"


def test_a_reply_is_on_disk_before_it_is_graded(practice, history, home):
    def grader(thread):
        with History.open(home / "history.db") as other:
            assert other.thread(thread.id).replies == ("my words",)
        return EVERYTHING

    practice("my words", grader=grader)


def test_a_hint_is_recorded_and_counted_as_help(practice, history):
    ending, session, _ = practice("/hint", "all of it", "more")
    assert ending is Ending.FINISHED
    item = session_report(history, session).items[0]
    assert item.hints == 1
    assert item.before is None
    assert item.state == "100 with 1 hint"


def test_plain_speech_asks_for_a_hint_too(practice, history):
    _, session, _ = practice("can I have a hint", "all of it")
    assert turns(history, session)[1].ask is Ask.HINT


def test_not_knowing_earns_a_hint_and_then_the_next_question(practice, history):
    _, session, _ = practice(
        "I don't know", "no idea", "all of it", grader=ScriptedGrader(NOTHING), plan=("q1", "q2")
    )
    asked = turns(history, session)
    assert [turn.ask for turn in asked[:3]] == [Ask.QUESTION, Ask.HINT, Ask.QUESTION]


def test_a_skipped_question_is_not_graded(practice, history):
    grader = ScriptedGrader(EVERYTHING)
    ending, session, _ = practice("/skip", grader=grader)
    assert (ending, grader.threads) == (Ending.FINISHED, [])
    assert session_report(history, session).items[0].state == "skipped"


def test_an_ungraded_reply_is_kept_and_the_interview_goes_on(practice, history):
    ending, session, _ = practice(
        "something", "other", grader=ScriptedGrader(UNGRADED), plan=("q1", "q2")
    )
    assert ending is Ending.FINISHED
    assert len(history.pending()) == 2
    assert "ungraded" in session_report(history, session).items[0].state


def test_repeat_says_the_question_again_and_help_lists_the_commands(practice):
    practice("/repeat", "/help", "/nonsense", "all of it")
    text = practice.shown()
    assert text.count("What is q1?") >= 2
    assert "/skip" in text
    assert "no command /nonsense" in text


def test_thinking_time_is_given_and_ends_nothing(practice):
    ending, _, _ = practice("let me think", "all of it", "more")
    assert ending is Ending.FINISHED
    assert "Take your time" in practice.shown()


@pytest.mark.parametrize(
    ("said", "ending"),
    [("/pause", Ending.PAUSED), ("/stop", Ending.STOPPED), (KeyboardInterrupt(), "interrupted")],
)
def test_leaving_keeps_all_that_was_said(practice, history, said, ending):
    found, session, _ = practice("the one", said, grader=ScriptedGrader(HALF), plan=("q1", "q2"))
    assert found == ending
    assert history.threads(session.id)[0].replies == ("the one",)


def test_going_on_asks_what_was_open_and_nothing_twice(practice, history):
    _, session, _ = practice("the one", "/pause", grader=ScriptedGrader(HALF))
    ending, session, _ = practice("the two", session=session, grader=ScriptedGrader(EVERYTHING))
    assert ending in (Ending.FINISHED, Ending.STOPPED)
    asked = turns(history, session)
    assert [turn.reply for turn in asked[:2]] == ["the one", "the two"]
    assert len([turn for turn in asked if turn.ask is Ask.QUESTION]) == 1


def test_what_was_being_typed_comes_back_on_going_on(practice, history):
    _, session, _ = practice("/pause")
    turn = turns(history, session)[0]
    history.save_draft(turn.id, "half a sen")
    _, _, reader = practice("all of it", session=session)
    assert reader.prefills[0] == "half a sen"


def test_a_reply_without_a_grade_is_graded_on_going_on(practice, history):
    with pytest.raises(ZeroDivisionError):
        practice("the one", grader=lambda _: 1 / 0)
    session = history.latest_unfinished()
    grader = ScriptedGrader(EVERYTHING)
    practice(session=session, grader=grader)
    assert grader.threads[0].replies == ("the one",)


def test_the_grade_of_an_earlier_sitting_is_not_made_again(practice, history):
    _, session, _ = practice("the one", "/pause", grader=ScriptedGrader(HALF))
    grader = ScriptedGrader(EVERYTHING)
    practice("/pause", session=session, grader=grader)
    assert grader.threads == []


def test_a_coach_shows_feedback_and_reference_after_each_question(practice):
    practice("all of it", "more", mode="coach")
    assert FIRST.answer in practice.shown()


def test_quiet_and_interview_modes_show_no_score_on_the_way(practice):
    practice("all of it", "more", mode="quiet")
    practice("all of it", "more", mode="interview")
    assert FIRST.answer not in practice.shown()


def test_a_reply_that_cannot_be_text_is_refused_in_words_and_asked_for_again(practice, history):
    _, session, _ = practice("x" * 100_001, "bad \0 bytes", "all of it", "more")
    assert history.threads(session.id)[0].replies == ("all of it",)
    assert "100 kB" in practice.shown()


def test_no_new_question_begins_when_the_time_is_up(practice, history):
    ticks = iter([0.0, 0.0] + [100.0] * 50)
    ending, session, _ = practice("the one", plan=("q1", "q2"), clock=lambda: next(ticks))
    assert ending is Ending.FINISHED
    assert len(history.threads(session.id)) == 1
    assert "time is up" in practice.shown()


def test_a_question_that_left_the_bank_is_passed_over(practice, history):
    ending, session, _ = practice("all of it", "more", plan=("gone", "q1"))
    assert ending is Ending.FINISHED
    assert len(history.threads(session.id)) == 1


def test_the_end_of_input_ends_the_interview(practice):
    assert practice()[0] is Ending.STOPPED


def test_picking_spreads_over_topics_from_easy_to_hard_and_repeats_with_the_seed():
    pool = [
        question(f"q{n}", topic=f"t{n % 3}", level=1 + n % 5, points=[point("p")])
        for n in range(30)
    ]
    chosen = pick(pool, 6, random.Random(7), {})
    assert chosen == pick(pool, 6, random.Random(7), {})
    assert set(Counter(q.topic for q in chosen).values()) == {2}
    assert [q.level for q in chosen] == sorted(q.level for q in chosen)


def test_picking_prefers_what_was_asked_least():
    pool = [question(f"q{n}") for n in range(4)]
    chosen = pick(pool, 2, random.Random(1), {"q0": 1, "q1": 2})
    assert {q.id for q in chosen} == {"q2", "q3"}


def test_every_mode_has_limits():
    assert set(interview.LIMITS) == set(interview.Mode)
