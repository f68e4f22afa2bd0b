"""Remembers the vectors of texts that are asked for over and over, such as the points of a bank."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CAPACITY = 4096  # texts; 6 MB of vectors at 384 dimensions


class VectorCache:
    """The most recently used vectors, at most `capacity`; safe to share between threads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def rows(
        self, texts: Sequence[str], compute: Callable[[list[str]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Return one row for each text; `compute` is asked once for those not remembered.

        `texts` must not be empty. Two threads may compute the same text at once; both get its row.
        """
        import numpy as np

        found: dict[str, NDArray[np.float32]] = {}
        with self._lock:
            for text in texts:
                if text in self._vectors:
                    self._vectors.move_to_end(text)
                    found[text] = self._vectors[text]
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            found.update(zip(missing, compute(missing), strict=True))
            self._remember({text: found[text] for text in missing})
        return np.stack([found[text] for text in texts])

    def _remember(self, vectors: dict[str, NDArray[np.float32]]) -> None:
        with self._lock:
            for text, vector in vectors.items():
                self._vectors[text] = vector.copy()  # a view would keep its whole batch alive
            while len(self._vectors) > self._capacity:
                self._vectors.popitem(last=False)
