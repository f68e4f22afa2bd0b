"""`doctor`, `index` and `paths`: is everything there, rebuild, where things are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interviewer.errors import BankError, HistoryError, InterviewerError

if TYPE_CHECKING:
    from interviewer.settings import Settings
    from interviewer.terminal.screen import Screen

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Example: interviewer doctor")(doctor)
    app.command(epilog="Example: interviewer index --rebuild")(index)
    app.command(epilog="Example: interviewer paths --json")(paths)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the doctor looked at; `found` says what to do where it is not well."""

    what: str
    well: bool
    found: str


def doctor(
    salvage: Annotated[
        Path | None,
        typer.Option(help="Copy what can be read of a damaged history to this new file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything that an interview needs, and say what to do where it is not well."""
    from . import wiring

    settings = wiring.settings()
    on = wiring.screen()
    if salvage is not None:
        _salvage(settings, salvage, on)
        return
    with on.status("Looking at everything"):
        findings = list(_findings(settings))
    if as_json:
        wiring.print_json([{"what": f.what, "well": f.well, "found": f.found} for f in findings])
    else:
        for finding in findings:
            on.note(f"{'ok   ' if finding.well else 'FAULT'}  {finding.what}: {finding.found}")
    if not all(finding.well for finding in findings):
        raise InterviewerError("Not everything is well; the lines above say what to do.")


def index(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it anew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the index up to date with the bank, or build it anew."""
    from interviewer.embedding import embedder
    from interviewer.index import open_index
    from interviewer.index.passages import entries

    from . import wiring

    settings = wiring.settings()
    on = wiring.screen()
    loaded = wiring.bank(settings, on)
    with on.status("Opening the index"):
        opened = open_index(settings, embedder(settings))
    with opened, on.progress("Embedding", len(entries(loaded.questions))) as advance:
        write = opened.rebuild if rebuild else opened.sync
        done = write(loaded.questions, _steps(advance))
        count = opened.count()
    found = {"passages": count, "added": done.added, "removed": done.removed, "kept": done.kept}
    if opened.notice:
        on.warn(opened.notice)
    if as_json:
        wiring.print_json(found)
    else:
        on.note(
            f"{count} passages of {len(loaded.questions)} questions: {done.added} added, "
            f"{done.removed} removed, {done.kept} kept."
        )


def paths(as_json: AsJson = False) -> None:
    """Show where the data is."""
    from interviewer.prompts import data_folder

    from . import wiring

    settings = wiring.settings()
    found = {
        "home": settings.home,
        "settings": settings.config_file,
        "history": settings.history_file,
        "bank": settings.bank_folder,
        "index": settings.index_folder,
        "cache": settings.cache_folder,
        "reports": settings.reports_folder,
        "shipped questions": data_folder("knowledge"),
        "prompts": data_folder("prompts"),
    }
    if as_json:
        wiring.print_json({name: str(path) for name, path in found.items()})
    else:
        wiring.screen().table(["what", "where"], [[name, path] for name, path in found.items()])


def _salvage(settings: Settings, into: Path, on: Screen) -> None:
    from interviewer.history import salvage

    replies = salvage(settings.history_file, into)
    on.note(
        f"Replies copied: {replies}, to {into}. To use them, move {settings.history_file} aside "
        "and put the copy in its place."
    )


def _findings(settings: Settings) -> Iterator[Finding]:
    looks: dict[str, Callable[[Settings], str]] = {
        "Python": lambda _: sys.version.split()[0],
        "data folder": _look_at_home,
        "question bank": _look_at_bank,
        "history": _look_at_history,
        "embedding model": _look_at_embedding,
        "index": _look_at_index,
        "language model": _look_at_model,
    }
    for what, look in looks.items():
        try:
            yield Finding(what, True, look(settings))
        except InterviewerError as fault:
            yield Finding(what, False, str(fault))


def _look_at_home(settings: Settings) -> str:
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(settings.home)


def _look_at_bank(settings: Settings) -> str:
    from interviewer import bank

    loaded = bank.load(settings)
    if loaded.faults:
        raise BankError(loaded.faults)
    return f"{len(loaded.questions)} questions on {len(loaded.topics())} topics"


def _look_at_history(settings: Settings) -> str:
    from interviewer.history import History

    try:
        with History.open(settings.history_file) as history:
            sessions, waiting = len(history.sessions()), len(history.pending())
    except HistoryError as fault:
        remedy = "To save what can still be read: interviewer doctor --salvage NEW.db"
        raise HistoryError(f"{fault} {remedy}") from fault
    wait = f", {waiting} replies wait for a grade (interviewer regrade --pending)" * bool(waiting)
    return f"{sessions} interviews{wait}"


def _look_at_embedding(settings: Settings) -> str:
    from interviewer.embedding import embedder

    chosen = embedder(settings)
    chosen.embed(["The doctor says a sentence."])
    return f"{chosen.model_id}, {chosen.dimension} dimensions"


def _look_at_index(settings: Settings) -> str:
    from interviewer import bank
    from interviewer.embedding import embedder
    from interviewer.index import open_index

    with open_index(settings, embedder(settings)) as opened:
        opened.sync(bank.load(settings).questions)
        return f"{opened.count()} passages. {opened.notice or ''}".strip()


def _look_at_model(settings: Settings) -> str:
    from interviewer import llm

    if not settings.has_model:
        return "none; the embedded grader works without. Set OPENAI_API_KEY or OPENAI_BASE_URL."
    said = llm.say(llm.chat_model(settings), [("human", "Reply with the word ready.")])
    return f"{settings.model} answers: {said[:40]}"


def _steps(advance: Callable[[int], None]) -> Callable[[int, int], None]:
    """Turn “so far, in all” into the steps that a progress bar takes."""
    before = 0

    def told(done: int, _total: int) -> None:
        nonlocal before
        advance(done - before)
        before = done

    return told
