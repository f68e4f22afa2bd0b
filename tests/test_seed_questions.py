"""The nineteen questions of the seed article: asked, probed, answered well, wrongly and not at all.

The replies in `data/seed_replies` were written apart from the bank; those in `blind.jsonl` by
somebody who had seen the questions only.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path

import pytest

from interviewer import bank, rows
from interviewer.agent import BankInterviewer
from interviewer.bank.checking import leaks
from interviewer.embedding import EmbeddedEmbedder
from interviewer.grading.embedded import EmbeddedGrader
from interviewer.policy import FOLLOW_UPS, Limits, next_move
from interviewer.settings import Settings

DATA = Path(__file__).parent / "data" / "seed_replies"
GOOD, WRONG, EVASIVE = 70, 40, 5

# 266 replies are graded for all tests together; on a busy machine that takes minutes.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    loaded = bank.load(Settings(tmp_path_factory.mktemp("home")))
    return {question.id: question for question in loaded.questions if "seed" in question.tags}


@pytest.fixture(scope="module")
def grader():
    return EmbeddedGrader(EmbeddedEmbedder())


@pytest.fixture(scope="module")
def scores(seed, grader):
    """Scores by question and kind, over all files of replies."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for path in (DATA / name for name in ("part-a.jsonl", "part-b.jsonl", "blind.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            thread = rows.thread(seed[row["question_id"]], row["reply"])
            found[row["question_id"]][row["kind"]].append(grader.grade(thread, ()).score)
    return found


def share(scores, kind, passes):
    every = [passes(score) for kinds in scores.values() for score in kinds[kind]]
    return sum(every) / len(every)


def test_there_are_nineteen_and_each_is_numbered(seed):
    numbers = {tag for question in seed.values() for tag in question.tags if tag[-2:].isdigit()}
    assert numbers == {f"seed-{number:02}" for number in range(1, 20)}


@pytest.mark.slow
def test_every_question_tells_good_wrong_and_evasive_replies_apart(scores, seed):
    failed = [
        name
        for name in seed
        if not (
            max(scores[name]["good"]) > GOOD
            and min(scores[name]["wrong"]) < WRONG
            and min(scores[name]["evasive"]) <= EVASIVE
        )
    ]
    assert failed == []


@pytest.mark.slow
def test_the_mean_of_good_replies_is_far_above_that_of_wrong_ones_for_every_question(scores, seed):
    def mean(name, kind):
        return sum(scores[name][kind]) / len(scores[name][kind])

    close = [name for name in seed if mean(name, "good") < mean(name, "wrong") + 20]
    assert close == []


@pytest.mark.slow
def test_most_replies_of_each_kind_land_where_they_belong(scores):
    assert share(scores, "good", lambda score: score > GOOD) >= 0.8
    assert share(scores, "wrong", lambda score: score < WRONG) >= 0.75
    assert share(scores, "evasive", lambda score: score <= EVASIVE) >= 0.9


@pytest.mark.slow
def test_every_question_is_probed_without_giving_a_point_away(seed, grader):
    interviewer = BankInterviewer(random.Random(1))
    for question in seed.values():
        thread = rows.thread(question, "It is used in deep networks and helps them to train.")
        grade = grader.grade(thread, ())
        move = next_move(thread, grade, limits=Limits(), gave_up=False, in_time=True)
        assert move.ask in FOLLOW_UPS, question.id
        words = interviewer.word(move, thread)
        assert words.count("?") == 1, words
        assert not any(leaks(words, point, question) for point in question.points), words


@pytest.mark.slow
def test_another_questions_answer_earns_little_with_few_exceptions(seed, grader):
    questions = list(seed.values())
    earned = [
        grader.grade(rows.thread(question, other.answer), ()).score
        for question, other in zip(questions, questions[5:] + questions[:5], strict=True)
    ]
    assert sum(earned) / len(earned) < 25, earned
    assert sum(score >= WRONG for score in earned) <= 3, earned


@pytest.mark.slow
def test_shuffled_references_are_nearly_always_worth_nothing(seed, grader):
    rng = random.Random(3)
    earned = []
    for question in seed.values():
        words = question.answer.split()
        rng.shuffle(words)
        earned.append(grader.grade(rows.thread(question, " ".join(words)), ()).score)
    assert sum(score > 0 for score in earned) <= 2, earned


@pytest.mark.slow
def test_the_references_themselves_earn_nearly_everything(seed, grader):
    scores = [grader.grade(rows.thread(q, q.answer), ()).score for q in seed.values()]
    assert min(scores) > GOOD
