"""What no grader needs to see: replies that are empty, only openers, or only the question again."""

from __future__ import annotations

from ..types import Thread


def nothing_said(thread: Thread) -> str | None:
    """Return why the thread holds nothing to grade, in one sentence, or None if it may.

    Such a thread scores 0 with every point missing, without asking a model.
    """
    if not any(character.isalnum() for character in thread.said):
        return "Nothing was said."
    return None
