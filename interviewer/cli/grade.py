"""`grade`, `regrade` and `evaluate`: grading outside an interview."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interviewer.errors import DataError, InterviewerError, NotFoundError

if TYPE_CHECKING:
    from interviewer.bank import Bank
    from interviewer.evaluation import Agreement, Prediction
    from interviewer.grading.chain import GraderChain
    from interviewer.terminal.screen import Screen
    from interviewer.types import Grade, Question

LONGEST_REPLY = 100_000  # bytes
REASONS = 5  # how many different reasons for no grade are shown
NEAR_ENOUGH = 0.6  # cosine at which the text of a question is taken for one of the bank

Grader = Annotated[str | None, typer.Option(help="auto, embedded, or the name of a model.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="How many at a time.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog="Example: interviewer grade --question dropout 'It switches units off at random.'"
    )(grade)
    app.command(epilog="Example: interviewer regrade --pending")(regrade)
    app.command(epilog="Example: interviewer evaluate rows.jsonl --grader embedded --json")(
        evaluate
    )


def grade(
    reply: Annotated[
        str | None, typer.Argument(help="The reply, a file that holds it, or - for standard input.")
    ] = None,
    question: Annotated[str | None, typer.Option(help="The id of a question.")] = None,
    question_text: Annotated[str | None, typer.Option(help="A question in words.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="Its reference answer; else the bank is searched.")
    ] = None,
    grader: Grader = None,
    batch: Annotated[Path | None, typer.Option(help="Grade the rows of a JSONL file.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the rows of --batch go.")] = None,
    jobs: Jobs = 2,
    as_json: AsJson = False,
) -> None:
    """Grade one reply, or many."""
    from . import wiring

    if batch is not None and output is None:
        raise typer.BadParameter("--batch needs --output")
    if batch is None and (reply is None or (question is None) == (question_text is None)):
        raise typer.BadParameter("give a REPLY and either --question or --question-text")
    settings = wiring.settings(grader=grader)
    on = wiring.screen()
    loaded = wiring.bank(settings, on)
    with wiring.chain(settings, loaded, on) as chain:
        if batch is not None and output is not None:
            from .batch import run

            run(batch, output, jobs=jobs, loaded=loaded, chain=chain, on=on)
            return
        said = _reply(reply or "")
        asked = _question(question, question_text, reference, loaded, chain)
        from interviewer import rows

        with on.status("Reading the reply"):
            found = chain.grade(rows.thread(asked, said))
    _show(found, on, as_json=as_json)


def regrade(
    session: Annotated[str | None, typer.Argument(help="Grade this session again.")] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Grade all replies that have no grade yet.")
    ] = False,
    grader: Grader = None,
) -> None:
    """Grade what has no grade yet, or a session again; the old grades stay."""
    from interviewer.history import History
    from interviewer.interview import last_counted

    from . import wiring

    if pending == (session is not None):
        raise typer.BadParameter("give a SESSION, or --pending")
    settings = wiring.settings(grader=grader)
    on = wiring.screen()
    with History.open(settings.history_file) as history:
        if session is not None:
            threads = [thread for thread in history.threads(session) if last_counted(thread)]
        else:
            threads = [thread for _, thread in history.pending()]
        if not threads:
            on.note("Nothing waits for a grade.")
            return
        loaded = wiring.bank(settings, on)
        failed = 0
        with (
            wiring.chain(settings, loaded, on) as chain,
            on.progress("Grading", len(threads)) as advance,
        ):
            for thread in threads:
                found = chain.grade(thread)
                upto = last_counted(thread)
                assert upto is not None
                history.add_grade(thread.id, upto.id, found)
                failed += not found.graded
                advance(1)
    on.note(f"Graded: {len(threads) - failed} of {len(threads)}.")
    if failed:
        raise InterviewerError(
            f"{failed} could not be graded ({found.ungraded_reason}). They are kept; try again, "
            "or with --grader embedded."
        )


def evaluate(
    data: Annotated[Path, typer.Argument(help="JSONL: question, reference_answer, reply, score.")],
    grader: Grader = None,
    predictions: Annotated[Path | None, typer.Option(help="Write each row's score.")] = None,
    jobs: Jobs = 2,
    as_json: AsJson = False,
) -> None:
    """Measure how well the grader agrees with human scores."""
    from interviewer import evaluation

    from . import wiring

    rows = evaluation.read_rows(data)
    settings = wiring.settings(grader=grader)
    on = wiring.screen()
    loaded = wiring.bank(settings, on)
    with wiring.chain(settings, loaded, on) as chain:
        chain.load()
        with on.progress("Grading", len(rows)) as advance:
            found = list(
                evaluation.predict(rows, chain.grade, jobs=jobs, progress=lambda: advance(1))
            )
    if predictions is not None:
        _write_predictions(predictions, found)
    for reason, count in Counter(p.ungraded for p in found if p.ungraded).most_common(REASONS):
        on.warn(f"{count} ungraded: {reason}")
    agreement = evaluation.agreement(found)
    if as_json:
        wiring.print_json(evaluation.as_json(agreement))
    else:
        _show_agreement(agreement, on)


def _reply(given: str) -> str:
    """Return the reply: the argument itself, a file's text, or standard input for “-”."""
    if given == "-":
        found = sys.stdin.buffer.read(LONGEST_REPLY + 1)
    elif "\0" not in given and os.path.isfile(given):
        try:
            with Path(given).open("rb") as file:
                found = file.read(LONGEST_REPLY + 1)
        except OSError as fault:
            raise DataError(f"Cannot read {given}: {fault.strerror}.") from fault
    else:
        found = given.encode("utf-8", "replace")
    from interviewer.terminal.entry import check_reply

    text = found.decode("utf-8-sig", "replace")
    check_reply(text)
    return text


def _question(
    question_id: str | None,
    text: str | None,
    reference: str | None,
    loaded: Bank,
    chain: GraderChain,
) -> Question:
    from interviewer import rows
    from interviewer.types import PassageKind

    if question_id is not None:
        return loaded.get(question_id)
    assert text is not None
    if reference is not None:
        return rows.made(text, reference)
    nearest = chain.search(text, kinds=(PassageKind.QUESTION,))
    if not nearest or nearest[0].similarity < NEAR_ENOUGH:
        raise NotFoundError(
            "No question of the bank is near enough to be its reference. Give one with --reference."
        )
    return loaded.get(nearest[0].question_id)


def _show(found: Grade, on: Screen, *, as_json: bool) -> None:
    from interviewer.report import public

    from . import wiring

    if as_json:
        wiring.print_json(public(found))
    else:
        on.feedback(found)
    if not found.graded:
        raise InterviewerError(f"Not graded: {found.ungraded_reason}")


def _prediction(found: Prediction) -> dict[str, Any]:
    return {
        "id": found.id,
        "group": found.group,
        "score": found.score,
        "predicted": found.predicted,
        "ungraded": found.ungraded,
    }


def _write_predictions(path: Path, found: Sequence[Prediction]) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(_prediction(each)) + "\n" for each in found)
    except OSError as fault:
        raise DataError(f"Cannot write {path}: {fault.strerror}.") from fault


def _show_agreement(found: Agreement, on: Screen) -> None:
    on.table(
        ["measure", "value", "95 % interval"],
        [
            [name, _figure(m.value), f"{_figure(m.low)} to {_figure(m.high)}"]
            for name, m in found.measures.items()
        ],
    )
    on.note(
        f"{found.n} graded, {found.ungraded} ungraded, {found.groups} groups. "
        "Intervals: bootstrap over groups."
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
