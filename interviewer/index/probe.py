"""Opens a doubtful version in a process of its own, which damaged files may kill.

Run as `python -m interviewer.index.probe FOLDER`: exits 0 if everything is there and is found.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from . import chroma
from .versions import DATABASE, Seal, read_seal

if TYPE_CHECKING:
    from chromadb.api.client import Client

TIMEOUT_S = 60.0

_SAMPLE = 20  # entries that must find themselves
_NEAR = 5  # results a query
_SAME = 1e-3  # cosine distance; the same vector, whoever has it


def passes(folder: Path, *, timeout_s: float = TIMEOUT_S) -> bool:
    """Say whether a child process can open a version and finds all that its seal names."""
    command = [sys.executable, "-P", "-m", "interviewer.index.probe", str(folder)]
    path = os.pathsep.join(filter(None, sys.path))
    try:
        done = subprocess.run(  # noqa: S603
            command,
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def healthy(folder: Path) -> bool:
    """Compare a version with its seal, entry by entry, and query it. May kill the process."""
    seal = read_seal(folder)
    if seal is None or not _sound(folder / DATABASE):
        return False
    client = chroma.local_client(folder)
    try:
        return _complete(client, seal)
    finally:
        client.close()


def _sound(database: Path) -> bool:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def _complete(client: Client, seal: Seal) -> bool:
    source = client.get_collection(chroma.COLLECTION, embedding_function=None)
    found: dict[str, str] = {}
    vectors = {}
    for page in chroma.rows(source, "documents", "metadatas", "embeddings"):
        columns = page["ids"], page["documents"], page["metadatas"], page["embeddings"]
        for id_, text, metadata, vector in zip(*columns, strict=True):
            found[id_] = chroma.entry(id_, text, metadata).hash
            vectors[id_] = vector
    if found != dict(seal.hashes) or any(len(v) != seal.dimension for v in vectors.values()):
        return False
    sample = sorted(found)[:: max(1, len(found) // _SAMPLE)]
    if not sample:
        return True
    wanted = min(_NEAR, len(found))
    answer = source.query(
        query_embeddings=[vectors[id_] for id_ in sample], n_results=wanted, include=["distances"]
    )
    return all(
        len(distances) == wanted and distances[0] < _SAME
        for distances in answer["distances"] or [[]]
    )


if __name__ == "__main__":
    sys.exit(0 if healthy(Path(sys.argv[1])) else 1)
