from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interviewer.bank import slug_for, to_dict
from interviewer.bank.form import from_dict
from interviewer.bank.reading import parse, read_file
from interviewer.bank.schema import question_from, refused_character
from interviewer.bank.words import SLUG_LENGTH
from interviewer.bank.writing import add_question, entry_text, write_file
from interviewer.errors import BankError
from interviewer.types import Point, Question

COMMENTED = """\
# my questions

- id: first   # the best one
  question: What is first?
  answer: "The first is the one before the second."   # short
# the end, without a newline"""

QUESTION = Question(
    id="second",
    topic="general",
    level=2,
    text="What is second: a number?",
    answer="Second comes after first.\n\n- It is a rank.\n- It is a unit of time.",
    points=(Point(id="rank", says="It is a rank.", also=("# a place",), wrong=("no",), weight=3),),
    tags=("yes", "2015-01-01", "1e3", "null"),
)

any_text = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t :#'\"-|>&*!%@`"),
    max_size=200,
).map(lambda text: "".join(c for c in text if refused_character(c) is None) + "x")
blocks = any_text.map(str.strip)
lines = any_text.map(lambda text: " ".join(text.split()))
slugs = st.from_regex(r"\A[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}\Z")
points = st.builds(
    Point,
    id=slugs,
    says=lines,
    also=st.lists(lines, max_size=3).map(tuple),
    wrong=st.lists(lines, max_size=3).map(tuple),
    probe=st.none() | lines,
    hint=st.none() | lines,
    weight=st.integers(1, 3),
)
questions = st.builds(
    Question,
    id=slugs,
    topic=slugs,
    level=st.integers(1, 5),
    text=blocks,
    answer=blocks,
    points=st.lists(points, min_size=1, max_size=4, unique_by=lambda p: p.id).map(tuple),
    deepen=st.lists(lines, max_size=2).map(tuple),
    tags=st.lists(lines.filter(lambda text: len(text) <= 40), max_size=3).map(tuple),
    sources=st.lists(lines, max_size=2).map(tuple),
    related=st.lists(slugs, max_size=2).map(tuple),
    origin=st.just("b.yaml"),
)


@settings(deadline=None, max_examples=150)
@given(questions)
def test_any_question_survives_being_written_and_read(question: Question) -> None:
    parsed = parse(Path("b.yaml"), entry_text(question).encode())
    assert parsed.faults == ()
    assert parsed.questions == (question,)


@settings(deadline=None, max_examples=50)
@given(questions)
def test_any_question_survives_being_plain_data(question: Question) -> None:
    assert from_dict(to_dict(question), "b.yaml") == question
    assert question_from(to_dict(question), "b.yaml") == question


def test_plain_data_has_the_keys_of_the_file_in_their_order() -> None:
    data = to_dict(QUESTION)
    assert list(data) == [
        "id", "topic", "level", "tags", "question", "answer", "points", "deepen", "sources",
        "related",
    ]  # fmt: skip
    assert list(data["points"][0]) == ["id", "says", "also", "not", "probe", "hint", "weight"]


def test_written_yaml_is_made_for_people() -> None:
    long = replace(QUESTION, answer="Every word of this sentence is on purpose. " * 4, tags=())
    text = entry_text(question_from(to_dict(long), "b.yaml"))
    assert "\n  answer: >-\n    Every word" in text
    assert "\n  points:\n    - id: rank\n      says: It is a rank.\n" in text
    assert "tags" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_adding_keeps_what_stands_there_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(COMMENTED.encode())
    add_question(path, QUESTION)
    assert path.read_bytes().startswith(COMMENTED.encode() + b"\n- id: second\n")
    assert [question.id for question in read_file(path)] == ["first", "second"]
    assert read_file(path)[1] == replace(QUESTION, origin=str(path))


def test_adding_to_no_file_makes_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "bank" / "mine.yaml"
    add_question(path, QUESTION)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_adding_to_a_list_in_brackets_works(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("[{id: first, question: What is first?, answer: The one before.}]\n")
    add_question(path, QUESTION)
    assert [question.id for question in read_file(path)] == ["first", "second"]


def test_adding_keeps_the_mode_and_the_link_of_a_file(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text(COMMENTED)
    real.chmod(0o644)
    link = tmp_path / "link.yaml"
    link.symlink_to(real)
    add_question(link, QUESTION)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o644
    assert len(read_file(real)) == 2


@pytest.mark.parametrize(
    ("old", "question", "told"),
    [
        pytest.param("- id: Bad\n", QUESTION, "question: is missing", id="faulty-file"),
        pytest.param(COMMENTED, replace(QUESTION, id="first"), "is there already", id="same-id"),
        pytest.param(COMMENTED, replace(QUESTION, level=9), "1 to 5", id="bad-question"),
        pytest.param(COMMENTED, replace(QUESTION, answer="\x1b[2J"), "U.001B", id="escape"),
    ],
)
def test_what_cannot_be_added_leaves_the_file(
    tmp_path: Path, old: str, question: Question, told: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(old)
    with pytest.raises(BankError, match=told):
        add_question(path, question)
    assert path.read_text() == old
    assert not list(tmp_path.glob("*.tmp"))


def test_a_full_disk_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(COMMENTED)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BankError, match=r"No space left on device.*unchanged"):
        add_question(path, QUESTION)
    assert path.read_text() == COMMENTED
    assert not list(tmp_path.glob("*.tmp")) + list(tmp_path.glob(".bank-*"))


def test_a_read_only_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(COMMENTED)
    path.chmod(0o444)
    with pytest.raises(BankError, match=r"read-only.*unchanged"):
        add_question(path, QUESTION)
    assert path.read_text() == COMMENTED


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BankError, match="cannot be written"):
        add_question(tmp_path / "file" / "mine.yaml", QUESTION)


def test_a_second_writer_waits_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    monkeypatch.setattr("interviewer.bank.writing._LOCK_WAIT_S", 0.05)
    with (
        FileLock(tmp_path / ".bank.lock", is_singleton=False),
        pytest.raises(BankError, match="another program"),
    ):
        add_question(tmp_path / "mine.yaml", QUESTION)


def test_writing_a_file_replaces_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(COMMENTED)
    write_file(path, [QUESTION])
    assert [question.id for question in read_file(path)] == ["second"]
    write_file(path, [])
    assert read_file(path) == ()
    with pytest.raises(BankError, match="stands in line 1 too"):
        write_file(path, [QUESTION, QUESTION])
    assert read_file(path) == ()


@given(st.text(max_size=120), st.integers(0, 12))
def test_a_slug_is_always_valid_and_never_taken(text: str, count: int) -> None:
    taken: set[str] = set()
    for _ in range(count):
        slug = slug_for(text, taken)
        assert slug not in taken
        assert len(slug) <= SLUG_LENGTH
        data = {"id": slug, "question": "What?", "answer": "That."}
        assert question_from(data, "x").id == slug
        taken.add(slug)


def test_a_slug_is_made_of_the_words_that_matter() -> None:
    assert slug_for("What is the role of Batch Normalization?") == "role-batch-normalization"
    assert slug_for("Überanpassung: was ist das?") == "uberanpassung-ist-das"
    assert slug_for("什么是卷积?") == "question"
    assert slug_for("Why?", {"why"}) == "why-2"
