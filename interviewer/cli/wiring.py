"""What several commands need: settings, screen, bank, chain, made in one way."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from interviewer import settings as settings_module
from interviewer.settings import Settings

if TYPE_CHECKING:
    from interviewer.agent import Interviewer
    from interviewer.bank import Bank
    from interviewer.grading.chain import GraderChain
    from interviewer.terminal.screen import Screen


def settings(*, grader: str | None = None, on_failure: str | None = None) -> Settings:
    """Return the settings, with what was given as flags on top. Raises SettingsError."""
    found = settings_module.load()
    if grader is not None:
        found = replace(found, grader=grader)
    if on_failure is not None:
        found = settings_module.with_choice(found, "on_failure", on_failure)
    return found


def screen(*, record: bool = False) -> Screen:
    """Return the screen, plain where it was asked for."""
    from interviewer.terminal.screen import Screen

    return Screen(plain=bool(os.environ.get("INTERVIEWER_PLAIN")), record=record)


def bank(found: Settings, on: Screen) -> Bank:
    """Load the bank and show the faults of its files, once."""
    from interviewer import bank as bank_module

    loaded = bank_module.load(found)
    for fault in loaded.faults:
        on.warn(fault)
    return loaded


@contextmanager
def chain(found: Settings, loaded: Bank, on: Screen) -> Iterator[GraderChain]:
    """Give a grader chain, closed at the end."""
    from interviewer.grading.chain import GraderChain

    made = GraderChain(found, loaded.questions, on.warn)
    try:
        yield made
    finally:
        with on.status("Closing") if made.loading else nullcontext():
            made.close()


def interviewer(found: Settings, rng: random.Random, on: Screen) -> Interviewer:
    """Return who words the follow-ups: the model if there is one, else the bank."""
    from interviewer.agent import BankInterviewer, ModelInterviewer

    lines = BankInterviewer(rng)
    if found.grader_model is None:
        return lines

    @cache
    def model() -> Any:
        from interviewer import llm

        return llm.chat_model(found)

    def speak(instructions: str, task: str) -> str:
        from interviewer import llm

        return llm.say(model(), [("system", instructions), ("human", task)])

    return ModelInterviewer(speak, lines, on.warn)


def print_json(value: Any) -> None:
    """Print JSON data on standard output, ASCII-safe where the terminal's encoding asks for it."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    print(text)
