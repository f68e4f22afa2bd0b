"""`history` and `report`: look back."""

from __future__ import annotations

from typing import Annotated

import typer

from interviewer.errors import NotFoundError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("history", epilog="Example: interviewer history --limit 5")(sessions)
    app.command(epilog="Example: interviewer report --markdown > interview.md")(report)


def sessions(
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the interviews."""
    from interviewer.history import History
    from interviewer.interview import session_report

    from . import wiring

    on = wiring.screen()
    with History.open(wiring.settings().history_file) as history:
        reports = [(s, session_report(history, s)) for s in history.sessions(limit)]
    rows = [
        {
            "session": session.id,
            "date": session.started_at,
            "mode": session.mode,
            "finished": session.ended_at is not None,
            "questions": found.planned,
            "answered": sum(bool(item.thread.replies) for item in found.items),
            "score": round(sum(found.means.values()) / len(found.means), 1)
            if len(found.means) == 1
            else None,
        }
        for session, found in reports
    ]
    if as_json:
        wiring.print_json(rows)
    elif not rows:
        on.note("No interview yet. Start one with: interviewer practice")
    else:
        on.table(
            ["session", "date", "mode", "answered", "score"],
            [
                [
                    str(row["session"]),
                    str(row["date"])[:16].replace("T", " "),
                    str(row["mode"]) + ("" if row["finished"] else ", unfinished"),
                    f"{row['answered']} of {row['questions']}",
                    "–" if row["score"] is None else f"{row['score']:.0f}",
                ]
                for row in rows
            ],
        )


def report(
    session: Annotated[str | None, typer.Argument(help="The session; the last by default.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the report of an interview again."""
    from interviewer import report as reports
    from interviewer.grading import rubric
    from interviewer.history import History
    from interviewer.interview import session_report

    from . import reporting, wiring

    settings = wiring.settings()
    on = wiring.screen()
    with History.open(settings.history_file) as history:
        latest = history.sessions(1)
        if session is None and not latest:
            raise NotFoundError("No interview yet. Start one with: interviewer practice")
        found = history.session(session) if session else latest[0]
        if as_json:
            wiring.print_json(reports.as_json(session_report(history, found), rubric.load()))
        elif markdown:
            on.data(reports.markdown(session_report(history, found), rubric.load()))
        else:
            reporting.show(history, found, settings, on)
