"""The grader chain: what was said goes to the index and the grader, and a grade comes out.

Loads the heavy packages in the background, and decides what happens when a part of it fails:
without an index the passages are left out, without the model the settings choose what grades.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from interviewer.errors import EmbeddingError, InterviewerError, PassageIndexError
from interviewer.settings import Settings
from interviewer.types import (
    Embedder,
    Grade,
    GradedBy,
    Grader,
    Passage,
    PassageKind,
    Question,
    Thread,
)

if TYPE_CHECKING:
    from interviewer.index import Index

PASSAGES = 6
FAILURES_BEFORE_REST = 2  # a model that failed this often in a row is not asked again this run

Progress = Callable[[int, int], None]


class GraderChain:
    """Retrieves, grades and falls back. `notice` is told once of each thing that went wrong."""

    def __init__(
        self, settings: Settings, questions: Sequence[Question], notice: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._questions = questions
        self._notice = notice
        self._lock = threading.Lock()
        self._loading: threading.Thread | None = None
        self._loaded = False
        self._index: Index | None = None
        self._embedded: Grader | None = None
        self._no_embedding = ""
        self._model: Grader | None = None
        self._no_model = ""
        self._failures = 0
        self._told_of_model = False
        self._told: set[str] = set()
        self._to_tell: list[str] = []

    def start(self) -> None:
        """Begin loading in the background; returns at once."""
        if self._loading is None:
            self._loading = threading.Thread(target=self._load_quietly, daemon=True)
            self._loading.start()

    @property
    def loading(self) -> bool:
        """Whether the background is still at work."""
        return self._loading is not None and self._loading.is_alive()

    def load(self, progress: Progress | None = None) -> None:
        """Load everything now. Failures are kept for `notice`, not raised."""
        with self._lock:
            if not self._loaded:
                self._load(progress)
                self._loaded = True
        for told in self._to_tell:
            self._tell(told)
        self._to_tell.clear()

    def close(self) -> None:
        """Wait for the loading to end and close the index."""
        if self._loading is not None:
            self._loading.join()
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None

    def search(
        self, text: str, *, k: int = PASSAGES, kinds: Sequence[PassageKind] | None = None
    ) -> tuple[Passage, ...]:
        """Return the nearest passages; none, with a notice, where the index does not work."""
        self.load()
        if self._index is None:
            return ()
        try:
            return self._index.search(text, k=k, kinds=kinds)
        except (PassageIndexError, EmbeddingError) as fault:
            self._tell(f"{fault} Grading goes on without retrieved passages.")
            return ()

    def grade(self, thread: Thread) -> Grade:
        """Grade the thread; an ungraded Grade, with its reason, where that cannot be done."""
        passages = self.search(f"{thread.question.text}\n{thread.said}")
        if self._settings.grader_model is None:
            return self._grade_embedded(thread, passages)
        grade = self._grade_by_model(thread, passages)
        if grade.graded:
            return grade
        if self._settings.on_failure == "pending":
            self._tell_of_model(
                f"{grade.ungraded_reason} The replies are kept; grade them later with: "
                "interviewer regrade --pending"
            )
            return grade
        self._tell_of_model(f"{grade.ungraded_reason} The embedded grader takes over.")
        return self._grade_embedded(thread, passages)

    def _grade_by_model(self, thread: Thread, passages: Sequence[Passage]) -> Grade:
        if self._model is None:
            return self._pending(self._no_model)
        if self._failures >= FAILURES_BEFORE_REST:
            return self._pending("The model failed repeatedly and is not asked again.")
        grade = self._model.grade(thread, passages)
        self._failures = 0 if grade.graded else self._failures + 1
        return grade

    def _grade_embedded(self, thread: Thread, passages: Sequence[Passage]) -> Grade:
        if self._embedded is None:
            return self._pending(self._no_embedding)
        try:
            return self._embedded.grade(thread, passages)
        except EmbeddingError as fault:
            return self._pending(str(fault))

    def _pending(self, reason: str) -> Grade:
        return Grade(None, GradedBy("none", "", ""), ungraded_reason=reason)

    def _load_quietly(self) -> None:
        # What this raises is met again, and told, by the call that needs the result.
        with suppress(InterviewerError), self._lock:
            if not self._loaded:
                self._load(None)
                self._loaded = True

    def _load(self, progress: Progress | None) -> None:
        from interviewer.embedding import EmbeddedEmbedder, embedder

        from .embedded import EmbeddedGrader

        try:
            embed = embedder(self._settings)
            # The embedded grader is calibrated on its own model, whatever embeds the index.
            own = embed if isinstance(embed, EmbeddedEmbedder) else EmbeddedEmbedder()
            self._embedded = EmbeddedGrader(own)
            self._open_index(embed, progress)
        except EmbeddingError as fault:
            self._no_embedding = str(fault)
            self._to_tell.append(str(fault))
        model = self._settings.grader_model
        if model is not None:
            self._load_model(model)

    def _open_index(self, embed: Embedder, progress: Progress | None) -> None:
        from interviewer.index import open_index

        try:
            self._index = open_index(self._settings, embed)
            self._index.sync(self._questions, progress)
        except PassageIndexError as fault:
            self._to_tell.append(f"{fault} Grading goes on without retrieved passages.")
            return
        if self._index.notice:
            self._to_tell.append(self._index.notice)

    def _load_model(self, model: str) -> None:
        from .llm import LlmGrader

        try:
            self._model = LlmGrader(self._settings, model)
        except InterviewerError as fault:
            self._no_model = str(fault)

    def _tell_of_model(self, sentence: str) -> None:
        # Once a run, whatever the reasons of the later failures are.
        if not self._told_of_model:
            self._told_of_model = True
            self._tell(sentence)

    def _tell(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._notice(sentence)


def who_grades(settings: Settings) -> str:
    """Return who will grade, in words, for the first line of a session."""
    model = settings.grader_model
    return "the embedded grader" if model is None else model
