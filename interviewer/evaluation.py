"""Measure how well a grader agrees with human scores: rows in, agreement with intervals out.

Scores are 0 to 1 here, as human scores are written; a grade's 0 to 100 is divided by 100.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import rows
from .errors import DataError
from .types import Grade, Thread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float64]

QWK_LEVELS = 5  # kappa is taken over five equal levels, 0, 0.25 ... 1
RESAMPLES = 1000
MEASURES = ("pearson", "spearman", "rmse", "mae", "qwk", "bias")


@dataclass(frozen=True, slots=True)
class Row:
    """One human-graded reply: a thread of one turn, its score from 0 to 1, and its group.

    Rows of one group (a question, or near-copies of it) are resampled together. `fault` says why
    the row cannot be graded; its thread is then None.
    """

    id: str
    group: str
    thread: Thread | None
    score: float
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the grader made of a row: a score from 0 to 1, or None with the reason."""

    id: str
    group: str
    score: float
    predicted: float | None
    ungraded: str | None


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure with its 95 % interval; all None where it is not defined (constant scores)."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement over all rows that have a grade."""

    n: int
    ungraded: int
    groups: int
    measures: dict[str, Measure]


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a JSONL file. Raises DataError if the file itself cannot be used.

    A row that cannot be graded (no reference, score out of range) is kept with its fault.
    """
    found = [_row(number, line) for number, line in rows.read_lines(path)]
    if not found:
        raise DataError(f"{path} holds no rows. Each line is one JSON object.")
    return found


def predict(
    found: Iterable[Row],
    grade: Callable[[Thread], Grade],
    *,
    jobs: int = 1,
    progress: Callable[[], None] = lambda: None,
) -> Iterator[Prediction]:
    """Grade the rows, in order, with at most `jobs` at a time."""

    def one(row: Row) -> Prediction:
        graded = grade(row.thread) if row.thread else None
        score = graded.score if graded else None
        reason = row.fault or (graded.ungraded_reason if graded else None)
        progress()
        return Prediction(
            row.id, row.group, row.score, None if score is None else score / 100, reason
        )

    if jobs == 1:
        yield from map(one, found)
        return
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(one, found)


def agreement(predictions: Sequence[Prediction], *, seed: int = 0) -> Agreement:
    """Return the agreement of predicted with human scores.

    The intervals are the 2.5th and 97.5th percentile over 1000 resamples of whole groups.
    """
    import numpy as np

    graded = [p for p in predictions if p.predicted is not None]
    human = np.array([p.score for p in graded])
    predicted = np.array([p.predicted for p in graded], dtype=np.float64)
    groups = sorted({p.group for p in graded})
    members = {group: [i for i, p in enumerate(graded) if p.group == group] for group in groups}
    rng = np.random.default_rng(seed)
    samples: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(RESAMPLES if len(groups) > 1 else 0):
        drawn = rng.choice(len(groups), size=len(groups))
        picked = np.concatenate([members[groups[g]] for g in drawn])
        for name, value in _measures(human[picked], predicted[picked]).items():
            if value is not None:
                samples[name].append(value)
    values = _measures(human, predicted)
    return Agreement(
        n=len(graded),
        ungraded=len(predictions) - len(graded),
        groups=len(groups),
        measures={name: _measure(values[name], samples[name]) for name in MEASURES},
    )


def as_json(found: Agreement) -> dict[str, Any]:
    """Return an agreement as JSON data: each measure with `value`, `low` and `high`."""
    measures = {
        name: {"value": m.value, "low": m.low, "high": m.high} for name, m in found.measures.items()
    }
    return {"n": found.n, "ungraded": found.ungraded, "groups": found.groups, **measures}


def _row(number: int, line: str) -> Row:
    row_id = group = f"line-{number}"
    try:
        found = rows.parse(line)
        row_id = str(found.get("id", row_id))
        group = str(found.get("group", found.get("question", group)))
        score = found.get("score")
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise DataError(f"score is {score!r}; it must be a number from 0 to 1")
        thread = rows.thread(rows.question(found), rows.reply(found))
    except DataError as fault:
        return Row(row_id, group, None, 0.0, f"line {number}: {fault}")
    return Row(row_id, group, thread, float(score))


def _measures(human: Scores, predicted: Scores) -> dict[str, float | None]:
    if not len(human):
        return dict.fromkeys(MEASURES)
    gap = predicted - human
    return {
        "pearson": _pearson(human, predicted),
        "spearman": _pearson(_ranks(human), _ranks(predicted)),
        "rmse": float((gap**2).mean() ** 0.5),
        "mae": float(abs(gap).mean()),
        "qwk": _qwk(human, predicted),
        "bias": float(gap.mean()),
    }


def _pearson(a: Scores, b: Scores) -> float | None:
    a, b = a - a.mean(), b - b.mean()
    spread = float((a @ a) * (b @ b)) ** 0.5
    return float(a @ b) / spread if spread > 1e-12 else None


def _ranks(values: Scores) -> Scores:
    """Return ranks with ties at their mean."""
    import numpy as np

    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum().astype(np.float64)
    mean_ranks: Scores = (ends - (counts - 1) / 2)[inverse]
    return mean_ranks


def _qwk(human: Scores, predicted: Scores) -> float | None:
    """Return Cohen's kappa with quadratic weights (Cohen 1968) over five equal levels."""
    import numpy as np

    top = QWK_LEVELS - 1
    a, b = np.rint(human * top), np.rint(predicted * top)
    levels = np.arange(QWK_LEVELS)
    p, q = (np.array([(x == level).mean() for level in levels]) for x in (a, b))
    weights = (levels[:, None] - levels[None, :]) ** 2
    expected = float((weights * np.outer(p, q)).sum())
    return 1 - float(((a - b) ** 2).mean()) / expected if expected > 1e-12 else None


def _measure(value: float | None, samples: Sequence[float]) -> Measure:
    import numpy as np

    if value is None or len(samples) < RESAMPLES // 2:
        return Measure(value, None, None)
    low, high = np.percentile(samples, (2.5, 97.5))
    return Measure(value, float(low), float(high))
