"""Sentence embeddings: the embedded model by default, an OpenAI-compatible server if chosen."""

from __future__ import annotations

from interviewer.errors import SettingsError
from interviewer.settings import DEFAULT_EMBEDDING_MODEL, EMBEDDED, Settings
from interviewer.types import Embedder

from .embedded import EmbeddedEmbedder
from .hosted import OpenAIEmbedder

__all__ = ["EmbeddedEmbedder", "OpenAIEmbedder", "embedder"]


def embedder(settings: Settings) -> Embedder:
    """Return the embedder that the setting `embedding` names; loads nothing yet.

    Raises SettingsError if it is none of `embedded`, `openai` and `openai:MODEL`.
    """
    chosen, _, model = settings.embedding.partition(":")
    if chosen == EMBEDDED and not model:
        return EmbeddedEmbedder()
    if chosen == "openai":
        return OpenAIEmbedder(
            model or DEFAULT_EMBEDDING_MODEL,
            api_key=settings.api_key,
            base_url=settings.base_url,
            timeout=settings.timeout_s,
        )
    raise SettingsError(
        f"The setting embedding is {settings.embedding!r}; "
        "it must be embedded, openai, or openai:MODEL."
    )
