from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from interviewer.bank.reading import parse, read_file
from interviewer.bank.schema import json_schema, question_from
from interviewer.errors import BankError
from interviewer.prompts import data_folder

GOOD = """\
- id: batch-norm-statistics
  topic: normalization
  level: 3
  tags: [training, cnn]
  question: What does batch normalization do during training?
  answer: >
    It normalizes each channel with the statistics of the mini-batch.
    At test time it uses running averages instead.
  points:
    - id: batch-statistics
      says: In training each channel is normalized with the statistics of the mini-batch.
      also: ["average and spread over the batch"]
      not: ["it normalizes each example alone"]
      probe: Where do the numbers come from?
      hint: Think about the axis.
      weight: 2
  deepen: ["Why might batch size 2 be a problem?"]
  sources: ["Ioffe & Szegedy 2015"]
  related: [group-norm]
"""


def faults(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [line.removeprefix("b.yaml:") for line in parse(Path("b.yaml"), data).faults]


def entry(**fields: str) -> str:
    given = {"id": "one", "question": "What is it?", "answer": "It is a thing."} | fields
    lines = [f"{key}: {value}" for key, value in given.items() if value]
    return "- " + "\n  ".join(lines) + "\n"


def test_a_full_entry_becomes_a_question(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOOD)
    (question,) = read_file(path)
    (point,) = question.points
    assert question.id == "batch-norm-statistics"
    assert question.level == 3
    assert question.text == "What does batch normalization do during training?"
    assert question.answer.endswith("running averages instead.")
    assert point.wrong == ("it normalizes each example alone",)
    assert point.weight == 2
    assert question.related == ("group-norm",)
    assert question.origin == str(path)


def test_an_entry_with_text_and_answer_alone_is_valid_and_gets_points() -> None:
    (question,) = parse(Path("b.yaml"), entry().encode()).questions
    assert (question.topic, question.level) == ("general", 2)
    assert [point.says for point in question.points] == ["It is a thing."]


def test_every_fault_of_a_file_is_told_at_once_with_its_line() -> None:
    text = """\
- id: Bad_Id
  level: 9
  questoin: What?
  answer: "esc \\e[31m"
  tags: [no, 3]
  points:
    - id: a
      says: one two
      says: again
    - id: a
      says: ""
      weight: "2"
- id: broken
  question: What is: this
- id: twin
  question: &x What is this?
  answer: *x
  level: !!python/object:os.system 3
- id: twin
  question: fine
  answer: >
    Fine answer here.
- just text
"""
    assert faults(text) == [
        "1: question Bad_Id: id: must be lower-case letters and digits joined by hyphens,"
        " such as batch-norm.",
        "1: question Bad_Id: question: is missing; add it.",
        "2: question Bad_Id: level: must be a whole number, 1 to 5.",
        "3: question Bad_Id: questoin: is no key of a bank file; perhaps question is meant.",
        "4: question Bad_Id: answer: holds the control character U+001B; remove it.",
        "5: question Bad_Id: tags 1: must be text; write it, or put it in quotes.",
        "5: question Bad_Id: tags 2: must be text; write it, or put it in quotes.",
        "9: question Bad_Id: points 1: the key says stands twice here; keep one.",
        "10: question Bad_Id: points 2: id: “a” is the id of an earlier point;"
        " give this one another.",
        "11: question Bad_Id: points 2: says: is empty; write it, or leave the key out if it"
        " may be.",
        "12: question Bad_Id: points 2: weight: must be a whole number, 1 to 3.",
        "14: not valid YAML (mapping values are not allowed in this context);"
        " put a text that holds a colon in quotes.",
        "16: question twin: question: the anchor &x is not allowed; remove it.",
        "17: question twin: answer: must be text; write it, or put it in quotes.",
        "17: question twin: answer: the alias *x is not allowed; write the text out.",
        "18: question twin: level: must be a whole number, 1 to 5.",
        "18: question twin: level: the tag tag:yaml.org,2002:python/object:os.system is not"
        " allowed; remove it.",
        "19: question twin: id: stands in line 15 too; give this one another id.",
        "23: question #4: must be keys with values, such as “id: batch-norm”.",
    ]


def test_a_file_with_one_fault_gives_no_question() -> None:
    parsed = parse(Path("b.yaml"), (GOOD + entry(level="7")).encode())
    assert parsed.questions == ()
    assert len(parsed.faults) == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({"level": "0"}, "4: question one: level: must be a whole number", id="low"),
        pytest.param({"level": "true"}, "level: must be a whole number, 1 to 5", id="bool"),
        pytest.param({"level": "2.0"}, "level: must be a whole number, 1 to 5", id="float"),
        pytest.param({"level": "'2'"}, "level: must be a whole number, 1 to 5", id="text"),
        pytest.param({"level": "9" * 5000}, "level: must be a whole number", id="huge"),
        pytest.param({"id": "2024"}, "question #1: id: must be text", id="number-id"),
        pytest.param({"id": "a" * 65}, "id: has 65 characters; shorten it to 64", id="long-id"),
        pytest.param({"id": "-a"}, "id: must be lower-case", id="hyphen"),
        pytest.param({"question": "w" * 601}, "shorten it to 600", id="long-question"),
        pytest.param({"answer": "w " * 3001}, "shorten it to 6000", id="long-answer"),
        pytest.param({"answer": "'...'"}, "answer: has no letter or digit", id="wordless"),
        pytest.param({"answer": "'  '"}, "answer: is empty", id="blank"),
        pytest.param({"points": "[]"}, "points: is an empty list", id="no-points"),
        pytest.param({"points": "text"}, "points: must be a list", id="points-text"),
        pytest.param({"points": "[{id: p}]"}, "points 1: says: is missing", id="no-says"),
        pytest.param({"<<": "{level: 3}"}, "<<: is no key of a bank file", id="merge"),
        pytest.param({"? [a]\n  ": "b"}, "a key must be one word", id="complex-key"),
        pytest.param(
            {"tags": '["\\u202e"]'}, "tags 1: holds the control character U+202E", id="bidi"
        ),
        pytest.param({"sources": "[" * 30 + "]" * 30}, "nested too deeply", id="deep"),
    ],
)
def test_a_bad_field_is_told(fields: dict[str, str], told: str) -> None:
    (line,) = faults(entry(**fields))
    assert told in line


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0", "3: not a text file", id="binary"),
        pytest.param("- id: é".encode("utf-16"), "1: not a text file", id="utf-16"),
        pytest.param(
            b"- id: a\n  answer: \xe9", "2: byte 18 of the file is not UTF-8", id="latin-1"
        ),
        pytest.param(
            b"- id: a\n  x: \x1b[31m\n", "2: holds the control character U+001B", id="esc"
        ),
        pytest.param(b"questions: 3", "1: the file must be a list", id="mapping"),
        pytest.param(b"[]\n---\n[]\n", "2: a second document starts", id="two-documents"),
        pytest.param(b"[1, 2", "1: question", id="unclosed"),
        pytest.param(b"- [", "not valid YAML", id="cut"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="brackets"),
    ],
)
def test_a_file_that_is_no_bank_is_told(data: bytes, told: str) -> None:
    if told == "1: question":
        told = "not valid YAML"
    assert any(told in line for line in faults(data))
    assert parse(Path("b.yaml"), data).questions == ()


def test_a_control_character_hides_no_other_fault() -> None:
    lines = faults(entry(answer="It rings \x07 twice.", level="8"))
    assert len(lines) == 2


def test_terminal_escapes_never_reach_a_message() -> None:
    for line in faults('- id: "\\e[31mred"\n  "\\e[0m": 1\n'):
        assert line.isprintable()


@pytest.mark.parametrize("data", [b"", b"# nothing yet\n", b"[]\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_empty_bank(data: bytes) -> None:
    parsed = parse(Path("b.yaml"), data)
    assert (parsed.questions, parsed.faults) == ((), ())


def test_a_byte_order_mark_and_windows_lines_are_read() -> None:
    data = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert parse(Path("b.yaml"), data).questions == parse(Path("b.yaml"), GOOD.encode()).questions


def test_an_alias_bomb_is_refused_at_once() -> None:
    rows = ["- &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    assert faults("\n".join(rows))


def test_what_is_no_plain_yaml_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    (tmp_path / "notes.txt").write_text(GOOD)
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(10_000_001)
    for name in ("folder.yaml", "pipe.yaml", "loop.yaml", "notes.txt", "big.yaml", "none.yaml"):
        with pytest.raises(BankError) as caught:
            read_file(tmp_path / name)
        (line,) = caught.value.faults
        assert line.startswith(f"{tmp_path / name}: ")


def test_imported_data_is_checked_by_the_same_rules() -> None:
    with pytest.raises(BankError) as caught:
        question_from({"id": "a", "question": "", "level": 6}, "rows.csv row 4")
    assert caught.value.faults == (
        "rows.csv row 4: question a: level: must be a whole number, 1 to 5.",
        "rows.csv row 4: question a: question: is empty; write it, or leave the key out if it"
        " may be.",
        "rows.csv row 4: question a: answer: is missing; add it.",
    )


def test_the_published_schema_is_current_and_takes_a_good_file() -> None:
    import yaml

    published = json.loads((data_folder("knowledge") / "bank.schema.json").read_text("utf-8"))
    assert published == json_schema(), (
        "run: python -m interviewer.bank.schema > knowledge/bank.schema.json"
    )
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(yaml.safe_load(GOOD), published)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{"id": "A"}], published)
