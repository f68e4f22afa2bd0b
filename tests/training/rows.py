"""Write data sets as the rows of `interviewer evaluate`: `python -m tests.training.rows DATA OUT`.

DATA is as in `fit_embedded`. Larger sets are cut to `--most` rows, drawn by a fixed seed, in order.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SEED = 7
KEPT = ("question", "reference_answer", "score", "group")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--most", type=int, default=1000)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    sets = {"graded_replies": list(graded_replies(given.data / "graded_replies"))}
    for path in sorted((given.data / "short_answers").glob("*.jsonl")):
        sets[path.stem] = list(short_answers(path))
    for name, found in sets.items():
        if len(found) > given.most:
            drawn = random.Random(SEED).sample(range(len(found)), given.most)
            found = [found[place] for place in sorted(drawn)]
        text = "".join(json.dumps(row) + "\n" for row in found)
        (given.out / f"{name}.jsonl").write_text(text, encoding="utf-8")
        print(f"{name}: {len(found)} rows")


def graded_replies(folder: Path) -> Iterator[dict[str, Any]]:
    questions = {row["id"]: row for row in _read(folder / "questions.jsonl")}
    for row in _read(folder / "replies.jsonl"):
        asked = questions[row["question_id"]]
        yield {
            "id": row["id"],
            "group": asked["id"],
            "question": asked["question"],
            "reference_answer": asked["reference_answer"],
            "points": asked["points"],
            "reply": row["reply"],
            "score": row["score"] / 100,
        }


def short_answers(path: Path) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(_read(path)):
        kept = {key: row[key] for key in KEPT}
        yield {"id": f"{path.stem}-{number}", **kept, "reply": row["student_answer"]}


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


if __name__ == "__main__":
    main()
