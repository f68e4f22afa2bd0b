"""Collect the pairs of small words in the bank and the seed replies.

Run `python -m tests.training.word_pairs`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from interviewer.bank.reading import read_file
from interviewer.grading import word_order
from interviewer.prompts import data_folder

REPLIES = Path(__file__).parent.parent / "data" / "seed_replies"
OUT = Path(word_order.__file__).with_name(word_order.FILE)


def main() -> None:
    found = sorted({pair for text in _texts() for pair in word_order.pairs(text)})
    OUT.write_text("".join(f"{pair}\n" for pair in found), encoding="utf-8")
    print(f"{len(found)} pairs")


def _texts() -> Iterator[str]:
    for path in sorted(data_folder("knowledge").glob("*.yaml")):
        for question in read_file(path):
            yield from (question.text, question.answer, *question.deepen)
            for point in question.points:
                yield from (point.says, *point.also, *point.wrong)
                yield from filter(None, (point.probe, point.hint))
    for path in (REPLIES / name for name in ("part-a.jsonl", "part-b.jsonl", "blind.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["reply"]


if __name__ == "__main__":
    main()
