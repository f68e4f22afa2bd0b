"""`grade --batch`: many rows, a few at a time, that can be stopped and gone on with."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interviewer import rows
from interviewer.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from interviewer.bank import Bank
    from interviewer.grading.chain import GraderChain
    from interviewer.terminal.screen import Screen

AHEAD = 4  # rows in flight for each job, so that a stop loses little work


def run(
    batch: Path, output: Path, *, jobs: int, loaded: Bank, chain: GraderChain, on: Screen
) -> None:
    """Grade the rows of `batch` into `output`, in order, `jobs` at a time.

    Rows that `output` holds already, from a run that was stopped, are not graded again. Raises
    DataError where a file cannot be used, or `output` is of another batch.
    """
    lines = [line for _, line in rows.read_lines(batch)]
    ids = [_id(number, line) for number, line in enumerate(lines, 1)]
    done = _done(output, ids)
    chain.load()
    ungraded = 0

    def graded(position: int) -> dict[str, Any]:
        return {"id": ids[position], **_graded(lines[position], loaded, chain)}

    try:
        with (
            output.open("a", encoding="utf-8") as file,
            on.progress("Grading", len(lines)) as advance,
        ):
            advance(done)
            for row in _in_order(graded, range(done, len(lines)), jobs):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()
                ungraded += row["score"] is None
                advance(1)
    except OSError as fault:
        raise DataError(
            f"Cannot write {output}: {fault.strerror}. Run it again to go on."
        ) from fault
    if ungraded:
        on.warn(f"{ungraded} of {len(lines)} are ungraded; ungraded_reason says why.")


def _graded(line: str, loaded: Bank, chain: GraderChain) -> dict[str, Any]:
    from interviewer.report import public
    from interviewer.types import Grade, GradedBy

    try:
        row = rows.parse(line)
        found = chain.grade(rows.thread(rows.question(row, loaded), rows.reply(row)))
    except (DataError, NotFoundError) as fault:
        found = Grade(None, GradedBy("none", "", ""), ungraded_reason=str(fault))
    return public(found)


def _id(number: int, line: str) -> str:
    try:
        return str(rows.parse(line).get("id", f"line-{number}"))
    except DataError:
        return f"line-{number}"


def _done(output: Path, ids: Sequence[str]) -> int:
    """Return how many rows `output` holds, cutting off a row that was half written."""
    if not output.exists():
        return 0
    whole = 0
    found: list[str] = []
    try:
        with output.open("rb") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                found.append(str(json.loads(raw)["id"]))
                whole += len(raw)
        if found != list(ids[: len(found)]):
            raise ValueError
        if output.stat().st_size > whole:
            with output.open("r+b") as file:
                file.truncate(whole)
    except (ValueError, KeyError, TypeError) as fault:
        raise DataError(
            f"{output} holds other rows than this batch gives. Move it, or name another --output."
        ) from fault
    except OSError as fault:
        raise DataError(f"Cannot use {output}: {fault.strerror}.") from fault
    return len(found)


def _in_order(
    work: Callable[[int], dict[str, Any]], positions: Sequence[int], jobs: int
) -> Iterator[dict[str, Any]]:
    """Run the work with bounded concurrency, and give the results in order."""
    waiting: deque[Future[dict[str, Any]]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for position in positions:
                waiting.append(pool.submit(work, position))
                if len(waiting) >= jobs * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
