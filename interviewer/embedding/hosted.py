"""Embeddings from OpenAI or any server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from interviewer.errors import EmbeddingError

from .cache import VectorCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from openai import OpenAI, OpenAIError

MAX_BATCH = 64  # texts a request; 64 of the longest stay well below the hosted limit of tokens
MAX_CHARACTERS = 6_000  # below the 8,191 tokens that hosted models read

_HOSTED = "api.openai.com"
_INSTEAD = "Or use the embedded model: INTERVIEWER_EMBEDDING=embedded."


class OpenAIEmbedder:
    """Embeds through a server. Nothing is sent before the first text; safe to share by threads.

    `timeout` is seconds a request. Without a `base_url`, OpenAI itself is asked.
    """

    def __init__(
        self, model: str, *, api_key: str, base_url: str = "", timeout: float = 60
    ) -> None:
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._timeout = timeout
        self._cache = VectorCache()
        self._connecting = Lock()
        self._host = urlsplit(base_url).hostname or base_url or _HOSTED

    @property
    def model_id(self) -> str:
        """The model and the host that runs it: servers give one name to different weights."""
        return f"{self._model}@{self._host}"

    @cached_property
    def dimension(self) -> int:
        """Length of a vector, learned from the server. Raises EmbeddingError."""
        return int(self.embed(["dimension"]).shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a row. Raises EmbeddingError, which never holds the key."""
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return self._cache.rows([_sendable(text) for text in texts], self._compute)

    @cached_property
    def _client(self) -> OpenAI:
        from openai import OpenAI

        if not (self._api_key or self._base_url):
            raise EmbeddingError(f"No key for embeddings: set OPENAI_API_KEY. {_INSTEAD}")
        return OpenAI(
            api_key=self._api_key or "none",  # local servers want no key, the client wants one
            base_url=self._base_url or None,
            timeout=self._timeout,
        )

    def _compute(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np

        parts = [
            self._request(texts[start : start + MAX_BATCH])
            for start in range(0, len(texts), MAX_BATCH)
        ]
        return np.concatenate(parts)

    def _request(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np
        from openai import OpenAIError

        with self._connecting:
            client = self._client
        try:
            answer = client.embeddings.create(
                model=self._model, input=texts, encoding_format="float"
            )
            items = sorted(answer.data, key=lambda item: item.index)
            vectors = np.array([item.embedding for item in items], dtype=np.float32)
        except OpenAIError as fault:
            raise EmbeddingError(f"{self._sentence(fault)} {_INSTEAD}") from None
        except (AttributeError, TypeError, ValueError) as fault:
            raise EmbeddingError(f"{self._host} did not answer with vectors. {_INSTEAD}") from fault
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not _usable(lengths):
            raise EmbeddingError(f"{self._host} did not answer with one vector a text. {_INSTEAD}")
        unit: NDArray[np.float32] = vectors / lengths
        return unit

    def _sentence(self, fault: OpenAIError) -> str:
        import openai

        match fault:
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return f"{self._host} refused the key for embeddings: check OPENAI_API_KEY."
            case openai.NotFoundError():
                return f"{self._host} has no embedding model “{self._model}”: choose another one."
            case openai.RateLimitError():
                return f"{self._host} has no quota left for embeddings: wait, or check the account."
            case openai.APITimeoutError():
                return f"{self._host} did not answer within {self._timeout:g} s: try again later."
            case openai.APIConnectionError():
                return f"{self._host} cannot be reached: check the network and OPENAI_BASE_URL."
            case openai.APIStatusError(status_code=code):
                return f"{self._host} failed to embed (HTTP {code}): try again later."
        return f"{self._host} failed to embed ({type(fault).__name__}): try again later."


def _sendable(text: str) -> str:
    """Cut to what is read; an empty text, which servers refuse, becomes a full stop."""
    clean = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    return clean if clean.strip() else "."


def _usable(lengths: NDArray[np.float32]) -> bool:
    import numpy as np

    return bool(np.all(np.isfinite(lengths)) and np.all(lengths > 0))
