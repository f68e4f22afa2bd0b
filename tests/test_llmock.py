"""The model grader against llmock: a server of somebody else's reading of the protocol."""

from __future__ import annotations

import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interviewer import llm
from interviewer.grading.llm import LlmGrader
from interviewer.settings import Settings
from interviewer.types import Ask, Grade, Point, Question, Thread, Turn, Verdict

from .running import run

LLMOCK = Path(sysconfig.get_path("scripts")) / "llmock"
pytestmark = pytest.mark.skipif(
    not LLMOCK.exists(), reason="the command llmock is not installed (pip install llmock==0.2.2)"
)

POINTS = tuple(Point(f"point-{i}", f"Claim number {i}.", weight=1 + i % 3) for i in range(5))
QUESTION = Question("q", "optimization", 2, "Why momentum?", "It keeps a velocity.", POINTS)
THREAD = Thread(
    "t",
    QUESTION,
    (Turn("1", Ask.QUESTION, QUESTION.text, reply="It keeps a running sum of the gradients."),),
)
Start = Callable[..., Settings]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start llmock with options; the settings that lead to it come back."""
    running: list[subprocess.Popen[bytes]] = []

    def serve(*options: str) -> Settings:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(LLMOCK), "serve", "--port", str(port), "--log-level", "warning", *options]
        running.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        _wait_for(port)
        return Settings(
            tmp_path, model="gpt-6-luna", timeout_s=30, base_url=f"http://127.0.0.1:{port}/v1"
        )

    yield serve
    for process in running:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("llmock did not start")


def test_a_schema_filled_at_random_earns_no_credit(start: Start) -> None:
    settings = start()
    assert llm.say(llm.chat_model(settings), [("human", "Say hello.")])
    grade = LlmGrader(settings).grade(THREAD, [])
    assert grade.ungraded_reason is None
    assert grade.score == 0
    assert [point.id for point in grade.points] == [point.id for point in POINTS]
    assert {point.verdict for point in grade.points} == {Verdict.MISSING}
    assert all("No words of the reply support it." in point.why for point in grade.points)
    assert grade.errors == ()
    assert grade.usage is not None
    assert grade.usage.calls == 1
    assert grade.usage.input_tokens > 500


@pytest.mark.slow
@pytest.mark.parametrize("rates", [("500=0.5",), ("429=0.5",), ("503=0.3", "400=0.3")])
def test_injected_errors_end_graded_or_ungraded(start: Start, rates: tuple[str, ...]) -> None:
    settings = start(*(option for rate in rates for option in ("--error-rate", rate)))
    grader = LlmGrader(settings)
    for _ in range(3):
        _assert_fair(grader.grade(THREAD, []))


def test_a_server_that_always_fails_leaves_the_thread_ungraded(start: Start) -> None:
    grade = LlmGrader(start("--error-rate", "500=1")).grade(THREAD, [])
    assert grade.score is None
    assert "status 500" in (grade.ungraded_reason or "")


def _assert_fair(grade: Grade) -> None:
    if grade.score is None:
        assert (grade.ungraded_reason or "").endswith(".")
    else:
        assert grade.score == 0


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--error-rate", "500=0.3", "--error-rate", "429=0.2")])
def test_a_whole_interview_goes_to_its_end(start: Start, options: tuple[str, ...]) -> None:
    settings = start(*options)
    said = "It keeps a running sum of gradients.\n\nI don't know\n\nAnother try at it.\n"
    done = run(
        "practice",
        "--questions",
        "2",
        home=settings.home / "home",
        given=said,
        OPENAI_BASE_URL=settings.base_url,
        INTERVIEWER_TIMEOUT="20",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Overall:" in done.stdout
    assert done.stderr.count("takes over") <= 1
