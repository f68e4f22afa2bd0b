from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer import prompts
from interviewer.errors import PromptError
from interviewer.grading import rubric


def test_every_prompt_is_there_and_reads_as_text():
    folder = prompts.data_folder("prompts")
    names = sorted(path.name for path in folder.iterdir())
    assert {"grader.md", "interviewer.md", "rubric.yaml"} <= set(names)
    for name in names:
        assert prompts.text(name).strip()


def test_missing_and_unused_variables_are_all_named():
    with pytest.raises(PromptError, match=r"boundary.*other"):
        prompts.render("interviewer.md", other="x")


@given(st.text(max_size=200))
def test_what_a_value_holds_is_left_as_it_is(text):
    assert text in prompts.render("interviewer.md", boundary=text)


def test_a_changed_prompt_has_another_fingerprint(monkeypatch):
    before = prompts.fingerprint("grader.md")
    read = prompts.text
    monkeypatch.setattr(prompts, "text", lambda name: read(name) + " ")
    assert prompts.fingerprint("grader.md") != before


def test_a_prompt_that_is_not_there_says_what_to_do():
    with pytest.raises(PromptError, match="nowhere"):
        prompts.text("nowhere.md")


def test_every_criterion_has_an_anchor_for_each_level():
    for criterion in rubric.load().criteria:
        assert [criterion.anchors[level] for level in rubric.LEVELS]
    names = {criterion.name for criterion in rubric.load().criteria}
    assert names == {"correctness", "completeness", "depth", "communication"}


@pytest.mark.parametrize(
    ("score", "name"),
    [(100, "strong"), (85, "strong"), (84.9, "solid"), (50, "mixed"), (25, "thin"), (0, "not yet")],
)
def test_every_score_has_its_band(score, name):
    assert rubric.load().band(score).name == name


@pytest.mark.parametrize("text", ["", "a: [", "criteria: {}", "criteria: 3\nbands: []"])
def test_a_broken_rubric_is_one_clear_line(monkeypatch, text):
    rubric.load.cache_clear()
    monkeypatch.setattr(prompts, "text", lambda name: text)
    with pytest.raises(PromptError, match="rubric"):
        rubric.load()
    rubric.load.cache_clear()
