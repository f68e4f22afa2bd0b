"""The exceptions this program raises on purpose; `cli` prints each as one line and exits with 1.

InterviewerError       the message says what is wrong and what to do next
├─ SettingsError       a bad setting, or a missing key
├─ BankError           every fault of the bank files at once, each with file and line
├─ NotFoundError       no such question, topic, level or session; names the nearest ones
├─ PromptError         a prompt or rubric file is missing or does not fit its variables
├─ EmbeddingError      the embedding model is missing, altered or unreachable
├─ PassageIndexError     the index cannot be opened, locked or written
├─ ModelError          the language model failed after its retries
├─ HistoryError        the history cannot be read or written
└─ DataError           a file given on the command line cannot be used
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InterviewerError(Exception):
    """A known failure: one line that says what to do."""


class SettingsError(InterviewerError):
    """A setting is wrong or missing."""


class BankError(InterviewerError):
    """A bank file cannot be used; `faults` holds one line for each fault found."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class NotFoundError(InterviewerError):
    """Something was named that does not exist."""

    @classmethod
    def near(cls, what: str, name: str, known: Iterable[str]) -> NotFoundError:
        """Say that there is no `what` called `name`, and name up to three near ones of `known`."""
        known = sorted(set(known))
        near = get_close_matches(name.lower(), known, n=3, cutoff=0.3) or known[:3]
        remedy = f" Nearest: {', '.join(near)}." if near else f" There is no {what} yet."
        return cls(f"No {what} “{name}”.{remedy}")


class PromptError(InterviewerError):
    """A prompt or rubric file is missing or malformed."""


class EmbeddingError(InterviewerError):
    """The embedding model is missing, altered or unreachable."""


class PassageIndexError(InterviewerError):
    """The index cannot be opened, locked or written."""


class ModelError(InterviewerError):
    """The language model could not answer; the message says why, without secrets."""


class HistoryError(InterviewerError):
    """The history database cannot be read or written."""


class DataError(InterviewerError):
    """A file given by the user cannot be used."""
