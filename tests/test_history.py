import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interviewer.errors import HistoryError, NotFoundError
from interviewer.history import (
    History,
    Session,
    grade_from_json,
    question_from_json,
)
from interviewer.types import (
    Ask,
    CriterionGrade,
    Grade,
    GradedBy,
    Point,
    Question,
    Thread,
    Turn,
    Usage,
    to_json,
)

QUESTION = Question(
    id="batch-norm",
    topic="normalization",
    level=2,
    text="What does batch normalization do?",
    answer="It normalizes each channel.",
    points=(Point("statistics", "Over the mini-batch.", also=("a", "b"), probe="Where from?"),),
    sources=("Ioffe & Szegedy 2015",),
)
BY = GradedBy("embedded", "MiniLM", "c0ffee")
GRADED = Grade(70, BY, criteria={"correctness": CriterionGrade(4, "nothing wrong")})
UNGRADED = Grade(None, BY, ungraded_reason="the model did not answer", usage=Usage(2, 10, 5))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "history.db"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    with History.open(path) as opened:
        yield opened


def start(history: History) -> Session:
    return history.start_session(
        mode="coach", plan=["batch-norm", "dropout"], seed=7, grader="auto"
    )


def ask(history: History) -> tuple[Thread, Turn]:
    thread = history.add_thread(start(history).id, 0, QUESTION)
    return thread, history.add_turn(thread.id, Ask.QUESTION, QUESTION.text)


# Sessions


def test_a_session_is_read_back_as_it_was_started(path: Path) -> None:
    with History.open(path) as history:
        started = history.start_session(
            mode="quiet",
            plan=["a", "b"],
            seed=2**80,
            grader="embedded",
            minutes=20,
            options={"topics": ["cnn"], "voice": False},
        )
    with History.open(path) as history:
        assert history.session(started.id) == started
        assert history.latest_unfinished() == started
    assert started.plan == ("a", "b")
    assert started.options == {"topics": ["cnn"], "voice": False}
    assert started.ended_at is None


def test_a_session_id_tells_the_time_and_is_never_given_twice(path: Path) -> None:
    moment = datetime(2026, 11, 23, 7, 12, tzinfo=UTC)
    rolls = iter([b"\x01\x01\x01", b"\x01\x01\x01", b"\x02\x02\x02"])
    with History.open(path, clock=lambda: moment, random_bytes=lambda _: next(rolls)) as history:
        ids = [start(history).id, start(history).id]
    assert ids == ["20261123-0712-bbb", "20261123-0712-ccc"]


def test_progress_and_end_are_kept_and_the_first_end_counts(path: Path) -> None:
    moments = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(9))
    with History.open(path, clock=lambda: next(moments)) as history:
        session = start(history)
        moved = history.save_progress(session.id, plan=["dropout"], spent_s=12.5)
        assert (moved.plan, moved.spent_s) == (("dropout",), 12.5)
        ended = history.end_session(session.id)
        assert history.end_session(session.id) == ended
        assert ended.ended_at is not None
        assert history.latest_unfinished() is None


def test_sessions_come_newest_first_even_when_the_clock_is_set_back(path: Path) -> None:
    moments = (datetime(2026, 1, 30, tzinfo=UTC) - timedelta(days=n) for n in range(9))
    with History.open(path, clock=lambda: next(moments)) as history:
        ids = [start(history).id for _ in range(3)]
        assert [session.id for session in history.sessions()] == ids[::-1]
        assert [session.id for session in history.sessions(1)] == ids[2:]


def test_an_unknown_session_names_the_nearest(history: History) -> None:
    session = start(history)
    for use in (history.session, history.end_session, history.threads):
        with pytest.raises(NotFoundError, match=session.id):
            use(session.id[:-1])


def test_unknown_threads_and_turns_are_not_found(history: History) -> None:
    thread, _ = ask(history)
    uses: list[Callable[[], object]] = [
        lambda: history.thread("x"),
        lambda: history.grades("x"),
        lambda: history.add_turn("x", Ask.PROBE, "?"),
        lambda: history.turn("x"),
        lambda: history.record_reply("x", "hello"),
        lambda: history.record_skip("x"),
        lambda: history.save_draft("x", "hello"),
        lambda: history.add_grade(thread.id, "x", GRADED),
    ]
    for use in uses:
        with pytest.raises(NotFoundError, match="x"):
            use()


# Threads and turns


def test_a_thread_keeps_the_question_as_it_was_asked(path: Path) -> None:
    with History.open(path) as history:
        thread, turn = ask(history)
        follow_up = history.add_turn(thread.id, Ask.PROBE, "Where from?", "statistics")
        history.record_reply(turn.id, "from the batch")
    with History.open(path) as history:
        found = history.thread(thread.id)
    assert found.question == QUESTION
    assert found.turns[0].reply == "from the batch"
    assert found.turns[1] == follow_up
    assert follow_up.point_id == "statistics"


def test_threads_come_in_the_order_of_the_interview(history: History) -> None:
    session = start(history)
    for position in (2, 0, 1):
        history.add_thread(session.id, position, replace(QUESTION, id=f"q{position}"))
    assert [thread.question.id for thread in history.threads(session.id)] == ["q0", "q1", "q2"]


def test_turns_come_by_number_even_when_the_clock_is_set_back(path: Path) -> None:
    moments = (datetime(2026, 1, 30, tzinfo=UTC) - timedelta(days=n) for n in range(9))
    with History.open(path, clock=lambda: next(moments)) as history:
        thread, _ = ask(history)
        history.add_turn(thread.id, Ask.PROBE, "first")
        history.add_turn(thread.id, Ask.HINT, "second")
        texts = [turn.text for turn in history.thread(thread.id).turns]
    assert texts == [QUESTION.text, "first", "second"]


def test_asking_again_after_a_crash_makes_no_second_row(history: History) -> None:
    session = start(history)
    thread = history.add_thread(session.id, 0, QUESTION)
    assert history.add_thread(session.id, 0, QUESTION) == thread
    turn = history.add_turn(thread.id, Ask.QUESTION, "text", turn_id="mine")
    assert history.add_turn(thread.id, Ask.QUESTION, "text", turn_id="mine") == turn
    assert history.threads(session.id) == [replace(thread, turns=(turn,))]
    with pytest.raises(HistoryError, match="batch-norm"):
        history.add_thread(session.id, 0, replace(QUESTION, id="other"))


def test_it_counts_the_sessions_that_asked_a_question(history: History) -> None:
    assert history.times_asked() == {}
    first, _ = ask(history)
    assert history.times_asked() == {"batch-norm": 1}
    history.add_turn(first.id, Ask.PROBE, "?")
    ask(history)
    assert history.times_asked() == {"batch-norm": 2}


def test_the_same_reply_twice_is_one_and_another_is_refused(history: History) -> None:
    thread, turn = ask(history)
    stored = history.record_reply(turn.id, "it normalizes")
    assert history.record_reply(turn.id, "it normalizes") == stored
    with pytest.raises(HistoryError, match="another reply"):
        history.record_reply(turn.id, "something else")
    with pytest.raises(HistoryError, match="another reply"):
        history.record_skip(turn.id)
    assert history.thread(thread.id).turns == (stored,)


def test_a_skip_is_kept_and_takes_no_reply(history: History) -> None:
    _, turn = ask(history)
    skipped = history.record_skip(turn.id)
    assert skipped.skipped
    assert skipped.reply is None
    assert history.record_skip(turn.id) == skipped
    with pytest.raises(HistoryError, match="was skipped"):
        history.record_reply(turn.id, "late")


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_reply_is_stored_and_only_lone_surrogates_change(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    with History.open(tmp_path_factory.getbasetemp() / "any" / "history.db") as history:
        _, turn = ask(history)
        stored = history.record_reply(turn.id, text)
        assert stored.reply is not None
        stored.reply.encode()
        if not any("\ud800" <= char <= "\udfff" for char in text):
            assert stored.reply == text
        assert history.record_reply(turn.id, text) == stored


def test_nul_huge_and_surrogate_text_is_stored(history: History) -> None:
    for text, kept in (
        ("a\0b", "a\0b"),
        ("x" * 1_000_000, "x" * 1_000_000),
        ("a\ud83db\udc00", "a\ufffdb\ufffd"),
        ("\ufeffbom \U0001f600", "\ufeffbom \U0001f600"),
    ):
        _, turn = ask(history)
        assert history.record_reply(turn.id, text).reply == kept


# Drafts


def test_a_draft_is_the_latest_text_until_the_reply(history: History) -> None:
    _, turn = ask(history)
    assert history.draft(turn.id) is None
    history.save_draft(turn.id, "it nor")
    history.save_draft(turn.id, "it normalizes")
    assert history.draft(turn.id) == "it normalizes"
    history.record_reply(turn.id, "it normalizes.")
    assert history.draft(turn.id) is None
    history.save_draft(turn.id, "late")
    assert history.draft(turn.id) is None


# Grades


def test_every_grade_stays(history: History) -> None:
    thread, turn = ask(history)
    history.record_reply(turn.id, "it normalizes")
    first = history.add_grade(thread.id, turn.id, UNGRADED)
    second = history.add_grade(thread.id, turn.id, GRADED)
    assert history.grades(thread.id) == (first, second)
    assert [stored.grade for stored in (first, second)] == [UNGRADED, GRADED]
    assert second.upto_turn_id == turn.id


def test_pending_is_what_was_said_after_the_latest_good_grade(history: History) -> None:
    def pending() -> list[str]:
        return [found.id for _, found in history.pending()]

    thread, turn = ask(history)
    assert pending() == []
    history.record_reply(turn.id, "it normalizes")
    assert history.pending() == [
        (history.sessions()[0].id, history.thread(thread.id)),
    ]
    history.add_grade(thread.id, turn.id, UNGRADED)
    assert pending() == [thread.id]
    history.add_grade(thread.id, turn.id, GRADED)
    assert pending() == []
    probe = history.add_turn(thread.id, Ask.PROBE, "Where from?")
    assert pending() == []
    history.record_reply(probe.id, "the batch")
    assert pending() == [thread.id]
    history.add_grade(thread.id, probe.id, GRADED)
    assert pending() == []


def test_skips_empty_replies_and_deepening_are_not_pending(history: History) -> None:
    thread, turn = ask(history)
    history.record_skip(turn.id)
    for kind, reply in ((Ask.PROBE, ""), (Ask.DEEPEN, "beyond the points")):
        more = history.add_turn(thread.id, kind, "?")
        history.record_reply(more.id, reply)
    assert history.thread(thread.id).replies == ()
    assert history.pending() == []


@settings(max_examples=60, deadline=None)
@given(grade=st.from_type(Grade))
def test_a_grade_goes_to_json_and_back_without_loss(grade: Grade) -> None:
    text = json.dumps(to_json(grade), allow_nan=True)
    back = grade_from_json(json.loads(text))
    assert json.dumps(to_json(back)) == text
    assert type(back.graded_by) is GradedBy
    if "NaN" not in text:
        assert back == grade


@settings(max_examples=40, deadline=None)
@given(question=st.from_type(Question))
def test_a_question_goes_to_json_and_back_without_loss(question: Question) -> None:
    assert question_from_json(json.loads(json.dumps(to_json(question)))) == question


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"score": True}, "Grade.score"),
        ({"score": "70"}, "Grade.score"),
        ({"points": {}}, "Grade.points"),
        ({"points": [{"id": 3}]}, "Grade.points.id"),
        ({"surprise": 1}, "surprise"),
        ({"graded_by": {"grader": "x"}}, "model"),
        ({"errors": [None]}, "Grade.errors"),
    ],
)
def test_a_grade_of_the_wrong_shape_names_the_field(change: dict[str, object], named: str) -> None:
    with pytest.raises(HistoryError, match=named):
        grade_from_json({**to_json(GRADED), **change})


# The files


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_nobody_else_may_read_any_file(tmp_path: Path, umask: int) -> None:
    home = tmp_path / "home"
    before = os.umask(umask)
    try:
        with History.open(home / "history.db") as history:
            _, turn = ask(history)
            history.record_reply(turn.id, "private")
            with history.lease(history.sessions()[0].id):
                modes = {
                    str(file.relative_to(tmp_path)): stat.S_IMODE(file.stat().st_mode)
                    for file in [home, *home.rglob("*")]
                }
    finally:
        os.umask(before)
    assert {name.rpartition("/")[2] for name in modes} >= {
        "history.db",
        "history.db-wal",
        "history.db-shm",
        "history.ballast",
    }
    folders = {"home", "home/locks"}
    assert modes == {name: 0o700 if name in folders else 0o600 for name in modes}


def test_a_history_that_others_could_read_is_closed_to_them(path: Path) -> None:
    History.open(path).close()
    path.chmod(0o644)
    History.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_reply_is_synced_when_it_is_recorded(history: History) -> None:
    _, turn = ask(history)
    history.save_draft(turn.id, "draft")
    seen: list[str] = []
    history._db.set_trace_callback(seen.append)
    history.record_reply(turn.id, "reply")
    history._db.set_trace_callback(None)
    assert seen[:2] == ["PRAGMA synchronous = FULL", "BEGIN IMMEDIATE"]
    assert seen[-1] == "COMMIT"
    values = {
        name: history._db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 20000,
    }


def test_one_session_is_held_by_one_process(path: Path) -> None:
    with History.open(path) as history, History.open(path) as other:
        first, second = start(history), start(history)
        with history.lease(first.id):
            with pytest.raises(HistoryError, match=f"process {os.getpid()}"), other.lease(first.id):
                pass
            with other.lease(second.id):
                pass
        with other.lease(first.id) as held:
            assert held == first
        with pytest.raises(NotFoundError), other.lease("none"):
            pass


def test_a_lease_ends_with_its_process(path: Path) -> None:
    holder = (
        "import sys, pathlib\n"
        "from interviewer.history import History\n"
        "history = History.open(pathlib.Path(sys.argv[1]))\n"
        "with history.lease(sys.argv[2]):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with History.open(path) as history:
        session = start(history)
        with subprocess.Popen(
            [sys.executable, "-c", holder, path, session.id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "held\n"
            with (
                pytest.raises(HistoryError, match=f"process {child.pid}"),
                history.lease(session.id),
            ):
                pass
            child.kill()
        with history.lease(session.id):
            pass


@pytest.mark.slow
def test_four_writers_never_see_a_lock(path: Path) -> None:
    def write(writer: int) -> str:
        with History.open(path) as history:
            session = start(history)
            for number in range(50):
                thread = history.add_thread(session.id, number, QUESTION)
                turn = history.add_turn(thread.id, Ask.QUESTION, "?")
                history.record_reply(turn.id, f"{writer}-{number}")
            return session.id

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(write, range(4)))
    with History.open(path) as history:
        for writer, session_id in enumerate(ids):
            said = [thread.said for thread in history.threads(session_id)]
            assert said == [f"{writer}-{number}" for number in range(50)]


def test_threads_may_share_one_history(history: History) -> None:
    thread, _ = ask(history)

    def write(number: int) -> None:
        turn = history.add_turn(thread.id, Ask.PROBE, "?")
        history.save_draft(turn.id, "x")
        history.record_reply(turn.id, str(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(40)))
    assert sorted(map(int, history.thread(thread.id).replies)) == list(range(40))


def test_importing_the_history_loads_nothing_heavy() -> None:
    allowed = "import interviewer.history, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", allowed], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"filelock", "asyncio", "pydantic", "numpy", "tempfile", "shutil", "uuid"}


def test_a_closed_history_may_be_closed_again(path: Path) -> None:
    history = History.open(path)
    history.close()
    history.close()
    with pytest.raises(sqlite3.ProgrammingError):
        history.sessions()
