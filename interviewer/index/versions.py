"""The folders of a local index: each is written once, sealed, and replaced by a newer one.

A version counts only once it has its seal: a file, written last, with the hash of every other
file. So a build that was killed is never used, and damage is seen before Chroma, which can crash
on it, reads a byte. No Chroma here.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

DATABASE = "chroma.sqlite3"

_SEAL = "seal.json"
_PREFIX = "v-"
_KEPT = 2  # the current version, and the one before, which another process may still read
# Chroma reads the other files of a segment only where this one stands beside them; before that
# they hold nothing, and every query writes them anew.
_SEGMENT_MARK = "index_metadata.pickle"


@dataclass(frozen=True, slots=True)
class Made:
    """What made an index; one made in another way is not read but built anew."""

    chromadb: str
    schema: int
    model: str


@dataclass(frozen=True, slots=True)
class Seal:
    """What a version holds: `hashes` of its entries by id, `files` hashed by relative path."""

    made: Made
    dimension: int
    hashes: Mapping[str, str]
    files: Mapping[str, str]


def newest(root: Path) -> Path | None:
    """Return the newest sealed version, None if there is none."""
    return next(iter(_sealed(root)), None)


def new_folder(root: Path) -> Path:
    """Make the folder of a new version: newer than all there are, and never a path used before."""
    number = max((_number(folder) for folder in _versions(root)), default=0) + 1
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{number:06}-", dir=root))


def copy(source: Path, target: Path) -> None:
    """Copy a version's files, without its seal, into a new folder."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(_SEAL), dirs_exist_ok=True)


def seal(folder: Path, content: Seal) -> None:
    """Write the seal, at once and on disk: from here on the version counts."""
    draft = folder / f"{_SEAL}.new"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(content), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / _SEAL)


def read_seal(folder: Path) -> Seal | None:
    """Return the seal of a version, None if it cannot be read."""
    try:
        found = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
        hashes, files = dict(found["hashes"]), dict(found["files"])
        return Seal(Made(**found["made"]), int(found["dimension"]), hashes, files)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that counts, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _counts(path, folder)
    }


def discard(folder: Path) -> None:
    """Remove a version, its seal first. What cannot be removed does not count any more."""
    (folder / _SEAL).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def prune(root: Path) -> None:
    """Remove old versions and builds that were never finished. Only for who holds the lock."""
    kept = _sealed(root)[:_KEPT]
    for folder in _versions(root):
        if folder not in kept:
            with suppress(OSError):  # an old version that stays does no harm
                discard(folder)


def _sealed(root: Path) -> list[Path]:
    found = [folder for folder in _versions(root) if (folder / _SEAL).exists()]
    return sorted(found, key=_number, reverse=True)


def _versions(root: Path) -> list[Path]:
    return [path for path in root.glob(f"{_PREFIX}*") if path.is_dir()]


def _number(folder: Path) -> int:
    digits = folder.name.removeprefix(_PREFIX).split("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _counts(path: Path, folder: Path) -> bool:
    if path.parent == folder:
        return not path.name.startswith(_SEAL)
    return (path.parent / _SEGMENT_MARK).exists()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
