"""The searchable index of the bank's texts: a cache in Chroma, kept equal to the bank.

Vectors come from the Embedder that is passed in. The bank is the truth: whatever is wrong with the
index, it is built again from there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from interviewer.errors import PassageIndexError
from interviewer.settings import Settings
from interviewer.types import Embedder, Passage, PassageKind, Question

from . import chroma
from .local import LocalStore
from .passages import SCHEMA, Entry, entries
from .server import ServerStore
from .versions import Made

__all__ = ["Index", "Progress", "Synced", "open_index"]

BATCH = 128  # entries embedded and written at a time, at most 256
WAIT_S = 120.0  # for another process that is writing

Progress = Callable[[int, int], None]  # entries embedded so far, and in all


@dataclass(frozen=True, slots=True)
class Synced:
    """How many texts were embedded and written, taken away, and left as they were."""

    added: int
    removed: int
    kept: int


def open_index(settings: Settings, embedder: Embedder, *, wait_s: float = WAIT_S) -> Index:
    """Open the index, empty if there is none that fits the embedder; `sync` fills it.

    Where the folder cannot be written, the index is kept in a temporary one and `notice` says so.
    `wait_s` is how long to wait for another process that writes. Raises PassageIndexError.
    """
    chroma.load()
    made = Made(chroma.version(), SCHEMA, embedder.model_id)
    if settings.chroma_url:
        return Index(ServerStore(settings.chroma_url, made), embedder)
    try:
        return Index(LocalStore(settings.index_folder, made, wait_s=wait_s), embedder)
    except (OSError, NotImplementedError):
        return _temporary(settings.index_folder, made, embedder, wait_s)


class Index:
    """The index, open: searched from any thread, written by one process at a time.

    `notice` is a sentence to show, such as that a damaged index is built again, or None.
    """

    def __init__(
        self,
        store: LocalStore | ServerStore,
        embedder: Embedder,
        temporary: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._temporary = temporary

    @property
    def notice(self) -> str | None:
        """What the user should be told about the state of the index, None if nothing."""
        return self._store.notice

    def count(self) -> int:
        """Return the number of indexed texts."""
        return len(self._store.hashes)

    def sync(self, questions: Iterable[Question], progress: Progress | None = None) -> Synced:
        """Make the index equal to the questions, embedding only texts that changed.

        All or nothing: until it is done, searches go on in what was there. Raises
        PassageIndexError and EmbeddingError.
        """
        wanted = entries(questions)
        hashes = {id_: entry.hash for id_, entry in wanted.items()}
        if hashes == self._store.hashes:
            return Synced(0, 0, len(hashes))
        return self._write(wanted, hashes, progress, fresh=False)

    def rebuild(self, questions: Iterable[Question], progress: Progress | None = None) -> Synced:
        """Embed everything again into a new index, which then takes the place of the old one."""
        wanted = entries(questions)
        hashes = {id_: entry.hash for id_, entry in wanted.items()}
        return self._write(wanted, hashes, progress, fresh=True)

    def search(
        self,
        text: str,
        *,
        k: int = 5,
        topic: str | None = None,
        exclude: str | None = None,
        kinds: Collection[PassageKind] | None = None,
    ) -> tuple[Passage, ...]:
        """Return the `k` nearest passages, nearest first; fewer if there are not as many.

        `topic` and `kinds` narrow the search; `exclude` leaves the passages of one question out.
        Raises PassageIndexError and EmbeddingError.
        """
        if k < 1 or not self.count():
            return ()
        found = self._store.query(
            query_embeddings=self._embedder.embed([text]),
            n_results=k,
            where=_where(topic, exclude, kinds),
            include=["documents", "metadatas", "distances"],
        )
        if not found:
            return ()
        columns = found["ids"][0], found["documents"][0], found["metadatas"][0]
        return tuple(
            Passage(
                id_, metadata["question_id"], PassageKind(metadata["kind"]), text, 1.0 - distance
            )
            for id_, text, metadata, distance in zip(*columns, found["distances"][0], strict=True)
        )

    def close(self) -> None:
        """Close the index; safe to call twice."""
        self._store.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write(
        self,
        wanted: Mapping[str, Entry],
        hashes: Mapping[str, str],
        progress: Progress | None,
        *,
        fresh: bool,
    ) -> Synced:
        with self._store.writing():
            have = self._store.hashes
            changed = [e for id_, e in wanted.items() if fresh or have.get(id_) != hashes[id_]]
            gone = sorted(have.keys() - wanted.keys())
            if changed or gone:
                target = self._store.draft(fresh=fresh)
                for start in range(0, len(changed), BATCH):
                    batch = changed[start : start + BATCH]
                    vectors = self._embedder.embed([entry.text for entry in batch])
                    with chroma.translated(self._store.remedy):
                        chroma.put(target, batch, vectors, [hashes[e.id] for e in batch])
                    if progress:
                        progress(start + len(batch), len(changed))
                with chroma.translated(self._store.remedy):
                    for start in range(0, len(gone), BATCH):
                        target.delete(ids=gone[start : start + BATCH])
                self._store.publish(hashes, self._embedder.dimension)
        return Synced(len(changed), len(gone), len(wanted) - len(changed))


def _temporary(wanted: Path, made: Made, embedder: Embedder, wait_s: float) -> Index:
    try:
        folder = tempfile.TemporaryDirectory(
            prefix="interviewer-index-", ignore_cleanup_errors=True
        )
        store = LocalStore(Path(folder.name) / "index", made, wait_s=wait_s)
    except OSError as fault:
        raise PassageIndexError(
            f"Neither {wanted} nor a temporary folder can be written ({fault.strerror}). "
            "Free the disk, or set INTERVIEWER_HOME to another folder."
        ) from fault
    store.notice = f"{wanted} cannot be written, so the index is temporary: kept for this run only."
    return Index(store, embedder, folder)


def _where(
    topic: str | None, exclude: str | None, kinds: Collection[PassageKind] | None
) -> dict[str, Any] | None:
    conditions: list[dict[str, Any]] = []
    if topic is not None:
        conditions.append({"topic": topic})
    if exclude is not None:
        conditions.append({"question_id": {"$ne": exclude}})
    if kinds is not None:
        conditions.append({"kind": {"$in": [kind.value for kind in kinds]}})
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return {"$and": conditions}
