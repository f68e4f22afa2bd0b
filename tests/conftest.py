"""What the tests share: a home of their own, no network, small values, and fakes at the seams."""

from __future__ import annotations

import io
import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from interviewer.settings import Settings
from interviewer.terminal.entry import Entry, EntryKind, parse_command
from interviewer.terminal.screen import Screen
from interviewer.types import (
    Ask,
    Grade,
    GradedBy,
    Passage,
    Point,
    PointGrade,
    Question,
    Thread,
    Turn,
    Verdict,
)

from .running import run

hypothesis_settings.register_profile("default", deadline=None, max_examples=60)
hypothesis_settings.load_profile("default")

_OURS = ("OPENAI_", "INTERVIEWER_", "LANGSMITH_", "LANGCHAIN_")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("INTERVIEWER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def refused(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0] if isinstance(address, tuple) else address
            if host not in _LOOPBACK:
                raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", refused)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the index has been built, once for all tests."""
    built = tmp_path_factory.mktemp("built") / "home"
    done = run("index", home=built)
    assert done.returncode == 0, done.stderr
    return built


@pytest.fixture
def warm_home(_built: Path, home: Path) -> Path:
    """A home of the test's own with the index there already, as on any day but the first."""
    shutil.copytree(_built, home)
    return home


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home)


def point(name: str, weight: int = 1) -> Point:
    return Point(
        id=name,
        says=f"The {name} claim holds.",
        also=(f"{name} is so", f"it is {name}"),
        wrong=(f"{name} is never so",),
        probe=f"What about part {name}?",
        hint=f"Think of {name}.",
        weight=weight,
    )


def question(name: str = "q1", points: Sequence[Point] | None = None, **fields: object) -> Question:
    given: dict[str, object] = {
        "topic": "general",
        "level": 2,
        "text": f"What is {name}?",
        "answer": f"A long answer about {name}.",
        "points": tuple(points) if points is not None else (point("one", 3), point("two", 2)),
        "deepen": ("Why does it matter?",),
    }
    return Question(id=name, **(given | fields))  # type: ignore[arg-type]


def thread(asked: Question, *turns: Turn) -> Thread:
    return Thread("t1", asked, turns)


def turn(
    reply: str | None = "a reply",
    ask: Ask = Ask.QUESTION,
    point_id: str | None = None,
    *,
    skipped: bool = False,
    text: str = "What is it?",
) -> Turn:
    return Turn("turn", ask, text, point_id, reply, skipped)


def grade_of(asked: Question, **verdicts: Verdict | str) -> Grade:
    """Return a grade with these verdicts by point id; the others are missing."""
    from interviewer.grading import scoring

    points = tuple(
        PointGrade(
            p.id,
            p.says,
            p.weight,
            verdict := Verdict(verdicts.get(p.id, Verdict.MISSING)),
            scoring.CREDIT[verdict],
            None if verdict is Verdict.MISSING else "a reply",
            "",
        )
        for p in asked.points
    )
    return Grade(
        scoring.score(points),
        GradedBy("embedded", "test", "hash"),
        points=points,
        advice=scoring.advice(points),
    )


class ScriptedReader:
    """Gives the scripted texts one by one, then the end of input."""

    def __init__(self, *script: str | BaseException) -> None:
        self._script = list(script)
        self.prefills: list[str] = []

    def read(
        self,
        hint: str = "",
        *,
        prefill: str = "",
        on_change: Callable[[str], None] | None = None,
    ) -> Entry:
        self.prefills.append(prefill)
        if not self._script:
            return Entry(EntryKind.END)
        said = self._script.pop(0)
        if isinstance(said, BaseException):
            raise said
        if on_change is not None:
            on_change(said)
        return parse_command(said) or Entry(EntryKind.REPLY, text=said)


class ScriptedGrader:
    """Grades with the scripted grades one by one, the last one again and again."""

    name = "scripted"

    def __init__(self, *grades: Grade) -> None:
        self._grades = list(grades)
        self.threads: list[Thread] = []

    def __call__(self, graded: Thread) -> Grade:
        return self.grade(graded, ())

    def grade(self, graded: Thread, passages: Sequence[Passage]) -> Grade:
        self.threads.append(graded)
        return self._grades.pop(0) if len(self._grades) > 1 else self._grades[0]


@pytest.fixture
def shown() -> tuple[Screen, Callable[[], str]]:
    """A plain screen, and what was shown on it so far."""
    talk, data = io.StringIO(), io.StringIO()
    return Screen(plain=True, talk=talk, data=data), lambda: talk.getvalue() + data.getvalue()
