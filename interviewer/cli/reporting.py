"""Show and save the report of a session."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interviewer.grading.rubric import Rubric
    from interviewer.history import History, Session
    from interviewer.report import Report
    from interviewer.settings import Settings
    from interviewer.terminal.screen import Screen


def show(history: History, session: Session, settings: Settings, on: Screen) -> Path | None:
    """Show the report, as Markdown where standard output is no terminal, and save it.

    Returns where it was saved, None (with a warning) where it could not be.
    """
    from interviewer import report as reports
    from interviewer.grading import rubric

    found, rules = read(history, session), rubric.load()
    if sys.stdout.isatty():
        _show_on_screen(found, rules, on)
    else:
        on.data(reports.markdown(found, rules))
    return _write(found, settings, on)


def _show_on_screen(found: Report, rules: Rubric, on: Screen) -> None:
    from interviewer import report as reports
    from interviewer.interview import Mode, show_thread

    if found.mode != Mode.COACH:  # a coach has shown each of them already
        for number, item in enumerate(found.items, 1):
            on.rule(f"{number}. {item.thread.question.text}")
            show_thread(on, item)
    on.rule("Report")
    for number, item in enumerate(found.items, 1):
        on.note(f"{number}. {item.thread.question.text} {item.state}.")
    for line in reports.summary(found, rules):
        on.text(line)
    if found.advice:
        on.rule("What to work on")
    for item, advice in found.advice:
        on.text(" ".join(f"{item.thread.question.text} {advice.moment}".split()))
        on.text(f"{advice.advice} Drill: {advice.drill}")


def save(history: History, session: Session, settings: Settings) -> Path | None:
    """Save the report without showing it."""
    return _write(read(history, session), settings, None)


def read(history: History, session: Session) -> Report:
    """Read back a session as a report."""
    from interviewer.interview import session_report

    return session_report(history, session)


def _write(found: Report, settings: Settings, on: Screen | None) -> Path | None:
    from interviewer import report as reports
    from interviewer.grading import rubric
    from interviewer.terminal.sanitize import clean

    path = settings.reports_folder / f"{found.session_id}.md"
    half = path.with_suffix(".part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(half, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(clean(reports.markdown(found, rubric.load())))
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, path)
    except OSError as fault:
        if on is not None:
            on.warn(f"The report could not be saved ({fault}). It is kept in the history.")
        return None
    return path
