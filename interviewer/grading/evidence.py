"""What the windows of one reply show about each point of a question, as a handful of numbers.

Vectors have the directions of what the interviewer asked taken out, so that saying the question
again is like nothing at all; what remains is compared with each claim and with its wrong versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from interviewer.types import Embedder, Question

from . import signals
from .clauses import Window, plain, sentences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

# What is left of a vector without the asked directions is not blown up beyond this factor.
SMALLEST_REST = 0.5
RELEVANT = 0.3  # similarity from which a window weighs in the lean of a reply
HEARD = 0.15  # share of a point's words from which the lean of the whole reply touches it
UNLIKE = 0.35  # cosine of two words that have nothing to do with each other
LITTLE = 0.02  # weight of "no lean", so that faint similarities do not shout


@dataclass(frozen=True, slots=True)
class Evidence:
    """The features of one point, with the windows that they come from.

    `flipped` is set where `best` is the claim with its direction turned round.
    `best` is the window most like the claim, `worst` the one most like a wrong version, `wrong`
    that version. Similarities are cosines, -1 to 1; overlaps 0 to 1.
    """

    features: Mapping[str, float]
    best: Window
    worst: Window
    wrong: str | None
    flipped: bool = False


def contrast(
    question: Question, windows: Sequence[Window], asked: str, embedder: Embedder
) -> list[Evidence]:
    """Compare with what each point says and also says, against its wrong versions.

    `asked` is what the windows answer. Needs a window, and a wrong version in the question.
    """
    import numpy as np

    pool = [text for point in question.points for text in point.wrong]
    right_texts = [[point.says, *point.also] for point in question.points]
    wrong_texts = [list(point.wrong) or pool for point in question.points]
    space = _Space(embedder, question.text, asked)
    said = space.vectors([window.read for window in windows])
    right_vectors = [space.vectors(texts) for texts in right_texts]
    wrong_vectors = [space.vectors(texts) for texts in wrong_texts]
    right = np.stack([(said @ vectors.T).max(axis=1) for vectors in right_vectors], axis=1)
    wrong = np.stack([(said @ vectors.T).max(axis=1) for vectors in wrong_vectors], axis=1)
    reference = _by_point(question, space, [vectors[:1] for vectors in right_vectors])
    words = _Words(embedder, question.text)
    whole = whole_reply(windows)
    ignored = signals.content(question.text)
    lean = _lean(right.max(axis=1), wrong.max(axis=1))
    found = []
    for number in range(len(question.points)):
        near, far = right[:, number], wrong[:, number]
        best, worst = int(near.argmax()), int(far.argmax())
        claim = _nearest(said[best], right_vectors[number], right_texts[number])
        mistake = _nearest(said[worst], wrong_vectors[number], wrong_texts[number])
        axis = right_vectors[number].mean(axis=0) - wrong_vectors[number].mean(axis=0)
        middle = (right_vectors[number].mean(axis=0) + wrong_vectors[number].mean(axis=0)) / 2
        axis /= max(float(np.linalg.norm(axis)), 1e-6)
        covered = words.covered(question.points[number].says, whole)
        features = {
            "claim_over_mistake": near[best] - far[best],
            "own_claim": near[best] - _best_other(right, number, best),
            "own_mistake": far[worst] - _best_other(wrong, number, worst),
            "answer": float((said @ reference[number].T).max()),
            "words": covered,
            "words_over_mistake": _most(words, right_texts[number], windows[best])
            - _most(words, wrong_texts[number], windows[best]),
            "turned": _shared(right_texts[number], windows[best], ignored)
            * signals.polarity(windows[best].plain, claim),
            "mistake_turned": signals.overlap(mistake, windows[worst].plain, ignored)
            * signals.polarity(windows[worst].plain, mistake),
            "axis": float((said[best] - middle) @ axis),
            "point_lean": _lean(near, far),
            "lean_where_heard": lean * max(0.0, covered - HEARD),
        }
        found.append(
            Evidence(
                {name: float(value) for name, value in features.items()},
                windows[best],
                windows[worst],
                mistake if question.points[number].wrong else None,
                _flipped(windows[best], right_texts[number]),
            )
        )
    return found


def similarity(
    question: Question, windows: Sequence[Window], asked: str, embedder: Embedder
) -> list[Evidence]:
    """Compare with the points and the whole answer alone, where no wrong versions are written."""
    import numpy as np

    space = _Space(embedder, question.text, asked)
    texts = [[point.says, *point.also] for point in question.points]
    said = space.vectors([window.read for window in windows])
    claims = [space.vectors(group) for group in texts]
    near = np.stack([(said @ vectors.T).max(axis=1) for vectors in claims], axis=1)
    ignored = signals.content(question.text)
    whole = whole_reply(windows)
    as_whole = float((embedder.embed([whole]) @ embedder.embed([question.answer]).T)[0, 0])
    words = _Words(embedder, question.text)
    covered = signals.overlap(question.answer, whole, ignored)
    to_the_point = signals.overlap(whole, question.answer, ignored)
    found = []
    for number, point in enumerate(question.points):
        best = int(near[:, number].argmax())
        claim = _nearest(said[best], claims[number], texts[number])
        features = {
            "claim": near[best, number],
            "words": max(_shared(texts[number], window, ignored) for window in windows),
            "like_words": words.covered(point.says, whole),
            "turned": _shared(texts[number], windows[best], ignored)
            * signals.polarity(windows[best].plain, claim),
            "numbers": float(signals.numbers_differ(whole, point.says)),
            "whole": as_whole,
            "covered": covered,
            "to_the_point": to_the_point,
        }
        features = {name: float(value) for name, value in features.items()}
        flipped = _flipped(windows[best], texts[number])
        found.append(Evidence(features, windows[best], windows[best], None, flipped))
    return found


def whole_reply(windows: Sequence[Window]) -> str:
    """Return the text of the sentences that the windows were cut from."""
    longest: dict[tuple[int, int], str] = {}
    for window in windows:
        if window.sentences[0] == window.sentences[1]:
            kept = longest.get(window.sentences, "")
            longest[window.sentences] = max(kept, window.plain, key=len)
    return ". ".join(longest[place] for place in sorted(longest))


class _Space:
    """The vector space of one turn: what the question and the turn ask is taken out of it."""

    def __init__(self, embedder: Embedder, question: str, asked: str) -> None:
        import numpy as np

        self._embedder = embedder
        told = [plain(question)] if asked == question else [plain(question), plain(asked)]
        vectors = embedder.embed(told).astype(np.float64)
        self._asked = np.linalg.qr(vectors.T)[0]

    def vectors(self, texts: Sequence[str]) -> Matrix:
        import numpy as np

        rows = self._embedder.embed([plain(text) for text in texts]).astype(np.float64)
        rest = rows - (rows @ self._asked) @ self._asked.T
        size = np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), SMALLEST_REST)
        lifted: Matrix = rest / size
        return lifted


class _Words:
    """Single words, compared by meaning: how much of a claim's vocabulary was said in any words."""

    def __init__(self, embedder: Embedder, question: str) -> None:
        self._embedder = embedder
        self._asked = frozenset(signals.content_words(question))

    def covered(self, claim: str, said: str) -> float:
        """Return the share, 0 to 1, of the claim's content words that have a like one in `said`."""
        import numpy as np

        wanted, there = signals.content_words(claim), signals.content_words(said)
        if not wanted or not there:
            return 0.0
        near = self._embedder.embed(wanted) @ self._embedder.embed(there).T
        like = np.clip((near.max(axis=1) - UNLIKE) / (1 - UNLIKE), 0, 1)
        weight = np.array([1 / 3 if word in self._asked else 1.0 for word in wanted])
        return float((like * weight).sum() / weight.sum())


def _most(words: _Words, claims: Sequence[str], window: Window) -> float:
    return max(words.covered(claim, window.plain) for claim in claims)


def _lean(right: Matrix, wrong: Matrix) -> float:
    """Return how far the windows lean to right (above 0) or wrong; the relevant ones weigh most."""
    import numpy as np

    weight = np.clip(np.maximum(right, wrong) - RELEVANT, 0, None) ** 2
    return float(((right - wrong) * weight).sum() / (weight.sum() + LITTLE))


def _best_other(table: Matrix, column: int, row: int) -> float:
    others = [float(table[row, other]) for other in range(table.shape[1]) if other != column]
    return max(others, default=0.0)


def _by_point(question: Question, space: _Space, says: Sequence[Matrix]) -> list[Matrix]:
    """Return for each point the vectors of the answer's sentences that are nearest to it."""
    import numpy as np

    claims = np.concatenate(says)
    parts = [span.of(question.answer) for span in sentences(question.answer)]
    if not parts:
        return list(says)
    vectors = space.vectors(parts)
    owner = (vectors @ claims.T).argmax(axis=1)
    own = [vectors[owner == number] for number in range(len(says))]
    return [found if len(found) else claim for found, claim in zip(own, says, strict=True)]


def _nearest(vector: Matrix, vectors: Matrix, texts: Sequence[str]) -> str:
    return texts[int((vectors @ vector).argmax())]


def _flipped(window: Window, claims: Sequence[str]) -> bool:
    return any(signals.flipped(window.plain, claim) for claim in claims)


def _shared(claims: Sequence[str], window: Window, ignored: frozenset[str]) -> float:
    return max(signals.overlap(claim, window.plain, ignored) for claim in claims)
