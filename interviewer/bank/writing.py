"""Write bank files so that a crash, a full disk or a second program never costs a question.

Home of yaml for writing; import it only when there is something to write.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml  # noqa: TID253 - imported lazily by its callers

from interviewer.errors import BankError
from interviewer.types import Question

from . import files
from .form import to_dict
from .reading import parse
from .schema import question_from
from .words import slug_for as slug_for

_LOCK = ".bank.lock"
_LOCK_WAIT_S = 5.0
_WIDTH = 96


def add_question(path: Path, question: Question) -> None:
    """Add a question to the end of a bank file, new or not, leaving what stands there as it is.

    Raises BankError if the file has faults, has this id, or cannot be written; it then stays.
    """
    with _writing(path) as target:
        old = files.read(target) if target.exists() else b""
        parsed = parse(path, old)
        if parsed.faults:
            raise BankError(parsed.faults)
        if any(known.id == question.id for known in parsed.questions):
            raise BankError([f"{path}: question {question.id}: id: is there already; use another."])
        questions = [*parsed.questions, question]
        entry = entry_text(question_from(to_dict(question), str(path))).encode()
        joined = old + (b"" if not old or old.endswith(b"\n") else b"\n") + entry
        if not _gives(path, joined, questions):  # such as a list in brackets
            joined = _file_text(path, questions)
        _replace(target, joined)


def write_file(path: Path, questions: Sequence[Question]) -> None:
    """Make these the questions of a bank file; comments in it are lost.

    Raises BankError if a question is not valid or the file cannot be written; it then stays.
    """
    with _writing(path) as target:
        _replace(target, _file_text(path, questions))


def entry_text(question: Question) -> str:
    """Return the question as YAML, one item of a bank file; keys without a value are left out."""
    data = _without_empty(to_dict(question))
    for dumper in (_Readable, _Quoted):
        text: str = yaml.dump(
            [data], Dumper=dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
        )
        parsed = parse(Path(question.origin), text.encode())
        if parsed.questions == (question,):
            break
    return text


def _file_text(path: Path, questions: Sequence[Question]) -> bytes:
    checked = [question_from(to_dict(question), str(path)) for question in questions]
    data = "\n".join(entry_text(question) for question in checked).encode() or b"[]\n"
    faults = parse(path, data).faults
    if faults:
        raise BankError(faults)
    return data


def _gives(path: Path, data: bytes, questions: Sequence[Question]) -> bool:
    return parse(path, data).questions == tuple(
        replace(question_from(to_dict(question), str(path)), origin=str(path))
        for question in questions
    )


class _Readable(yaml.SafeDumper):
    """Indents lists, and writes long and many-lined texts as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)


class _Quoted(yaml.SafeDumper):
    """Puts every text in quotes: plain to read for YAML whatever the text holds."""


def _as_block(dumper: _Readable, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else ">" if len(text) > _WIDTH - 20 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _as_quoted(dumper: _Quoted, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Readable.add_representer(str, _as_block)
_Quoted.add_representer(str, _as_quoted)


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in data.items() if value not in (None, [])}
    if "points" in kept:
        kept["points"] = [_without_empty(point) for point in kept["points"]]
    return kept


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """Hold the folder's lock, give the file behind `path`, and turn what fails into BankError."""
    from filelock import FileLock, Timeout

    if path.suffix.lower() not in files.SUFFIXES:
        raise BankError([f"{path}: not a bank file; its name must end in .yaml or .yml."])
    try:
        target = path.resolve()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(target.parent / _LOCK, timeout=_LOCK_WAIT_S, mode=0o600):
            yield target
    except Timeout as fault:
        raise BankError(
            [f"{path}: another program is writing to its folder; try again when it is done."]
        ) from fault
    except (OSError, NotImplementedError) as fault:
        why = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
        raise BankError(
            [f"{path}: cannot be written ({why}); it is unchanged. Check space and rights there."]
        ) from fault


def _replace(target: Path, data: bytes) -> None:
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    if not mode & 0o200:  # replacing needs the folder's rights alone
        raise PermissionError(errno.EACCES, "the file is read-only")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".bank-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(target.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
