"""The index on a Chroma server, which does its own locking and looks after its own files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import chroma
from .versions import Made

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection


class ServerStore:
    """One collection of a server, named after what made it. All who share it share a bank.

    `hashes` are those on the server by entry id, as last read; `notice` is always None.
    """

    remedy = "Check the Chroma server, or unset INTERVIEWER_CHROMA_URL to use the local index."

    def __init__(self, url: str, made: Made) -> None:
        self.hashes: Mapping[str, str] = {}
        self.notice: str | None = None
        self._client: Client | None = chroma.server_client(url)
        content = asdict(made) | {"chromadb": ""}  # any client version reads any server's vectors
        digest = hashlib.sha256(repr(content).encode()).hexdigest()[:12]
        with chroma.translated(self.remedy):
            self._collection = chroma.collection(
                self._client, f"{chroma.COLLECTION}-{digest}", asdict(made)
            )
            self._read()

    def query(self, **arguments: Any) -> dict[str, Any] | None:
        """Query the collection."""
        with chroma.translated(self.remedy):
            return dict(self._collection.query(**arguments))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Read anew what the server has; ids are stable, so two writers do each other no harm."""
        with chroma.translated(self.remedy):
            self._read()
        yield

    def draft(self, *, fresh: bool) -> Collection:
        """Return the collection itself: it is written in place, so that no search ever fails."""
        return self._collection

    def publish(self, hashes: Mapping[str, str], dimension: int) -> None:
        """Note what is there now."""
        self.hashes = dict(hashes)

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._client is not None:
            chroma.close_server_client(self._client)
        self._client = None

    def _read(self) -> None:
        self.hashes = {
            id_: str(metadata["hash"])
            for page in chroma.rows(self._collection, "metadatas")
            for id_, metadata in zip(page["ids"], page["metadatas"], strict=True)
        }
