"""The README: every command in it works, and what it shows is real."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from .running import run

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

pytestmark = pytest.mark.skipif(not README.exists(), reason="the tests run away from the source")


def commands() -> list[list[str]]:
    text = README.read_text(encoding="utf-8")
    [block] = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line.removeprefix("$ ")) for line in block.splitlines()]


@pytest.mark.slow
def test_every_command_of_the_readme_works_in_this_order(warm_home):
    for words in commands():
        assert words[0] == "interviewer"
        if words[1] == "resume":  # with an interview to go on with
            run("practice", "--questions", "1", home=warm_home, given="/pause\n")
        done = run(*words[1:], home=warm_home, given="Something I would say.\n")
        assert done.returncode == 0, f"{words}: {done.stderr}"


def test_the_readme_has_one_command_for_the_interview_and_one_for_the_tests():
    text = README.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("python3 -m venv")]
    assert [line.split("&& ")[-1] for line in lines] == [
        ".venv/bin/interviewer practice",
        ".venv/bin/pytest",
    ]
    assert all("-c constraints.txt" in line for line in lines)


def test_the_files_that_the_readme_names_are_there():
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)]+)\)", text):
        assert (ROOT / target).exists(), target


def test_the_constraints_name_no_place_to_download_from():
    assert not re.search(r"://|--index|@ ", (ROOT / "constraints.txt").read_text())
