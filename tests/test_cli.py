from __future__ import annotations

import json
import os
import re
import sqlite3
import stat

import pytest

from .running import run

COMMANDS = "practice resume grade regrade evaluate add questions history report doctor index paths"
GOOD = (
    "In training every unit is switched off at random with probability p, a new random mask for "
    "each step, and the survivors are scaled up by one over one minus p so that the expectation "
    "stays the same. At test time nothing is dropped. That is like training many thinned networks "
    "that share weights and averaging them, and units cannot rely on particular other units."
)


@pytest.fixture
def home(warm_home):
    return warm_home


def test_help_names_every_command_and_how_to_start(home):
    text = run("--help", home=home).stdout
    for command in COMMANDS.split():
        assert re.search(rf"^  {command}\b", text, re.MULTILINE), command
    assert "Start with: interviewer practice" in text


@pytest.mark.parametrize(
    "command",
    ["practice", "resume", "grade", "regrade", "evaluate", "add", "history", "doctor", "index"],
)
def test_every_command_has_help_with_an_example(home, command):
    done = run(command, "--help", home=home)
    assert done.returncode == 0
    assert f"Example: interviewer {command}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("practice", "--topic", "normalisation"), "normalization"),
        (("practice", "--mode", "couch"), "coach"),
        (("practice", "--on-failure", "cry"), "pending"),
        (("questions", "show", "dropuot"), "dropout"),
        (("resume", "no-such"), "session"),
        (("resume",), "interviewer practice"),
        (("report",), "interviewer practice"),
        (("grade", "--question", "dropuot", "x"), "dropout"),
        (("evaluate", "/nonexistent.jsonl"), "nonexistent"),
    ],
)
def test_a_known_failure_is_one_line_that_says_what_to_do(home, arguments, says):
    done = run(*arguments, home=home)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("practice", "--level", "9"), ("grade", "x"), ("regrade",), ("grade",)],
)
def test_wrong_usage_exits_with_two(home, arguments):
    assert run(*arguments, home=home).returncode == 2


def test_a_whole_interview_over_a_pipe_ends_in_a_report(home):
    given = f"{GOOD}\n\nI don't know\n\nno idea\n"
    done = run("practice", "--topic", "regularization", "--seed", "1", home=home, given=given)
    assert done.returncode == 0, done.stderr
    assert "# Mock interview of" in done.stdout
    assert "**Reference answer**" in done.stdout
    assert "Question 1 of 1" in done.stderr
    [report] = (home / "reports").glob("*.md")
    assert report.read_text() == done.stdout
    listed = json.loads(run("history", "--json", home=home).stdout)
    assert listed[0]["answered"] == 1
    again = json.loads(run("report", "--json", home=home).stdout)
    assert again["questions"][0]["question_id"] == "dropout"
    assert again["questions"][0]["score"] > 50
    assert again["questions"][0]["turns"][0]["reply"] == GOOD


def test_input_that_ends_at_once_still_gives_a_report(home):
    done = run("practice", "--questions", "2", home=home)
    assert done.returncode == 0
    assert "Answered: 0 of 2" in done.stdout


def test_a_grade_as_json_has_the_fields_of_the_contract(home):
    done = run("grade", "--question", "dropout", GOOD, "--json", home=home)
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(found) >= {
        "score", "ungraded_reason", "graded_by", "points", "criteria", "errors", "delivery",
        "advice",
    }  # fmt: skip
    assert set(found["graded_by"]) == {"grader", "model", "prompt", "passages"}
    assert found["graded_by"]["grader"] == "embedded"
    assert found["graded_by"]["passages"]
    for point in found["points"]:
        assert set(point) >= {"id", "says", "verdict", "quote", "why"}
        assert point["quote"] is None or point["quote"] in GOOD


def test_a_reply_can_come_from_a_file_or_standard_input(home, tmp_path):
    file = tmp_path / "reply.txt"
    file.write_text(GOOD)
    from_file = run("grade", "--question", "dropout", str(file), "--json", home=home)
    piped = run("grade", "--question", "dropout", "-", "--json", home=home, given=GOOD)
    assert from_file.stdout == piped.stdout


def test_a_question_that_is_not_in_the_bank_finds_its_reference_or_says_so(home):
    near = run("grade", "--question-text", "Explain how dropout works", GOOD, "--json", home=home)
    assert json.loads(near.stdout)["score"] > 50
    far = run("grade", "--question-text", "How do I bake bread?", "With flour.", home=home)
    assert far.returncode == 1
    assert "--reference" in far.stderr


def test_a_batch_gives_a_row_for_each_row_in_order_and_goes_on_where_it_stopped(home, tmp_path):
    rows = [
        {"id": "a", "question_id": "dropout", "reply": GOOD},
        {"id": "b", "question": "What is x?", "reference_answer": "X is y.", "reply": "X is y."},
        {"id": "c", "reply": "no question"},
        {"id": "d", "question_id": "dropout", "reply": ""},
    ]
    batch, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    batch.write_text("\n".join(map(json.dumps, rows)))
    command = ("grade", "--batch", str(batch), "--output", str(output), "--jobs", "3")
    assert run(*command, home=home).returncode == 0
    whole = output.read_text()
    found = [json.loads(line) for line in whole.splitlines()]
    assert [row["id"] for row in found] == ["a", "b", "c", "d"]
    assert found[2]["score"] is None
    assert "question" in found[2]["ungraded_reason"]
    assert found[3]["score"] == 0
    output.write_text(whole[: len(whole) // 2])
    assert run(*command, home=home).returncode == 0
    assert output.read_text() == whole
    output.write_text('{"id": "other"}\n')
    assert run(*command, home=home).returncode == 1
    assert output.read_text() == '{"id": "other"}\n'


def test_evaluate_prints_the_measures_and_writes_the_predictions(home, tmp_path):
    rows = [
        {
            "id": f"{group}{score}",
            "group": group,
            "question": "What does dropout do in training?",
            "reference_answer": "Dropout switches units off at random. It prevents co-adaptation.",
            "reply": reply,
            "score": score,
        }
        for group in ("g1", "g2", "g3")
        for reply, score in (("It switches units off at random.", 0.9), ("No idea.", 0))
    ]
    data, out = tmp_path / "rows.jsonl", tmp_path / "predictions.jsonl"
    data.write_text("\n".join(map(json.dumps, [*rows, {"score": 3}])))
    done = run("evaluate", str(data), "--predictions", str(out), "--json", home=home)
    found = json.loads(done.stdout)
    assert (found["n"], found["ungraded"]) == (6, 1)
    for measure in ("pearson", "spearman", "rmse", "mae", "qwk", "bias"):
        assert set(found[measure]) == {"value", "low", "high"}
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in written] == [row["id"] for row in rows] + ["line-7"]
    assert set(written[0]) == {"id", "group", "score", "predicted", "ungraded"}


def test_a_question_of_ones_own_can_be_practised_at_once(home):
    add = ("add", "--question", "What is a bloom filter?", "--topic", "systems", "--level", "3")
    answer = "A bit array with several hash functions. It has no false negatives."
    done = run(*add, "--answer", answer, "--json", home=home)
    made = json.loads(done.stdout)
    assert [point["says"] for point in made["points"]]
    shown = json.loads(run("questions", "show", made["id"], "--json", home=home).stdout)
    assert shown["answer"] == answer
    said = "It is a bit array with several hash functions, so there are no false negatives."
    practised = run("practice", "--topic", "systems", home=home, given=said)
    assert "What is a bloom filter?" in practised.stderr
    assert practised.returncode == 0
    searched = json.loads(
        run("questions", "search", "bloom filters and false positives", "--json", home=home).stdout
    )
    assert made["id"] in [found["id"] for found in searched]


def test_adding_without_a_terminal_asks_for_the_options(home):
    assert run("add", "--question", "What?", home=home).returncode == 2


def test_every_fault_of_a_bank_file_is_told_and_the_rest_still_works(home):
    (home / "bank").mkdir(parents=True)
    (home / "bank" / "mine.yaml").write_text(
        "- id: Bad Id\n  question: x?\n  answer: y is z\n- id: fine\n  color: red\n  question: q?\n"
    )
    done = run("questions", "check", home=home)
    assert done.returncode == 1
    assert "mine.yaml:1" in done.stderr
    assert "mine.yaml:5" in done.stderr
    assert "answer" in done.stderr
    listed = run("questions", "list", "--json", home=home)
    assert "mine.yaml" in listed.stderr
    assert len(json.loads(listed.stdout)) >= 19


def test_all_files_are_the_users_alone(home):
    old = os.umask(0)
    try:
        run("practice", "--questions", "1", "--seed", "1", home=home, given="Something or other.\n")
    finally:
        os.umask(old)
    for path in [home, *home.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.parent == home or path == home or path.suffix in (".md", ".db"):
            assert mode & 0o077 == 0 or path.parent.name == "index", f"{path} is {mode:o}"


def test_a_corrupt_history_is_one_line_and_stays_as_it_is(home):
    (home / "history.db").write_bytes(b"this is no database, but it is mine" * 100)
    before = (home / "history.db").read_bytes()
    done = run("practice", home=home, given="hello\n")
    assert done.returncode == 1
    assert "history.db" in done.stderr
    assert "Traceback" not in done.stderr
    assert (home / "history.db").read_bytes() == before


def test_a_damaged_index_is_repaired_from_the_bank(home):
    assert run("index", "--json", home=home).returncode == 0
    for path in (home / "index").rglob("*"):
        if path.is_file() and path.suffix in (".bin", ".sqlite3"):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = run("grade", "--question", "dropout", GOOD, "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["graded_by"]["passages"]


def test_a_home_that_is_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "home").write_text("a file")
    done = run("practice", home=tmp_path / "home", given="x\n")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_doctor_finds_everything_well_in_an_empty_home(home):
    done = run("doctor", "--json", home=home)
    assert done.returncode == 0, done.stdout
    assert all(finding["well"] for finding in json.loads(done.stdout))


def test_paths_are_inside_the_chosen_home(home):
    found = json.loads(run("paths", "--json", home=home).stdout)
    assert found["history"] == str(home / "history.db")


def test_json_is_exact_in_a_terminal_without_unicode(home):
    done = run("questions", "list", "--json", home=home, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert len(json.loads(done.stdout)) >= 19


def test_a_closed_pipe_ends_quietly(home):
    import subprocess

    from .running import PROGRAM, environment

    listing = subprocess.Popen(
        [*PROGRAM, "questions", "list", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home),
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    listing.stdout.close()
    said = listing.stderr.read().decode()
    listing.stderr.close()
    listing.wait(30)
    assert "Traceback" not in said


def test_the_database_of_a_newer_version_is_left_alone(home):
    run("practice", "--questions", "1", home=home)
    with sqlite3.connect(home / "history.db") as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    done = run("history", home=home)
    assert done.returncode == 1
    assert "newer" in done.stderr


def test_what_can_be_read_of_a_damaged_history_can_be_saved(home, tmp_path):
    given = "Something that was said.\n"
    run("practice", "--questions", "1", "--seed", "1", home=home, given=given)
    database = home / "history.db"
    data = bytearray(database.read_bytes())
    page = data.index(b'"credit"') // 4096 * 4096
    data[page : page + 8] = b"\xff" * 8
    database.write_bytes(data)
    doctor = run("doctor", "--json", home=home)
    assert doctor.returncode == 1
    assert "--salvage" in doctor.stdout
    before = database.read_bytes()
    copied = run("doctor", "--salvage", str(tmp_path / "new.db"), home=home)
    assert copied.returncode == 0, copied.stderr
    assert "Replies copied: 1" in copied.stderr
    assert database.read_bytes() == before
    assert (tmp_path / "new.db").exists()
