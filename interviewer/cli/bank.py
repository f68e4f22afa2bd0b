"""`add` and `questions`: the bank on the command line."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interviewer.errors import BankError, DataError

if TYPE_CHECKING:
    from interviewer.terminal.screen import Screen
    from interviewer.types import Point, Question

OWN_FILE = "my-questions.yaml"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Topic = Annotated[list[str] | None, typer.Option(help="Only this topic; may be given again.")]
Level = Annotated[
    list[int] | None, typer.Option(min=1, max=5, help="Only this level; may be given again.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog="Example: interviewer add --question 'What is dropout?' --answer 'It …' --yes"
    )(add)
    questions = typer.Typer(
        help="List, show and search the questions of the bank.", no_args_is_help=True
    )
    questions.command("list", epilog="Example: interviewer questions list --level 1")(list_)
    questions.command(epilog="Example: interviewer questions show dropout")(show)
    questions.command(epilog="Example: interviewer questions search 'vanishing gradient'")(search)
    questions.command(epilog="Example: interviewer questions check mine.yaml")(check)
    app.add_typer(questions, name="questions")


def add(
    question: Annotated[str | None, typer.Option(help="The question.")] = None,
    answer: Annotated[str | None, typer.Option(help="Its reference answer.")] = None,
    topic: Annotated[str, typer.Option(help="Its topic.")] = "general",
    level: Annotated[int, typer.Option(min=1, max=5, help="1 (screening) to 5 (expert).")] = 2,
    question_id: Annotated[str | None, typer.Option("--id", help="Its id; else made up.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Add it without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a question of your own: question and answer; the points are drafted and shown."""
    from interviewer import bank as bank_module
    from interviewer.bank.writing import add_question

    from . import wiring

    settings = wiring.settings()
    on = wiring.screen()
    loaded = wiring.bank(settings, on)
    if question is None or answer is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter("give --question and --answer")
        question = question or _asked(on, "The question")
        answer = answer or _asked(on, "The reference answer")
    taken = {known.id for known in loaded.questions}
    path = settings.bank_folder / OWN_FILE
    draft = _draft(question, answer, topic, level, question_id, taken, path)
    if not as_json:
        _show_points(draft, on)
    if not (yes or as_json or _confirmed(on)):
        on.note("Nothing was added.")
        return
    add_question(path, draft)
    if as_json:
        wiring.print_json(bank_module.to_dict(draft))
    else:
        on.note(f"Added {draft.id} to {path}. Edit its points there; add “not” lines above all.")


def list_(topic: Topic = None, level: Level = None, as_json: AsJson = False) -> None:
    """List the questions."""
    from interviewer import bank as bank_module

    from . import wiring

    on = wiring.screen()
    found = wiring.bank(wiring.settings(), on).select(topic, level)
    if as_json:
        wiring.print_json([bank_module.to_dict(question) for question in found])
        return
    on.table(
        ["id", "topic", "level", "question"],
        [[each.id, each.topic, each.level, each.text] for each in found],
    )


def show(
    question_id: Annotated[str, typer.Argument(help="The id of a question.")],
    as_json: AsJson = False,
) -> None:
    """Show one question with its answer and points."""
    from interviewer import bank as bank_module

    from . import wiring

    on = wiring.screen()
    found = wiring.bank(wiring.settings(), on).get(question_id)
    if as_json:
        wiring.print_json(bank_module.to_dict(found))
    else:
        on.markdown(_as_markdown(found))


def search(
    text: Annotated[str, typer.Argument(help="What it is about, in your own words.")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Search the questions by meaning."""
    from interviewer import bank as bank_module

    from . import wiring

    settings = wiring.settings()
    on = wiring.screen()
    loaded = wiring.bank(settings, on)
    with wiring.chain(settings, loaded, on) as chain, on.status("Searching"):
        passages = chain.search(text, k=10 * limit)
    best: dict[str, float] = {}
    for passage in passages:
        best.setdefault(passage.question_id, passage.similarity)
    known = {question.id: question for question in loaded.questions}
    ranked = [(known[name], near) for name, near in best.items() if name in known][:limit]
    if as_json:
        wiring.print_json(
            [{**bank_module.to_dict(each), "similarity": round(near, 4)} for each, near in ranked]
        )
        return
    on.table(
        ["id", "similarity", "question"],
        [[each.id, f"{near:.2f}", each.text] for each, near in ranked],
    )


def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Bank files; all of the bank by default.")
    ] = None,
) -> None:
    """Check bank files: every fault at once, with file and line."""
    from interviewer.bank.checking import lint
    from interviewer.bank.reading import read_file

    from . import wiring

    settings = wiring.settings()
    on = wiring.screen()
    faults: list[str] = []
    found: list[Question] = []
    if files:
        for path in files:
            try:
                found += read_file(path)
            except BankError as fault:
                faults += fault.faults
    else:
        from interviewer import bank as bank_module

        loaded = bank_module.load(settings)
        found, faults = list(loaded.questions), list(loaded.faults)
    for question in found:
        for remark in lint(question):
            on.note(remark)
    if faults:
        raise BankError(faults)
    on.note(f"{len(found)} questions; no faults.")


def _draft(
    question: str,
    answer: str,
    topic: str,
    level: int,
    question_id: str | None,
    taken: set[str],
    path: Path,
) -> Question:
    from interviewer import bank as bank_module
    from interviewer.bank.schema import question_from

    name = question_id or bank_module.slug_for(question, taken)
    if name in taken:
        raise DataError(f"There is a question “{name}” already. Choose another --id.")
    data = {"id": name, "topic": topic, "level": level, "question": question, "answer": answer}
    return replace(question_from(data, str(path)), origin=str(path))


def _show_points(draft: Question, on: Screen) -> None:
    on.note(f"{draft.id} · {draft.topic} · level {draft.level}")
    on.say(draft.text)
    on.note("Points drafted from the answer, with their weights:")
    for point in draft.points:
        on.note(f"  {point.weight}  {point.says}")


def _asked(on: Screen, what: str) -> str:
    from interviewer.terminal.entry import EntryKind
    from interviewer.terminal.keyboard import open_reader

    on.note(f"{what}:")
    entry = open_reader(plain=on.plain).read("Enter twice to go on · Ctrl-C to leave")
    if entry.kind is not EntryKind.REPLY:
        raise DataError("Nothing was added.")
    return entry.text


def _confirmed(on: Screen) -> bool:
    if not sys.stdin.isatty():
        raise typer.BadParameter("give --yes to add it without being asked")
    return typer.confirm("Add this question?", default=True, err=True)


def _as_markdown(found: Question) -> str:
    lines = [f"# {found.text}", "", f"{found.id} · {found.topic} · level {found.level}", ""]
    lines += [found.answer.strip(), "", "## Points", ""]
    lines += [_point_line(point) for point in found.points]
    if found.deepen:
        lines += ["", "## Going further", "", *(f"- {text}" for text in found.deepen)]
    if found.sources:
        lines += ["", f"Sources: {'; '.join(found.sources)}"]
    return "\n".join(lines) + f"\n\nFile: {found.origin}\n"


def _point_line(point: Point) -> str:
    wrong = f" Not: {'; '.join(point.wrong)}." if point.wrong else ""
    return f"- ({point.weight}) {point.says}{wrong}"
