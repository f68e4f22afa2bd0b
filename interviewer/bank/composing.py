"""Turn YAML text into plain data with the line of every part, refusing all that is not plain.

Home of yaml for reading. No aliases, anchors, tags or repeated keys; knows nothing of questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml  # noqa: TID253 - imported lazily by its callers

from .schema import Location, shown

_DEEPEST = 12  # a valid entry needs five levels
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COLON = "mapping values are not allowed"


class Composed:
    """The entries of a file as plain data, with the line each part of them stands in."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, object]] = []
        self.faults: list[tuple[int, Location, str]] = []  # line, place, what is wrong
        self._lines: dict[Location, int] = {}

    def mark(self, place: Location, line: int) -> None:
        """Note the line of a part; `place` starts with the index of its entry."""
        self._lines[place] = line

    def forget(self) -> None:
        """Drop the marks of an entry that turned out not to be YAML."""
        index = len(self.entries)
        self._lines = {place: line for place, line in self._lines.items() if place[0] != index}
        self.faults = [
            (line, () if place[:1] == (index,) else place, what)
            for line, place, what in self.faults
        ]

    def line_of(self, index: int, place: Location) -> int:
        """Return the line of a part of an entry, or of the nearest thing around it."""
        full = (index, *place)
        while full not in self._lines:
            full = full[:-1]
        return self._lines[full]


def compose(text: str) -> Composed:
    """Compose the whole text; if it is not YAML, each top-level item alone, to find every fault."""
    whole = Composed()
    try:
        _Composer(whole, text, 0).run()
    except yaml.MarkedYAMLError as error:
        parts = Composed()
        for line, part in _top_level_items(text):
            try:
                _Composer(parts, part, line).run()
            except yaml.MarkedYAMLError as fault:
                parts.faults.append(_syntax_fault(fault, line))
                parts.forget()
        if not parts.faults:
            parts.faults.append(_syntax_fault(error, 0))
        return parts
    return whole


def _top_level_items(text: str) -> Iterator[tuple[int, str]]:
    """Yield each item of a list that starts at the margin, with the lines before it."""
    starts = [match.start() for match in re.finditer(r"^- ", text, flags=re.MULTILINE)]
    line = 0
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        part = text[start:end]
        if part.strip():
            yield line, part
        line += part.count("\n")


def _syntax_fault(error: yaml.MarkedYAMLError, offset: int) -> tuple[int, Location, str]:
    mark = error.problem_mark or error.context_mark
    line = offset + (mark.line if mark else 0) + 1
    problem = shown(error.problem or str(error.context))
    remedy = (
        "put a text that holds a colon in quotes"
        if _COLON in problem
        else "check the indentation and the quotes"
    )
    return line, (), f"not valid YAML ({problem}); {remedy}."


class _Composer:
    """Builds plain data from YAML events: no aliases, anchors or tags, so nothing can blow up."""

    def __init__(self, found: Composed, text: str, offset: int) -> None:
        self._found = found
        self._offset = offset  # lines before this text
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._scalars: Any = yaml.SafeLoader("")  # resolves a scalar to its type, and makes it

    def run(self) -> None:
        """Read the one document. Raises yaml.MarkedYAMLError if it is not YAML."""
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fault(
                        event, (), "a second document starts; put all questions in one list."
                    )
                    return
            elif isinstance(event, yaml.SequenceStartEvent):
                self._refuse_extras(event, ())
                self._entries()
            elif isinstance(event, yaml.ScalarEvent) and event.value == "":
                self._refuse_extras(event, ())  # a file of comments only
            elif isinstance(event, yaml.NodeEvent):
                what = "the file must be a list of questions, each starting “- id:”."
                self._fault(event, (), what)
                return

    def _entries(self) -> None:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            place: Location = (len(self._found.entries),)
            line = self._line(event)
            self._found.mark(place, line)
            self._found.entries.append((line, self._value(event, place)))

    def _value(self, event: yaml.Event, place: Location) -> object:
        self._refuse_extras(event, place)
        if len(place) > _DEEPEST:
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=mark)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place)
        return self._scalar(event) if isinstance(event, yaml.ScalarEvent) else None

    def _mapping(self, place: Location) -> dict[str, object]:
        found: dict[str, object] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = event.value if isinstance(event, yaml.ScalarEvent) else ""
            if not key:
                self._fault(event, place, "a key must be one word; correct it.")
                self._value(event, (*place, key))
            else:
                self._refuse_extras(event, place)
            twice = key in found
            if twice:
                self._fault(event, place, f"the key {shown(key)} stands twice here; keep one.")
            else:
                self._found.mark((*place, key), self._line(event))
            value = self._value(next(self._events), (*place, key))
            if key and not twice:
                found[key] = value
        return found

    def _sequence(self, place: Location) -> list[object]:
        found: list[object] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            here = (*place, len(found))
            self._found.mark(here, self._line(event))
            found.append(self._value(event, here))
        return found

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        tag = self._scalars.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag.endswith((":int", ":bool", ":null", ":float")):
            try:
                return self._scalars.construct_object(yaml.ScalarNode(tag, event.value))
            except ValueError:  # such as an integer of 5000 digits
                return event.value
        return event.value

    def _refuse_extras(self, event: yaml.Event, place: Location) -> None:
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor and isinstance(event, yaml.AliasEvent):
            self._fault(
                event, place, f"the alias *{shown(anchor)} is not allowed; write the text out."
            )
        elif anchor:
            self._fault(event, place, f"the anchor &{shown(anchor)} is not allowed; remove it.")
        if tag:
            self._fault(event, place, f"the tag {shown(tag)} is not allowed; remove it.")

    def _fault(self, event: yaml.Event, place: Location, text: str) -> None:
        self._found.faults.append((self._line(event), place, text))

    def _line(self, event: yaml.Event) -> int:
        mark: Any = event.start_mark
        return int(self._offset + mark.line + 1)
