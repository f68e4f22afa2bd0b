from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer import rows
from interviewer.errors import DataError, NotFoundError
from interviewer.evaluation import Prediction, agreement, as_json, predict, read_rows
from interviewer.types import Grade, GradedBy

from .conftest import question

BY = GradedBy("embedded", "m", "h")
ROW = {
    "question": "What is dropout?",
    "reference_answer": "Dropout switches units off at random while training. It regularizes.",
    "reply": "It turns units off.",
    "score": 0.5,
}


def written(tmp_path, *lines):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def predictions(pairs, group=lambda n: f"g{n}"):
    return [Prediction(str(n), group(n), a, b, None) for n, (a, b) in enumerate(pairs)]


def test_a_perfect_grader_agrees_perfectly():
    found = agreement(predictions([(n / 10, n / 10) for n in range(11)]))
    values = {name: m.value for name, m in found.measures.items()}
    assert values["pearson"] == pytest.approx(1)
    assert values["spearman"] == pytest.approx(1)
    assert values["qwk"] == pytest.approx(1)
    assert values["rmse"] == values["mae"] == values["bias"] == 0


def test_the_figures_are_those_worked_out_by_hand():
    found = agreement(predictions([(0.0, 0.5), (0.5, 0.5), (1.0, 0.5), (1.0, 1.0)]))
    values = {name: m.value for name, m in found.measures.items()}
    assert values["bias"] == pytest.approx(0)
    assert values["mae"] == pytest.approx(0.25)
    assert values["rmse"] == pytest.approx(math.sqrt(0.125))
    assert values["pearson"] == pytest.approx(0.1875 / math.sqrt(0.6875 * 0.1875))


def test_ties_share_their_mean_rank():
    found = agreement(predictions([(0.1, 0.2), (0.1, 0.4), (0.9, 0.9)]))
    assert found.measures["spearman"].value == pytest.approx(math.sqrt(3) / 2)


def test_ungraded_rows_are_counted_and_left_out():
    mixed = [*predictions([(0, 0), (1, 1)]), Prediction("x", "g", 0.5, None, "away")]
    found = agreement(mixed)
    assert (found.n, found.ungraded) == (2, 1)


@pytest.mark.parametrize("pairs", [[], [(0.5, 0.2)], [(0.5, 0.5)] * 4])
def test_what_is_not_defined_is_none_and_never_made_up(pairs):
    found = as_json(agreement(predictions(pairs)))
    assert found["pearson"]["value"] is None


def test_one_group_alone_has_no_interval():
    found = agreement(predictions([(0, 0.1), (1, 0.8), (0.5, 0.6)], group=lambda _: "g"))
    assert found.measures["pearson"].value is not None
    assert found.measures["pearson"].low is None


def test_an_interval_holds_its_value_and_repeats_with_the_seed():
    pairs = [((n * 7 % 10) / 10, (n * 3 % 10) / 10) for n in range(40)]
    found = agreement(predictions(pairs), seed=3)
    assert found == agreement(predictions(pairs), seed=3)
    measure = found.measures["rmse"]
    assert measure.low <= measure.value <= measure.high


scores = st.floats(0, 1)


@given(st.lists(st.tuples(scores, scores), max_size=30))
def test_figures_stay_in_their_ranges(pairs):
    values = {
        name: m.value for name, m in agreement(predictions(pairs, lambda _: "g")).measures.items()
    }
    for name in ("pearson", "spearman"):
        assert values[name] is None or -1.0001 <= values[name] <= 1.0001
    assert values["qwk"] is None or values["qwk"] <= 1
    assert values["rmse"] is None or 0 <= values["mae"] <= values["rmse"] + 1e-9


def test_a_row_that_cannot_be_graded_is_kept_with_its_reason(tmp_path):
    bad = [
        "not json",
        "[1]",
        {**ROW, "score": 7},
        {**ROW, "score": True},
        {**ROW, "reference_answer": ""},
        {k: v for k, v in ROW.items() if k != "reply"},
    ]
    found = read_rows(written(tmp_path, ROW, *bad))
    assert [row.fault is None for row in found] == [True] + [False] * 6
    assert all(f"line {n}" in row.fault for n, row in enumerate(found[1:], 2))


def test_a_file_that_is_no_rows_is_one_clear_line(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing", tmp_path / "binary", written(tmp_path, "")):
        with pytest.raises(DataError):
            read_rows(path)


@pytest.mark.parametrize("jobs", [1, 4])
def test_predictions_come_in_the_order_of_the_rows(tmp_path, jobs):
    found = read_rows(written(tmp_path, *({**ROW, "id": n, "reply": str(n)} for n in range(20))))
    graded = predict(found, lambda thread: Grade(int(thread.said), BY), jobs=jobs)
    assert [p.predicted for p in graded] == [n / 100 for n in range(20)]


def test_points_may_be_texts_or_objects_as_in_the_bank():
    made = rows.made("Q?", "An answer.", ["one", {"says": "two", "not": ["never"], "weight": 3}])
    assert [(p.says, p.weight, p.wrong) for p in made.points] == [
        ("one", 1, ()),
        ("two", 3, ("never",)),
    ]


@pytest.mark.parametrize(
    "points", [[], "text", [1], [{"says": ""}], [{"says": "x", "weight": 9}], [{"also": ["x"]}]]
)
def test_points_that_are_none_are_refused(points):
    with pytest.raises(DataError):
        rows.made("Q?", "An answer.", points)


def test_without_points_they_are_drafted_from_the_reference():
    assert rows.made(ROW["question"], ROW["reference_answer"]).points


def test_a_row_may_name_a_question_of_the_bank():
    from interviewer.bank import Bank

    bank = Bank((question("dropout"),))
    assert rows.question({"question_id": "dropout"}, bank).id == "dropout"
    with pytest.raises(NotFoundError, match="dropout"):
        rows.question({"question_id": "dropuot"}, bank)
