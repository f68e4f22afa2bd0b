"""Read a bank file strictly: every fault of the file at once, each with its line.

Imports yaml and pydantic; import it only when there is a file to parse.
"""

from __future__ import annotations

from pathlib import Path

from interviewer.errors import BankError
from interviewer.types import Question

from . import files
from .composing import compose
from .form import ParsedFile
from .schema import check, question_name, refused_character, to_question, where


def read_file(path: Path) -> tuple[Question, ...]:
    """Return the questions of a bank file. Raises BankError with every fault of it."""
    parsed = parse(path, files.read(path))
    if parsed.faults:
        raise BankError(parsed.faults)
    return parsed.questions


def parse(path: Path, data: bytes) -> ParsedFile:
    """Turn the bytes of the bank file `path` into its questions, or none and every fault."""
    try:
        text, faults = _decoded(data)
    except ValueError as fault:
        line, what = fault.args
        return ParsedFile(faults=(f"{path}:{line}: {what}",))
    found = compose(text)
    names = [question_name(entry, number) for number, (_, entry) in enumerate(found.entries, 1)]
    for at, place, what in found.faults:
        told = f"{names[int(place[0])]}: {where(place[1:])}" if place else ""
        faults.append((at, told + what))
    questions: list[Question] = []
    lines: list[int] = []
    first: dict[str, int] = {}
    for number, (line, entry_data) in enumerate(found.entries, start=1):
        entry, wrong = check(entry_data)
        name = names[number - 1]
        for place, what in wrong:
            faults.append((found.line_of(number - 1, place), f"{name}: {where(place)}{what}."))
        given = entry_data.get("id") if isinstance(entry_data, dict) else None
        if isinstance(given, str) and given in first:
            text = f"{name}: id: stands in line {first[given]} too; give this one another id."
            faults.append((found.line_of(number - 1, ("id",)), text))
        elif isinstance(given, str):
            first[given] = line
        if entry is not None:
            questions.append(to_question(entry, str(path)))
            lines.append(line)
    if faults:
        lines_of_text = dict.fromkeys(f"{path}:{at}: {what}" for at, what in sorted(faults))
        return ParsedFile(faults=tuple(lines_of_text))
    return ParsedFile(tuple(questions), tuple(lines))


def _decoded(data: bytes) -> tuple[str, list[tuple[int, str]]]:
    """Return the text with each control character made a `?`, and a fault for each of their lines.

    Raises ValueError of a line and a sentence if the bytes are not text.
    """
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise ValueError(line, "not a text file; a bank file is YAML in UTF-8.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        text = f"byte {fault.start} of the file is not UTF-8; save the file as UTF-8."
        raise ValueError(line, text) from fault
    faults = []
    lines = text.replace("\r\n", "\n").split("\n")
    for index, whole in enumerate(lines):
        while (char := refused_character(lines[index])) is not None:
            if lines[index] == whole:
                what = f"holds the control character U+{ord(char):04X}; remove it."
                faults.append((index + 1, what))
            lines[index] = lines[index].replace(char, "?")
    return "\n".join(lines), faults
