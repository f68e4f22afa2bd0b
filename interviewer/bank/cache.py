"""Parsed bank files kept as JSON, so that an unchanged bank loads without yaml and pydantic.

A cache that cannot be read, checked or written is ignored: it only saves time.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .form import ParsedFile, from_dict, to_dict

_FILE = "bank.json"
# What these modules do decides what a file's bytes turn into.
_DECIDING = (
    "form.py",
    "schema.py",
    "composing.py",
    "reading.py",
    "drafting.py",
    "words.py",
    "checking.py",
)


class Cache:
    """The parsed files of one bank: asked and filled during a load, then saved if it changed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._version = _version()
        self._old = _read(self._path, self._version)
        self._new: dict[str, Any] = {}

    def get(self, path: Path, data: bytes) -> ParsedFile | None:
        """Return what the file gave when it last had these bytes, or None."""
        entry = self._old.get(str(path))
        if entry is None or entry["sha256"] != _digest(data):
            return None
        self._new[str(path)] = entry
        return ParsedFile(
            questions=tuple(from_dict(item, str(path)) for item in entry["questions"]),
            lines=tuple(entry["lines"]),
            faults=tuple(entry["faults"]),
        )

    def put(self, path: Path, data: bytes, parsed: ParsedFile) -> None:
        """Keep what the file gives for these bytes."""
        self._new[str(path)] = {
            "sha256": _digest(data),
            "questions": [to_dict(question) for question in parsed.questions],
            "lines": parsed.lines,
            "faults": parsed.faults,
        }

    def save(self) -> None:
        """Write what was asked for or put since the start, unless that is what stands there."""
        if self._new != self._old:
            _write(self._path, self._version, self._new)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _version() -> str:
    package = Path(__file__).parent
    try:
        return _digest(b"\0".join((package / name).read_bytes() for name in _DECIDING))
    except OSError:  # no sources beside the compiled files: never reuse
        return ""


def _read(path: Path, version: str) -> dict[str, Any]:
    try:
        written_by, digest, body = path.read_bytes().split(b"\n", 2)
    except (OSError, ValueError):
        return {}
    if not version or written_by.decode(errors="replace") != version:
        return {}
    if digest.decode(errors="replace") != _digest(body):
        return {}
    files: dict[str, Any] = json.loads(body)
    return files


def _write(path: Path, version: str, files: Mapping[str, Any]) -> None:
    body = json.dumps(files, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".bank-")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b"\n".join([version.encode(), _digest(body).encode(), body]))
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
