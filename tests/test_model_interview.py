"""Whole interviews led and graded by a model, through the real clients and a loopback server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from .running import run

SAID = "Units are switched off at random in each step, and at test time all are used."
QUOTE = "switched off at random"
SPOKEN = "And what becomes of the outputs that stay?"


@pytest.fixture
def home(warm_home):
    return warm_home


def answer_for(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of the right form: the first point stated with our words, no other."""
    points = {
        name: {"why": "So.", "quote": QUOTE if name == "p1" else "", "verdict": "missing"}
        for name in schema["properties"]["points"]["properties"]
    }
    points["p1"]["verdict"] = "stated"
    criteria = schema["properties"]["criteria"]["properties"]
    return {
        "points": points,
        "criteria": {name: {"why": "So.", "level": 3} for name in criteria},
        "errors": [],
        "advice": [],
        "manipulation": False,
    }


def completion(content: str) -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": content},
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def served(server: HTTPServer, reply: Callable[[dict[str, Any]], Response]) -> str:
    """Serve chat completions by `reply` and return the base URL."""

    def handle(request: Request) -> Response:
        return reply(json.loads(request.get_data()))

    server.expect_request("/v1/chat/completions", method="POST").respond_with_handler(handle)
    return server.url_for("/v1")


def good(body: dict[str, Any]) -> Response:
    form = body.get("response_format")
    if form is None:
        return Response(json.dumps(completion(SPOKEN)), content_type="application/json")
    content = json.dumps(answer_for(form["json_schema"]["schema"]))
    return Response(json.dumps(completion(content)), content_type="application/json")


def practice(home: Path, url: str, *arguments: str, given: str = SAID, **extra: str) -> Any:
    extra = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-canary-123456789"} | extra
    command = ("practice", "--topic", "regularization", "--seed", "1", *arguments)
    return run(*command, home=home, given=given, **extra)


def last_report(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("report", "--json", home=home).stdout)
    return found


def test_the_model_words_the_follow_ups_and_grades(home, httpserver):
    done = practice(home, served(httpserver, good), given=f"{SAID}\n\nThey are scaled up.\n")
    assert done.returncode == 0, done.stderr
    assert SPOKEN in done.stderr
    question = last_report(home)["questions"][0]
    assert question["grade"]["graded_by"]["grader"] == "model"
    assert question["grade"]["points"][0]["quote"] == QUOTE
    assert question["grade"]["usage"]["input_tokens"] == 100
    assert 0 < question["score"] < 100


def refused(_: dict[str, Any]) -> Response:
    body = {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}
    return Response(json.dumps(body), status=401, content_type="application/json")


def broken(_: dict[str, Any]) -> Response:
    return Response("<html>oops</html>", status=500)


def prose(_: dict[str, Any]) -> Response:
    text = completion("I think this is quite good, 9 out of 10.")
    return Response(json.dumps(text), content_type="application/json")


def cut(_: dict[str, Any]) -> Response:
    return Response('{"id": "1", "choi', content_type="application/json")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(refused, id="wrong key", marks=pytest.mark.slow),
        pytest.param(broken, id="server error"),
        pytest.param(prose, id="prose for a grade", marks=pytest.mark.slow),
        pytest.param(cut, id="cut off", marks=pytest.mark.slow),
    ],
)
def test_when_the_model_fails_the_interview_goes_on_and_says_so_once(home, httpserver, reply):
    done = practice(home, served(httpserver, reply))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("The embedded grader takes over.") == 1
    assert "Traceback" not in done.stderr
    question = last_report(home)["questions"][0]
    assert question["grade"]["graded_by"]["grader"] == "embedded"
    assert question["score"] is not None
    assert "sk-canary" not in done.stderr + done.stdout


@pytest.mark.slow
def test_a_server_that_is_not_there_is_told_once(home):
    done = practice(home, "http://127.0.0.1:9/v1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("The embedded grader takes over.") == 1
    assert last_report(home)["questions"][0]["score"] is not None


@pytest.mark.slow
def test_a_hanging_server_is_given_up_in_bounded_time(home, httpserver):
    import threading

    released = threading.Event()

    def hang(_: dict[str, Any]) -> Response:
        released.wait(30)
        return broken({})

    done = practice(home, served(httpserver, hang), INTERVIEWER_TIMEOUT="1")
    released.set()
    assert done.returncode == 0, done.stderr
    assert "takes over" in done.stderr


def test_pending_keeps_the_reply_until_it_is_graded_later(home, httpserver):
    working: list[bool] = []
    url = served(httpserver, lambda body: good(body) if working else broken(body))
    done = practice(home, url, "--on-failure", "pending")
    assert done.returncode == 0, done.stderr
    assert last_report(home)["questions"][0]["score"] is None
    assert "without a grade yet" in done.stdout
    working.append(True)
    key = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "x"}
    assert run("regrade", "--pending", home=home, **key).returncode == 0
    question = last_report(home)["questions"][0]
    assert question["score"] is not None
    assert question["grade"]["graded_by"]["grader"] == "model"
    assert "Nothing waits" in run("regrade", "--pending", home=home, **key).stderr


def test_the_key_is_in_no_file_and_no_output(home, httpserver):
    done = practice(home, served(httpserver, refused), "--debug")
    assert "sk-canary" not in done.stdout + done.stderr
    for path in home.rglob("*"):
        if path.is_file():
            assert b"sk-canary" not in path.read_bytes(), path
