"""Whole interviews on a real pseudo-terminal, and SIGKILL at every stage of one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time

import pytest

from .running import PROGRAM, environment, run

pexpect = pytest.importorskip("pexpect", reason="pseudo-terminals need a Unix")

ENTER = "\r"
SEND = "\r\r"
SAID = "Each unit is dropped at random in training, so units cannot rely on each other."


@pytest.fixture
def home(warm_home):
    return warm_home


def start(home, *arguments, rows=24, columns=80):
    child = pexpect.spawn(
        PROGRAM[0],
        [*PROGRAM[1:], *arguments],
        env=environment(home) | {"TERM": "xterm-256color"},
        dimensions=(rows, columns),
        timeout=60,
        encoding="utf-8",
    )
    child.delaybeforesend = 0.1
    return child


def practice(home, *arguments):
    return start(home, "practice", "--topic", "regularization", "--seed", "1", *arguments)


def ready(child):
    child.expect("/help.*/help|Enter twice")


def report(home):
    return json.loads(run("report", "--json", home=home).stdout)


def replies(home):
    return [turn["reply"] for q in report(home)["questions"] for turn in q["turns"]]


def kill(child):
    os.kill(child.pid, signal.SIGKILL)
    child.wait()


def test_a_whole_interview_in_a_terminal(home):
    child = practice(home)
    child.expect("Question 1 of 1")
    child.expect("Enter twice")
    child.send(SAID + SEND)
    child.expect("Enter twice")
    child.send("/hint" + ENTER)
    child.expect("Enter twice")
    child.send("I don't know" + SEND)
    child.expect("Overall", timeout=60)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert replies(home)[0] == SAID


def test_typed_text_survives_a_kill_and_comes_back(home):
    child = practice(home)
    child.expect("Enter twice")
    child.send("half of a rep")
    time.sleep(1.5)
    kill(child)
    child = start(home, "resume")
    child.expect("half of a rep")
    child.send("ly" + SEND)
    child.expect("Reading your reply")
    kill(child)
    assert replies(home)[0] == "half of a reply"


def test_a_reply_sent_before_a_kill_in_grading_is_kept_and_graded_on_going_on(home):
    child = practice(home)
    child.expect("Enter twice")
    child.send(SAID + SEND)
    child.expect("Reading your reply")
    kill(child)
    assert replies(home) == [SAID]
    child = start(home, "resume")
    child.expect("Enter twice|Overall", timeout=60)
    kill(child)
    assert report(home)["questions"][0]["score"] is not None
    assert replies(home)[0] == SAID


def test_a_kill_while_asking_asks_the_same_again(home):
    child = practice(home)
    child.expect("Question 1 of 1")
    kill(child)
    child = start(home, "resume")
    child.expect("Question 1 of 1")
    child.expect("Enter twice")
    child.send("/stop" + ENTER)
    child.expect(pexpect.EOF)
    assert len(report(home)["questions"][0]["turns"]) == 1


def test_control_c_keeps_everything_and_says_how_to_go_on(home):
    child = practice(home)
    child.expect("Enter twice")
    child.send("some words")
    time.sleep(0.3)
    child.sendintr()
    child.expect("interviewer resume")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    child = start(home, "resume")
    child.expect("some words")
    kill(child)


def test_a_second_window_on_the_same_session_is_refused_in_words(home):
    child = practice(home)
    child.expect("Enter twice")
    done = run("resume", home=home)
    kill(child)
    assert done.returncode == 1
    assert "open in another window" in done.stderr


def test_the_picture_of_the_screen_holds_the_interview(home, tmp_path):
    picture = tmp_path / "interview.svg"
    child = practice(home, "--svg", str(picture))
    child.expect("Enter twice")
    child.send(SAID + SEND)
    child.expect("Enter twice")
    child.send("/stop" + ENTER)
    child.expect(pexpect.EOF)
    text = re.sub(r"<[^>]+>", "", picture.read_text()).replace("&#160;", " ")
    assert "Question 1 of 1" in text
    assert "Each unit is dropped" in text


@pytest.mark.slow
def test_no_accepted_reply_is_lost_by_kills_at_random_times(home):
    """Feed replies through a pipe, kill at growing delays; what the history took, it keeps."""
    given = "\n\n".join(f"reply number {n} about dropping units at random" for n in range(40))
    seen: list[str] = []
    for round_ in range(12):
        process = subprocess.Popen(
            [*PROGRAM, "practice", "--questions", "5", "--seed", str(round_)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(home),
        )
        assert process.stdin is not None
        process.stdin.write(given.encode())
        process.stdin.close()
        time.sleep(0.4 + 0.35 * round_)
        process.kill()
        process.wait()
        listed = json.loads(run("history", "--json", home=home).stdout)
        kept = [
            turn["reply"]
            for session in listed
            for q in json.loads(run("report", session["session"], "--json", home=home).stdout)[
                "questions"
            ]
            for turn in q["turns"]
            if turn["reply"]
        ]
        assert len(kept) >= len(seen)
        seen = kept
    assert seen
    assert run("regrade", "--pending", home=home).returncode == 0
