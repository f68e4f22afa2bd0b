"""`practice` and `resume`: the interview."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interviewer.errors import InterviewerError, NotFoundError

if TYPE_CHECKING:
    from interviewer.bank import Bank
    from interviewer.history import History, Session
    from interviewer.interview import Ending
    from interviewer.settings import Settings
    from interviewer.terminal.screen import Screen

INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Example: interviewer practice --topic detection --questions 3")(practice)
    app.command(epilog="Example: interviewer resume")(resume)


def practice(
    topic: Annotated[
        list[str] | None, typer.Option(help="Only this topic; may be given again.")
    ] = None,
    level: Annotated[
        list[int] | None, typer.Option(min=1, max=5, help="Only this level; may be given again.")
    ] = None,
    questions: Annotated[
        int | None, typer.Option(min=1, max=100, help="How many questions. Default 5.")
    ] = None,
    minutes: Annotated[
        int | None, typer.Option(min=1, max=600, help="How long, instead of how many.")
    ] = None,
    mode: Annotated[
        str, typer.Option(help="coach (feedback after each question), interview, or quiet.")
    ] = "interview",
    grader: Annotated[
        str | None, typer.Option(help="auto, embedded, or the name of a model.")
    ] = None,
    on_failure: Annotated[
        str | None, typer.Option(help="If the model fails: embedded (grade so) or pending.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Choose the same questions again.")] = None,
    voice: Annotated[bool, typer.Option("--voice", help="Say the questions aloud.")] = False,
    svg: Annotated[
        Path | None, typer.Option(help="Save a picture of the screen.", dir_okay=False)
    ] = None,
) -> None:
    """Do a mock interview: questions, follow-ups, scores with your own words as evidence."""
    from interviewer import interview
    from interviewer.history import History

    from . import wiring

    chosen_mode = _mode(mode)
    found = wiring.settings(grader=grader, on_failure=on_failure)
    on = wiring.screen(record=svg is not None)
    loaded = wiring.bank(found, on)
    selected = loaded.select(topic, level)
    used_seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    with History.open(found.history_file) as history:
        asked = history.times_asked() if seed is None else {}
        count = questions or (len(selected) if minutes else interview.DEFAULT_QUESTIONS)
        plan = interview.pick(selected, count, random.Random(used_seed), asked)  # noqa: S311
        if not plan:
            raise NotFoundError("There is no question to ask. Add one with: interviewer add")
        if questions is not None and len(plan) < questions:
            on.note(f"There are {len(plan)} questions to choose from.")
        session = history.start_session(
            mode=chosen_mode,
            plan=[question.id for question in plan],
            seed=used_seed,
            minutes=minutes,
            grader=found.grader,
            options={"on_failure": found.on_failure, "voice": voice},
        )
        _run(session, found, on, loaded, history, svg)


def resume(
    session: Annotated[
        str | None, typer.Argument(help="The session; the last unfinished one by default.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(help="Save a picture of the screen.", dir_okay=False)
    ] = None,
) -> None:
    """Go on with an interview where it stopped."""
    from interviewer.history import History

    from . import wiring

    with History.open(wiring.settings().history_file) as history:
        found = history.session(session) if session else history.latest_unfinished()
        if found is None:
            raise NotFoundError("No interview is unfinished. Start one with: interviewer practice")
        if found.ended_at is not None:
            raise InterviewerError(
                f"Session {found.id} is finished. Read it with: interviewer report {found.id}"
            )
        settings = wiring.settings(
            grader=found.grader, on_failure=str(found.options.get("on_failure", "embedded"))
        )
        on = wiring.screen(record=svg is not None)
        loaded = wiring.bank(settings, on)
        _run(found, settings, on, loaded, history, svg)


def _run(
    session: Session,
    settings: Settings,
    on: Screen,
    loaded: Bank,
    history: History,
    svg: Path | None,
) -> None:
    from interviewer import interview
    from interviewer.terminal.keyboard import open_reader

    from . import wiring

    with ExitStack() as stack:
        stack.enter_context(history.lease(session.id))
        speak = _voice(stack) if session.options.get("voice") else lambda text: None
        chain = stack.enter_context(wiring.chain(settings, loaded, on))
        on.note(_first_line(session, settings))
        running = interview.Interview(
            session,
            bank=loaded,
            history=history,
            screen=on,
            reader=open_reader(plain=on.plain),
            interviewer=wiring.interviewer(settings, random.Random(session.seed), on),  # noqa: S311
            backstage=interview.Backstage(chain.start, chain.grade),
            speak=speak,
        )
        ending = running.run()
        _close(ending, session, settings, on, history)
    if svg is not None:
        _save_picture(svg, on)
    if ending is interview.Ending.INTERRUPTED:
        raise typer.Exit(INTERRUPTED)


def _close(
    ending: Ending, session: Session, settings: Settings, on: Screen, history: History
) -> None:
    from interviewer import interview

    from . import reporting

    if ending in (interview.Ending.PAUSED, interview.Ending.INTERRUPTED):
        on.note(f"All that you said is kept. Go on with: interviewer resume {session.id}")
        return
    history.end_session(session.id)
    if session.mode == interview.Mode.QUIET:
        path = reporting.save(history, session, settings)
        on.note(f"Your scores are kept. See them with: interviewer report {session.id}")
    else:
        path = reporting.show(history, session, settings, on)
    if path is not None:
        on.note(f"Report: {path}")


def _voice(stack: ExitStack) -> Callable[[str], None]:
    from interviewer import voice

    found = voice.find()
    stack.callback(found.stop)
    return found.speak


def _save_picture(path: Path, on: Screen) -> None:
    try:
        path.write_text(on.svg("interviewer practice"), encoding="utf-8")
    except OSError as fault:
        on.warn(f"The picture could not be saved to {path}: {fault.strerror}.")


def _first_line(session: Session, settings: Settings) -> str:
    from interviewer.grading.chain import who_grades

    length = f"{len(session.plan)} question{'s' if len(session.plan) > 1 else ''}"
    if session.minutes is not None:
        length = f"{session.minutes} minutes"
    return f"Mock interview: {length}, graded by {who_grades(settings)}. /help lists the commands."


def _mode(name: str) -> str:
    from interviewer.interview import Mode

    try:
        return Mode(name.lower())
    except ValueError:
        raise NotFoundError.near("mode", name, list(Mode)) from None
