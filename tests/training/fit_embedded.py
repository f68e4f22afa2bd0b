"""Fit the embedded grader and measure it: `python -m tests.training.fit_embedded DATA`.

DATA holds `graded_replies/` (replies with a label for every point) and `short_answers/`
(human-graded answers). Nothing of it is copied; the fitted numbers go to
`interviewer/grading/calibration.json`.
Every figure printed is out of fold: folds by question, and all fitting, bars too, inside the fold.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interviewer.bank.drafting import draft_points
from interviewer.bank.reading import read_file
from interviewer.embedding import EmbeddedEmbedder
from interviewer.grading import embedded, evidence
from interviewer.grading.embedded import Calibration, EmbeddedGrader, Profile
from interviewer.prompts import data_folder
from interviewer.types import Ask, Point, Question, Thread, Turn

OUT = Path(embedded.__file__).with_name(embedded.FILE)
FOLDS = 10
INNER_FOLDS = 5
RIDGE = 30.0
SLOWLY = {"lean_where_heard": 100.0}  # what touches all points of a reply at once is trusted less
SEED = 7
STRANGER = 7  # how many questions on is the one whose points a reply is held against
STRANGE = "stranger"
STRANGE_WEIGHT = 0.5
MOST_ROWS = 400  # of each set of short answers, drawn by the seed; the embedding takes its time
SETS = ("digiklausur_dev", "mohler_dev", "saf", "scientsbank_train", "beetle_train")
LABELS = {"stated": 1.0, "partly": 0.5, "missing": 0.0, "contradicted": -0.5}
SEED_REPLIES = Path(__file__).parent.parent / "data" / "seed_replies"
SEED_KINDS = {"good": "seed-good", "partial": "seed-partial", "wrong": "seed-wrong"}
SEED_KINDS["evasive"] = "seed-evasive"
KINDS = ("excellent", "good", "short-correct", "partial", "mixed", "vague", "wrong", "evasive")


@dataclass
class Sample:
    """One graded reply: its features by point (none where nothing was said), labels and score."""

    question: Question
    reply: str
    kind: str
    score: float
    group: str
    labels: list[str]
    features: list[dict[str, float]]

    @property
    def weights(self) -> np.ndarray:
        return np.array([point.weight for point in self.question.points], dtype=float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="measure only, write nothing")
    options = parser.parse_args()
    embedder = EmbeddedEmbedder()
    graded = read_graded(options.data / "graded_replies", embedder)
    graded += with_strangers(graded, embedder)
    seed = read_seed(embedder)
    graded += seed + with_strangers(seed, embedder)
    short = [sample for name in SETS for sample in read_short(options.data, name, embedder)]
    report_contrast(graded, embedder)
    report_similarity(short)
    fitted = {
        "version": 1,
        "model": embedder.model_id,
        "fitted": f"python -m tests.training.fit_embedded DATA (seed {SEED}, ridge {RIDGE:g}, "
        f"{len(graded) // 2} graded replies, {len(short)} short answers)",
        "contrast": as_json(fit_contrast(graded)),
        "similarity": as_json(fit_similarity(short)),
    }
    if not options.dry_run:
        OUT.write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")
        sys.stdout.write(f"wrote {OUT.name}\n")


def read_graded(folder: Path, embedder: Any) -> list[Sample]:
    """Return the graded replies; their points have wrong versions."""
    questions = {row["id"]: made_question(row) for row in rows(folder / "questions.jsonl")}
    found = []
    for row in rows(folder / "replies.jsonl"):
        question = questions[row["question_id"]]
        labels = [row["points"][point.id] for point in question.points]
        features = features_of(question, row["reply"], embedder)
        found.append(
            Sample(question, row["reply"], row["kind"], row["score"], question.id, labels, features)
        )
    return found


def read_seed(embedder: Any) -> list[Sample]:
    """Return the labelled replies to the bank's questions; `blind.jsonl` is left for testing."""
    questions = {
        question.id: question
        for path in sorted(data_folder("knowledge").glob("*.yaml"))
        for question in read_file(path)
    }
    found = []
    for part in ("a", "b"):
        labelled = rows(SEED_REPLIES / f"labels-{part}.jsonl")
        for row, label in zip(rows(SEED_REPLIES / f"part-{part}.jsonl"), labelled, strict=True):
            question = questions[row["question_id"]]
            labels = [label["points"][point.id] for point in question.points]
            features = features_of(question, row["reply"], embedder)
            kind, score = SEED_KINDS[row["kind"]], label["score"]
            found.append(Sample(question, row["reply"], kind, score, question.id, labels, features))
    return found


def with_strangers(samples: Sequence[Sample], embedder: Any) -> list[Sample]:
    """Return each reply once more, against another question's points, of which it has none.

    They keep the formulas from crediting how a right reply sounds.
    """
    questions = list({sample.question.id: sample.question for sample in samples}.values())
    places = {question.id: place for place, question in enumerate(questions)}
    found = []
    for sample in samples:
        other = questions[(places[sample.question.id] + STRANGER) % len(questions)]
        features = features_of(other, sample.reply, embedder)
        labels = ["missing"] * len(other.points)
        found.append(Sample(other, sample.reply, STRANGE, 0, sample.group, labels, features))
    return found


def read_short(data: Path, name: str, embedder: Any) -> list[Sample]:
    """Return at most MOST_ROWS human-graded answers of one set; their points are drafted."""
    read = list(rows(data / "short_answers" / f"{name}.jsonl"))
    random.Random(SEED).shuffle(read)
    found = []
    for row in read[:MOST_ROWS]:
        drafted = draft_points(row["reference_answer"], row["question"])
        if not drafted:
            continue
        question = Question("given", "", 2, row["question"], row["reference_answer"], drafted)
        features = features_of(question, row["student_answer"], embedder)
        found.append(
            Sample(
                question,
                row["student_answer"],
                name,
                100 * row["score"],
                f"{name}/{row['group']}",
                [],
                features,
            )
        )
    return found


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def made_question(row: dict[str, Any]) -> Question:
    points = tuple(
        Point(
            str(number),
            point["says"],
            tuple(point["also"]),
            tuple(point["not"]),
            weight=point["weight"],
        )
        for number, point in enumerate(row["points"])
    )
    return Question(row["id"], row["topic"], 2, row["question"], row["reference_answer"], points)


def thread_of(question: Question, reply: str) -> Thread:
    return Thread("1", question, (Turn("1", Ask.QUESTION, question.text, reply=reply),))


def features_of(question: Question, reply: str, embedder: Any) -> list[dict[str, float]]:
    """Return the features of each point, none where nothing that counts was said."""
    found = embedded.windows_of(thread_of(question, reply))
    if not found:
        return []
    contrasted = any(point.wrong for point in question.points)
    measure = evidence.contrast if contrasted else evidence.similarity
    return [dict(e.features) for e in measure(question, found, question.text, embedder)]


def fit_contrast(samples: Sequence[Sample]) -> Profile:
    """Fit both formulas, and choose the bars on estimates from inner folds."""
    expected = out_of_fold(samples, lambda part: credit_formula(part))
    mistaken = out_of_fold(samples, lambda part: mistake_formula(part))
    bars = choose_bars(samples, expected, mistaken)
    scale = choose_scale(samples, bars, expected, mistaken)
    return Profile(credit_formula(samples), mistake_formula(samples), bars, scale)


def credit_formula(samples: Sequence[Sample]) -> dict[str, float]:
    return ridge(samples, lambda s: [LABELS[label] for label in s.labels])


def mistake_formula(samples: Sequence[Sample]) -> dict[str, float]:
    return ridge(samples, lambda s: [float(label == "contradicted") for label in s.labels])


def ridge(
    samples: Sequence[Sample], target: Callable[[Sample], Sequence[float]]
) -> dict[str, float]:
    heard = [sample for sample in samples if sample.features]
    names = list(heard[0].features[0])
    table = np.array([[f[name] for name in names] for s in heard for f in s.features])
    wanted = np.array([value for sample in heard for value in target(sample)])
    weight = [STRANGE_WEIGHT if s.kind == STRANGE else 1.0 for s in heard for _ in s.features]
    return solved(names, table, wanted, np.array(weight))


def solved(
    names: list[str], table: np.ndarray, wanted: np.ndarray, weight: np.ndarray
) -> dict[str, float]:
    """Solve the weighted ridge regression over standardized features; return raw coefficients."""
    center = np.average(table, axis=0, weights=weight)
    spread = table.std(axis=0) + 1e-9
    middle = float(np.average(wanted, weights=weight))
    scaled = (table - center) / spread
    penalty = np.diag([RIDGE * SLOWLY.get(name, 1.0) for name in names])
    left = scaled.T @ (scaled * weight[:, None]) + penalty
    slopes = np.linalg.solve(left, scaled.T @ ((wanted - middle) * weight)) / spread
    formula = {"constant": round(middle - float(slopes @ center), 4)}
    return formula | {name: round(float(w), 4) for name, w in zip(names, slopes, strict=True)}


def out_of_fold(
    samples: Sequence[Sample], fit: Callable[[Sequence[Sample]], dict[str, float]]
) -> list[np.ndarray]:
    """Return the formula's value for each point of each sample, by formulas that never saw it."""
    found: list[np.ndarray] = [np.zeros(0)] * len(samples)
    for train, test in folds(samples, INNER_FOLDS):
        formula = fit([samples[i] for i in train])
        for i in test:
            found[i] = np.array([embedded.linear(formula, f) for f in samples[i].features])
    return found


def folds(samples: Sequence[Sample], count: int) -> Iterator[tuple[list[int], list[int]]]:
    """Yield train and test indices; samples of one group stay together."""
    groups = sorted({sample.group for sample in samples})
    random.Random(SEED).shuffle(groups)
    fold = {group: number % count for number, group in enumerate(groups)}
    for number in range(count):
        test = [i for i, s in enumerate(samples) if fold[s.group] == number]
        yield [i for i, s in enumerate(samples) if fold[s.group] != number], test


def choose_bars(
    samples: Sequence[Sample], expected: list[np.ndarray], mistaken: list[np.ndarray]
) -> dict[str, float]:
    """Choose the bars between verdicts that lose least."""
    best, chosen = np.inf, {}
    steps = itertools.product(
        (0.2, 0.25, 0.3), (0.1, 0.15, 0.2), (0.1, 0.2, 0.35), (0.3, 0.35, 0.4, 0.5, 0.6),
        (-0.1, 0.0, 0.05, 0.15),
    )  # fmt: skip
    for partly, more, most, contradicted, doubt in steps:
        bars = {
            "partly": partly,
            "stated": round(partly + more, 3),
            "full": round(partly + more + most, 3),
            "contradicted": contradicted,
            "doubt": doubt,
        }
        got = np.array(
            [
                quick_score(bars, e, m, s.weights)
                for e, m, s in zip(expected, mistaken, samples, strict=True)
            ]
        )
        if (found := loss(got, samples)) < best - 1e-9:
            best, chosen = found, bars
    return chosen


def choose_scale(
    samples: Sequence[Sample],
    bars: dict[str, float],
    expected: list[np.ndarray],
    mistaken: list[np.ndarray],
) -> list[tuple[float, float]]:
    """Choose the two corners of the rising line from the sum of the points to the score."""
    cases = list(zip(expected, mistaken, samples, strict=True))
    plain = np.array([quick_score(bars, e, m, s.weights) for e, m, s in cases])
    lines = [
        [(0.0, 0.0), (low, low), (high, lifted), (100.0, 100.0)]
        for low, high, lifted in itertools.product(
            (25.0, 30.0, 35.0, 40.0), (50.0, 55.0, 60.0), (50.0, 55.0, 60.0, 65.0, 70.0, 75.0)
        )
        if high <= lifted
    ]
    return min(lines, key=lambda line: loss(np.interp(plain, *zip(*line, strict=True)), samples))


def loss(got: np.ndarray, samples: Sequence[Sample]) -> float:
    """Return the error, with a charge for each reply on the wrong side of where it belongs."""
    scores = np.array([sample.score for sample in samples])
    kinds = np.array([sample.kind.removeprefix("seed-") for sample in samples])
    own = kinds != STRANGE
    charge = (
        15 * np.mean(got[scores >= 80] <= 70)
        + 15 * np.mean(got[kinds == "partial"] < 20)
        + 10 * np.mean(got[kinds == "wrong"] >= 40)
        + 20 * np.mean(got[kinds == "evasive"] > 5)
        + 10 * np.mean(got[~own] >= 25)
    )
    return float(np.sqrt(np.mean((got - scores)[own] ** 2)) + charge)


def quick_score(
    bars: dict[str, float], expected: np.ndarray, mistaken: np.ndarray, weights: np.ndarray
) -> float:
    """Return what `Profile.judge` and `scoring.score` give, for all points of a reply at once."""
    if not len(expected):
        return 0.0
    credit = np.interp(expected, [bars["partly"], bars["stated"], bars["full"]], [0.25, 0.75, 1.0])
    credit = np.where(expected < bars["partly"], 0.0, credit)
    wrong = (mistaken >= bars["contradicted"]) & (expected < bars["doubt"])
    beyond = np.interp(mistaken - bars["contradicted"], [0, 0.3], [0.2, 0.5])
    share = 100 * weights @ np.where(wrong, -beyond, credit) / weights.sum()
    if (wrong & (weights >= 3)).any():
        share = min(share, 60.0)
    return float(np.clip(share, 0, 100))


def fit_similarity(samples: Sequence[Sample]) -> Profile:
    """Fit the credit so that its weighted mean is the human score; every set weighs the same."""
    formula = whole_formula(samples)
    return Profile(formula, {}, dict(SIMILARITY_BARS), [(0.0, 0.0), (100.0, 100.0)])


# Nearly the identity: the human score that is fitted is the credit itself.
SIMILARITY_BARS = {"partly": 0.25, "stated": 0.7, "full": 0.95}


def whole_formula(samples: Sequence[Sample]) -> dict[str, float]:
    heard = [sample for sample in samples if sample.features]
    names = list(heard[0].features[0])
    table = np.array(
        [
            sample.weights
            @ [[f[name] for name in names] for f in sample.features]
            / sample.weights.sum()
            for sample in heard
        ]
    )
    size = {kind: sum(s.kind == kind for s in heard) for kind in SETS}
    weight = np.array([len(heard) / len(SETS) / size[s.kind] for s in heard])
    return solved(names, table, np.array([s.score / 100 for s in heard]), weight)


def as_json(profile: Profile) -> dict[str, Any]:
    return {
        "credit": dict(profile.credit),
        "mistake": dict(profile.mistake),
        "bars": dict(profile.bars),
        "scale": [list(corner) for corner in profile.scale],
    }


def report_contrast(samples: Sequence[Sample], embedder: Any) -> None:
    """Print the table for replies to questions with wrong versions."""
    predicted = np.zeros(len(samples))
    seen: dict[int, list[tuple[str, str]]] = {}
    for train, test in folds(samples, FOLDS):
        profile = fit_contrast([samples[i] for i in train])
        grader = EmbeddedGrader(embedder, Calibration(profile, profile, ""))
        for i in test:
            sample = samples[i]
            grade = grader.grade(thread_of(sample.question, sample.reply), ())
            predicted[i] = grade.score or 0
            verdicts = [str(point.verdict) for point in grade.points]
            seen[i] = list(zip(sample.labels, verdicts, strict=True))
    for title, kinds in (("graded replies", KINDS), ("seed replies", list(SEED_KINDS.values()))):
        chosen = [i for i, sample in enumerate(samples) if sample.kind in kinds]
        # The strangers stand behind their originals, in the same order.
        control = predicted[[i + len(chosen) for i in chosen]]
        part = [samples[i] for i in chosen]
        pairs = [pair for i in chosen for pair in seen[i]]
        print_contrast(f"{title}, out of fold", part, predicted[chosen], control, pairs)


def print_contrast(
    title: str,
    samples: Sequence[Sample],
    predicted: np.ndarray,
    control: np.ndarray,
    seen: Sequence[tuple[str, str]],
) -> None:
    scores = np.array([sample.score for sample in samples])
    ordered, pairs, above, count = 0, 0, 0, 0
    for a, b in itertools.permutations(range(len(samples)), 2):
        if samples[a].group != samples[b].group:
            continue
        if scores[a] - scores[b] >= 20:
            pairs, ordered = pairs + 1, ordered + bool(predicted[a] > predicted[b])
        kinds = samples[a].kind.removeprefix("seed-"), samples[b].kind.removeprefix("seed-")
        if kinds == ("good", "wrong"):
            count, above = count + 1, above + bool(predicted[b] > predicted[a])
    say(title)
    say(f"  pearson {pearson(predicted, scores):.3f}  spearman {spearman(predicted, scores):.3f}")
    say(f"  rmse {np.sqrt(np.mean((predicted - scores) ** 2)):.1f}")
    say(f"  pairs 20 apart in order {ordered / pairs:.3f}  wrong above good {above / count:.1%}")
    say(
        f"  another question's points: pearson {pearson(control, scores):.3f}, "
        f"mean {control.mean():.1f}"
    )
    say("  kind            human  mean   min  q25  q50  q75  max  >70  <40  <=5")
    for kind in dict.fromkeys(sample.kind for sample in samples):
        chosen = [i for i, sample in enumerate(samples) if sample.kind == kind]
        got = predicted[chosen]
        spread = "  ".join(f"{value:3.0f}" for value in np.quantile(got, (0, 0.25, 0.5, 0.75, 1)))
        bands = f"{np.mean(got > 70):4.0%} {np.mean(got < 40):4.0%} {np.mean(got <= 5):4.0%}"
        say(f"  {kind:14s} {scores[chosen].mean():6.0f} {got.mean():5.0f}   {spread}  {bands}")
    say("  verdicts        " + "".join(f"{label:>13s}" for label in LABELS) + "   (columns: given)")
    for label in LABELS:
        given = [verdict for truth, verdict in seen if truth == label]
        say(f"  {label:14s}  " + "".join(f"{given.count(v) / len(given):13.0%}" for v in LABELS))
    say(f"  verdicts right {np.mean([truth == verdict for truth, verdict in seen]):.1%}")


def report_similarity(samples: Sequence[Sample]) -> None:
    """Print the table for answers to questions without wrong versions."""
    predicted = np.zeros(len(samples))
    for train, test in folds(samples, FOLDS):
        profile = fit_similarity([samples[i] for i in train])
        for i in test:
            credit = [profile.judge(f)[1] for f in samples[i].features]
            if credit:
                weights = samples[i].weights
                predicted[i] = np.clip(100 * weights @ credit / weights.sum(), 0, 100)
    scores = np.array([sample.score for sample in samples])
    say("short answers, out of fold        n  pearson spearman  rmse  rmse after one monotone map")
    for name in SETS:
        chosen = [i for i, sample in enumerate(samples) if sample.kind == name]
        got, human = predicted[chosen], scores[chosen]
        mapped = monotone_out_of_fold([samples[i] for i in chosen], got, human)
        errors = [np.sqrt(np.mean((x - human) ** 2)) for x in (got, mapped)]
        say(
            f"  {name:28s} {len(chosen):5d}    {pearson(got, human):.3f}    "
            f"{spearman(got, human):.3f}  {errors[0]:4.1f}  {errors[1]:4.1f}"
        )


def monotone_out_of_fold(
    samples: Sequence[Sample], got: np.ndarray, human: np.ndarray
) -> np.ndarray:
    mapped = np.zeros(len(got))
    for train, test in folds(samples, INNER_FOLDS):
        order = np.array(train)[np.argsort(got[train], kind="stable")]
        mapped[test] = np.interp(got[test], got[order], monotone(human[order]))
    return mapped


def monotone(values: np.ndarray) -> np.ndarray:
    """Return the closest rising sequence (pool adjacent violators)."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([float(value), 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, size = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * size) / (before[1] + size)
            before[1] += size
    return np.concatenate([np.full(int(size), mean) for mean, size in blocks])


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    return pearson(ranks(a), ranks(b))


def ranks(values: np.ndarray) -> np.ndarray:
    place = np.empty(len(values))
    place[np.argsort(values, kind="stable")] = np.arange(len(values))
    return np.array([place[values == value].mean() for value in values])


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
