"""The calls to chromadb: clients, the collection, and its errors in our words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from interviewer.errors import PassageIndexError
from interviewer.types import PassageKind

from .passages import Entry

if TYPE_CHECKING:
    import numpy as np
    from chromadb.api.client import Client
    from chromadb.api.collection_configuration import CreateCollectionConfiguration
    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray

COLLECTION = "passages"
REBUILD = "Run: interviewer index --rebuild"

_FREE = "Free the disk or correct the folder's permissions, and try again."

# Wider than Chroma's defaults, with which 5 % of 7,500 random vectors did not find themselves.
# The threshold is how many entries wait outside the vector index; at 200 it costs nothing.
_HNSW = {
    "space": "cosine",
    "ef_search": 500,
    "ef_construction": 200,
    "max_neighbors": 32,
    "sync_threshold": 200,
}
_PAGE = 1000  # rows a read; Chroma fails above 32,766
_REACH_S = 5.0  # to say whether a server is there
_ANSWER_S = 60.0  # for a server to answer a query; Chroma itself would wait forever


def version() -> str:
    """Return the version of the installed chromadb, without importing it."""
    from importlib.metadata import version as installed

    return installed("chromadb")


def load() -> None:
    """Import chromadb, with whatever `.env` and environment it reads. Raises PassageIndexError."""
    try:
        from chromadb.config import Settings

        Settings()
    except (ImportError, RuntimeError, ValueError) as fault:
        reason = " ".join(str(fault).split())[:200]
        raise PassageIndexError(
            f"chromadb cannot be used ({reason}). Correct its setting in the environment "
            "or in .env, or reinstall it: python -m pip install --force-reinstall chromadb"
        ) from fault


def local_client(folder: Path) -> Client:
    """Open or create the database of a folder."""
    import chromadb
    from chromadb.config import Settings

    settings = Settings(
        anonymized_telemetry=False, chroma_api_impl="chromadb.api.rust.RustBindingsAPI"
    )
    return cast("Client", chromadb.PersistentClient(str(folder), settings=settings))


def server_client(url: str) -> Client:
    """Connect to a server. Raises PassageIndexError if there is none."""
    host, port, tls = _address(url)
    import chromadb
    import httpx
    from chromadb.config import Settings

    place = f"{'https' if tls else 'http'}://{host}:{port}"
    foreign = _foreign()
    remedy = "Start it, or unset INTERVIEWER_CHROMA_URL to use the local index."
    try:
        httpx.get(f"{place}/api/v2/heartbeat", timeout=_REACH_S).raise_for_status()
        settings = Settings(anonymized_telemetry=False)
        client = cast("Client", chromadb.HttpClient(host, port, ssl=tls, settings=settings))
    except foreign as fault:
        raise PassageIndexError(f"No Chroma server answers at {place}. {remedy}") from fault
    # Left alone, a server that hangs would hang the interview.
    for session in _sessions(client):
        session.timeout = httpx.Timeout(_ANSWER_S)
    return client


def close_server_client(client: Client) -> None:
    """Close the connections too, which Chroma leaves open."""
    sessions = _sessions(client)
    client.close()
    for session in sessions:
        session.close()


def collection(client: Client, name: str, made: Mapping[str, Any]) -> Collection:
    """Return the collection, created if need be; `made` is written down in its metadata."""
    return client.get_or_create_collection(
        name,
        embedding_function=None,
        metadata=dict(made),
        configuration=cast("CreateCollectionConfiguration", {"hnsw": _HNSW}),
    )


def put(
    target: Collection, new: Sequence[Entry], vectors: NDArray[np.float32], hashes: Sequence[str]
) -> None:
    """Write entries with their vectors, over what had the same ids."""
    target.upsert(
        ids=[entry.id for entry in new],
        embeddings=vectors,
        documents=[entry.text for entry in new],
        metadatas=[
            {
                "question_id": entry.question_id,
                "kind": entry.kind.value,
                "topic": entry.topic,
                "level": entry.level,
                "hash": digest,
            }
            for entry, digest in zip(new, hashes, strict=True)
        ],
    )


def rows(source: Collection, *include: str) -> Iterator[dict[str, Any]]:
    """Read all rows, page by page: `ids` and what else is to be included."""
    for offset in range(0, source.count(), _PAGE):
        yield dict(source.get(limit=_PAGE, offset=offset, include=list(include)))  # type: ignore[arg-type]


def entry(id_: str, text: str, metadata: Mapping[str, Any]) -> Entry:
    """Make the entry of a stored row again."""
    return Entry(
        id_,
        str(metadata["question_id"]),
        PassageKind(metadata["kind"]),
        str(metadata["topic"]),
        int(metadata["level"]),
        text,
    )


@contextmanager
def translated(remedy: str = REBUILD) -> Iterator[None]:
    """Turn the errors of Chroma and what lies below it into a PassageIndexError."""
    try:
        yield
    except _foreign() as fault:
        reason = (str(fault).strip() or type(fault).__name__).splitlines()[0][:200]
        if isinstance(fault, OSError) or "disk is full" in reason:
            remedy = _FREE
        raise PassageIndexError(f"The index failed ({reason}). {remedy}") from fault


def _sessions(client: Client) -> list[Any]:
    """Return the two HTTP sessions of a client, to which there is no public way."""
    both = (client, vars(client)["_admin_client"])
    return [vars(vars(part)["_server"])["_session"] for part in both]


def _foreign() -> tuple[type[Exception], ...]:
    import httpx
    from chromadb.errors import ChromaError

    return (ChromaError, httpx.HTTPError, sqlite3.Error, OSError, ValueError, RuntimeError)


def _address(url: str) -> tuple[str, int, bool]:
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        tls = parts.scheme == "https"
        host, port = parts.hostname, parts.port or (443 if tls else 8000)
    except ValueError:
        host = None
    if not host:
        raise PassageIndexError(
            "INTERVIEWER_CHROMA_URL is not an address; it looks like http://localhost:8000."
        )
    return host, port, tls
