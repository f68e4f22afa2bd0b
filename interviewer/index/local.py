"""The index in a folder of this machine: one process writes at a time, readers do not wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from interviewer.errors import PassageIndexError

from . import chroma, probe, versions
from .versions import Made, Seal

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

OPEN_S = probe.TIMEOUT_S + 30  # longer than another process can take to open
_DAMAGED = "The index was damaged. It is built again from the question bank."


class LocalStore:
    """The newest version in `root`, open for reading, and the making of the next one.

    `hashes` are those of the open version by entry id, empty if there is none that fits `made`.
    `notice` is what the user should be told, if anything. Raises OSError where `root` cannot be
    written: Chroma writes even to read.
    """

    remedy = chroma.REBUILD

    def __init__(self, root: Path, made: Made, *, wait_s: float) -> None:
        self.hashes: Mapping[str, str] = {}
        self.notice: str | None = None
        self._root = root
        self._made = made
        self._wait_s = wait_s
        self._guard = RLock()  # held while a query runs, and while the version is changed
        self._client: Client | None = None
        self._collection: Collection | None = None
        self._folder: Path | None = None
        self._draft: tuple[Path, Client] | None = None
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._reopen()

    def query(self, **arguments: Any) -> dict[str, Any] | None:
        """Query the open version; None if there is none."""
        with self._guard, chroma.translated():
            return dict(self._collection.query(**arguments)) if self._collection else None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the right to write; inside, `hashes` is what every process sees."""
        with ExitStack() as held:
            with chroma.translated():
                held.enter_context(self._lock("write.lock", self._wait_s))
                self._reopen()
            held.callback(self._drop_draft)
            yield

    def draft(self, *, fresh: bool) -> Collection:
        """Begin the next version: a copy of the open one, or empty if `fresh`."""
        with chroma.translated():
            folder = versions.new_folder(self._root)
            try:
                if self._folder and not fresh:
                    with self._lock("open.lock", OPEN_S):
                        versions.copy(self._folder, folder)
                client = chroma.local_client(folder)
            except BaseException:
                versions.discard(folder)
                raise
            self._draft = folder, client
            return chroma.collection(client, chroma.COLLECTION, asdict(self._made))

    def publish(self, hashes: Mapping[str, str], dimension: int) -> None:
        """Make the draft the current version, for this process and for those that open later."""
        assert self._draft is not None
        folder, client = self._draft
        with chroma.translated():
            client.close()
            versions.seal(
                folder, Seal(self._made, dimension, hashes, versions.fingerprints(folder))
            )
            self._draft = None
            self._reopen()
            with self._lock("open.lock", OPEN_S):
                versions.prune(self._root)

    def close(self) -> None:
        """Close the open version; safe to call twice."""
        with self._guard:
            if self._client is not None:
                self._client.close()
            self._client = self._collection = self._folder = None
            self.hashes = {}

    def _reopen(self) -> None:
        with self._guard, self._lock("open.lock", OPEN_S):
            self.close()
            folder = versions.newest(self._root)
            if folder is None:
                return
            seal = versions.read_seal(folder)
            if seal and seal.made != self._made:
                return
            if seal is None or not _intact(folder, seal) or not self._open(folder, seal):
                versions.discard(folder)
                self.notice = _DAMAGED

    def _open(self, folder: Path, seal: Seal) -> bool:
        client = None
        try:
            with chroma.translated():
                client = chroma.local_client(folder)
                found = client.get_collection(chroma.COLLECTION, embedding_function=None)
        except PassageIndexError:
            if client is not None:
                client.close()
            return False
        self._client, self._collection, self._folder = client, found, folder
        self.hashes = seal.hashes
        # Chroma adds a row to its database whenever it opens one, so the seal has to be renewed.
        versions.seal(folder, replace(seal, files=versions.fingerprints(folder)))
        return True

    def _drop_draft(self) -> None:
        if self._draft is not None:
            folder, client = self._draft
            self._draft = None
            client.close()
            versions.discard(folder)

    @contextmanager
    def _lock(self, name: str, wait_s: float) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(self._root / name)
        try:
            lock.acquire(timeout=wait_s)
        except Timeout:
            raise PassageIndexError(
                "Another interviewer is updating the index. Try again when it is done."
            ) from None
        try:
            yield
        finally:
            lock.release()


def _intact(folder: Path, seal: Seal) -> bool:
    """Compare the files with their seal; ask a child process where only the database differs.

    Nothing writes the other files after they were sealed. The database may have been opened by a
    process that was killed before it could renew the seal.
    """
    found = versions.fingerprints(folder)
    different = {name for name, _ in found.items() ^ seal.files.items()}
    if not different:
        return True
    return all("/" not in name for name in different) and probe.passes(folder)
