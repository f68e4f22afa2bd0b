"""The rubric file: criteria with anchored levels, and the bands of the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from interviewer import prompts
from interviewer.errors import PromptError

FILE = "rubric.yaml"
LEVELS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that is judged: the question it asks, and an anchor sentence for each level."""

    name: str
    asks: str
    anchors: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Band:
    """A verdict in words for scores from `start` up, with its written rule."""

    start: int
    name: str
    rule: str


@dataclass(frozen=True, slots=True)
class Rubric:
    """All criteria, the bands from the best down, and the hash of the file."""

    criteria: tuple[Criterion, ...]
    bands: tuple[Band, ...]
    fingerprint: str

    def band(self, score: float) -> Band:
        """Return the band of a score from 0 to 100."""
        return next(band for band in self.bands if score >= band.start)


@cache
def load() -> Rubric:
    """Read the rubric. Raises PromptError that says what does not fit."""
    import yaml

    try:
        found = yaml.safe_load(prompts.text(FILE))
        criteria = tuple(
            Criterion(name, entry["asks"], {level: entry["levels"][level] for level in LEVELS})
            for name, entry in found["criteria"].items()
        )
        bands = tuple(Band(int(e["from"]), e["name"], e["rule"]) for e in found["bands"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as fault:
        raise PromptError(f"{FILE} is not a rubric: {fault!r}. Restore or correct it.") from fault
    starts = [band.start for band in bands]
    if not criteria or starts != sorted(set(starts), reverse=True) or starts[-1] != 0:
        raise PromptError(f"{FILE}: the bands must go down to 0, each start lower than the last.")
    return Rubric(criteria, bands, prompts.fingerprint(FILE))
