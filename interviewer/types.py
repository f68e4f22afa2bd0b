"""The values that everything else passes around: frozen, and only able to read themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Verdict(StrEnum):
    """What a reply does with a point."""

    STATED = "stated"
    PARTLY = "partly"
    MISSING = "missing"
    CONTRADICTED = "contradicted"


class Ask(StrEnum):
    """What the interviewer's side of a turn is."""

    QUESTION = "question"
    PROBE = "probe"  # draws out a point that is missing
    CLARIFY = "clarify"  # asks about a point that is only partly there
    CHALLENGE = "challenge"  # asks again about a point that was contradicted
    HINT = "hint"  # help: a nudge towards a point
    DEEPEN = "deepen"  # for a candidate who has everything; not graded


@dataclass(frozen=True, slots=True)
class Point:
    """One key point of a reference answer.

    `also` are other ways people say it, `wrong` the wrong versions people say (`not` in the bank
    file, a keyword here), `probe` draws it out without giving it away. `weight` is 1 to 3.
    """

    id: str
    says: str
    also: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    probe: str | None = None
    hint: str | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Question:
    """One item of the bank: `level` 1 (screening) to 5 (expert), `origin` the file it is in."""

    id: str
    topic: str
    level: int
    text: str
    answer: str
    points: tuple[Point, ...]
    deepen: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    origin: str = ""


class PassageKind(StrEnum):
    """Which text of a question a passage is."""

    QUESTION = "question"
    ANSWER = "answer"
    POINT = "point"


@dataclass(frozen=True, slots=True)
class Passage:
    """One retrieved text of the index. `similarity` is the cosine to the query, -1 to 1."""

    id: str
    question_id: str
    kind: PassageKind
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: what was asked and, once there is one, the reply.

    `point_id` is the point that a probe, clarify, challenge or hint is about. A skipped turn has
    `skipped` set and no reply. Times are ISO 8601 in UTC.
    """

    id: str
    ask: Ask
    text: str
    point_id: str | None = None
    reply: str | None = None
    skipped: bool = False
    asked_at: str = ""
    replied_at: str | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """A question with its replies and follow-ups: the unit that is graded."""

    id: str
    question: Question
    turns: tuple[Turn, ...]

    @property
    def replies(self) -> tuple[str, ...]:
        """The replies that count for the grade, in order; replies to deepen turns do not."""
        return tuple(turn.reply for turn in self.turns if turn.reply and turn.ask is not Ask.DEEPEN)

    @property
    def said(self) -> str:
        """Everything the candidate said in this thread that counts for the grade."""
        return "\n\n".join(self.replies)


@dataclass(frozen=True, slots=True)
class PointGrade:
    """The verdict on one point.

    `credit` is -0.5 (contradicted) to 1 (stated in full); `quote` stands in the replies word for
    word, and is never None where credit is above 0.
    """

    id: str
    says: str
    weight: int
    verdict: Verdict
    credit: float
    quote: str | None
    why: str


@dataclass(frozen=True, slots=True)
class CriterionGrade:
    """A criterion's level, 1 to 5, or None where this grader does not judge it."""

    level: int | None
    why: str


@dataclass(frozen=True, slots=True)
class SpokenError:
    """Something wrong that was said, in the candidate's words, and why it is wrong."""

    quote: str
    why: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """How it was said, counted by code; never part of the score."""

    words: int
    sentences: int
    fillers: int
    hedges: int


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice: the moment it is about, what to say instead, and one drill."""

    moment: str
    advice: str
    drill: str


@dataclass(frozen=True, slots=True)
class GradedBy:
    """Who gave a grade: `prompt` is the hash of the prompt and rubric, or of the calibration."""

    grader: str
    model: str
    prompt: str
    passages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a model grade took, and how many calls."""

    calls: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Grade:
    """What a grader makes of a thread. `score` is 0 to 100, or None with `ungraded_reason` set."""

    score: int | None
    graded_by: GradedBy
    ungraded_reason: str | None = None
    points: tuple[PointGrade, ...] = ()
    criteria: Mapping[str, CriterionGrade] = field(default_factory=dict)
    errors: tuple[SpokenError, ...] = ()
    delivery: Delivery | None = None
    advice: tuple[Advice, ...] = ()
    usage: Usage | None = None
    raw: str | None = None

    @property
    def graded(self) -> bool:
        """Whether there is a score."""
        return self.score is not None

    def of(self, point_id: str) -> PointGrade | None:
        """The grade of one point, None if it has none."""
        return next((point for point in self.points if point.id == point_id), None)


class Grader(Protocol):
    """Grades a thread as a whole. A failure is an ungraded Grade, not an exception."""

    @property
    def name(self) -> str:
        """Who this is, as shown beside a score."""
        ...

    def grade(self, thread: Thread, passages: Sequence[Passage]) -> Grade:
        """Grade all that was said in the thread."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def model_id(self) -> str:
        """Name and hash of the model; vectors of different ids are never compared."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a row, in the order of `texts`. Raises EmbeddingError."""
        ...


def to_json(value: Any) -> Any:
    """Turn a value of this module into plain JSON data, field by field."""
    from dataclasses import fields, is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value
