"""The questions that are shipped: each loads, is complete, and gives nothing away."""

from __future__ import annotations

from pathlib import Path

import pytest

from interviewer.bank import Bank, load
from interviewer.bank.checking import leaks, lint
from interviewer.bank.files import find
from interviewer.prompts import data_folder
from interviewer.settings import Settings
from interviewer.types import Question


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return load(Settings(home=tmp_path_factory.mktemp("home")))


def told(bank: Bank, fault_of: object) -> str:
    assert callable(fault_of)
    return "\n".join(line for question in bank.questions for line in fault_of(question))


def test_the_shipped_files_have_no_fault(bank: Bank) -> None:
    assert bank.questions
    assert "\n".join(bank.faults) == ""
    assert {Path(question.origin) for question in bank.questions} == set(
        find(data_folder("knowledge"))
    )


def test_each_shipped_question_is_complete(bank: Bank) -> None:
    assert told(bank, lint) == ""


def test_ids_are_unique(bank: Bank) -> None:
    ids = [question.id for question in bank.questions]
    assert sorted(set(ids)) == sorted(ids)


def test_related_questions_exist(bank: Bank) -> None:
    ids = {question.id for question in bank.questions}

    def unknown(question: Question) -> list[str]:
        wrong = set(question.related) - (ids - {question.id})
        return [f"{question.id}: related: {name}" for name in sorted(wrong)]

    assert told(bank, unknown) == ""


def test_each_shipped_question_has_three_to_six_points(bank: Bank) -> None:
    def count(question: Question) -> list[str]:
        good = 3 <= len(question.points) <= 6
        return [] if good else [f"{question.id}: {len(question.points)} points"]

    assert told(bank, count) == ""


def test_no_probe_or_hint_gives_its_point_away(bank: Bank) -> None:
    def given_away(question: Question) -> list[str]:
        return [
            f"{question.id}: {point.id}: {text}"
            for point in question.points
            for text in (point.probe, point.hint)
            if text and leaks(text, point, question)
        ]

    assert told(bank, given_away) == ""
