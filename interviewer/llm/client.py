"""Make the model from the settings: its key, its server, how it samples, how often it retries."""

from __future__ import annotations

import re
import warnings
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from interviewer.errors import ModelError
from interviewer.settings import Settings

from . import limits

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

OPENAI_URL = "https://api.openai.com/v1"
RETRIES = 2  # the client's own, and the only ones

_NO_KEY = "no-key-was-set"  # servers on one's own machine want none, the client wants some
_REASONING = re.compile(r"(?:gpt-(?:[5-9]|\d\d)(?!.*chat)|o\d)", re.IGNORECASE)


def chat_model(settings: Settings, model: str | None = None, **options: Any) -> BaseChatModel:
    """Return the model called `model` (by default the one that is set), ready to be asked.

    `options` go to ChatOpenAI. The key and the server come from the settings alone; a call, its
    retries included, takes `settings.timeout_s` seconds at most, and as long as one pause that the
    server asked for. Raises ModelError if there is no key or the settings cannot be used.
    """
    name = model or settings.model
    key, url = _key(settings), _url(settings)
    from langchain_openai import ChatOpenAI
    from openai import DefaultHttpxClient
    from pydantic import SecretStr

    # LangChain prints a warning where a server lacks JSON schemas; here that is an expected case.
    for said in ("This model does not support OpenAI's structured", "Invalid schema for OpenAI's"):
        warnings.filterwarnings("ignore", message=said)
    client = DefaultHttpxClient(
        event_hooks={"request": [limits.hold_to_time], "response": [limits.hold_to_size]}
    )
    defaults: dict[str, Any] = {"reasoning_effort": "low"} if _reasons(name) else {"temperature": 0}
    chat = ChatOpenAI(
        model=name,
        api_key=SecretStr(key),
        base_url=url,
        timeout=settings.timeout_s,
        max_retries=RETRIES,
        http_client=client,
        openai_proxy=None,
        **{**defaults, **options},
    )
    weakref.finalize(chat, client.close)
    return chat


def _key(settings: Settings) -> str:
    key = settings.api_key.strip()
    if not key and not settings.base_url:
        raise ModelError(
            "There is no key for the model. Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server "
            "of your own, or use --grader embedded."
        )
    if not (key.isascii() and key.isprintable()):
        raise ModelError("OPENAI_API_KEY holds a character that no key has. Copy it once more.")
    return key or _NO_KEY


def _url(settings: Settings) -> str:
    url = settings.base_url.strip() or OPENAI_URL
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable():
        raise ModelError(
            "OPENAI_BASE_URL is not the address of a server. "
            "It looks like this: http://localhost:11434/v1."
        )
    return url


def _reasons(model: str) -> bool:
    return bool(_REASONING.match(model.rpartition("/")[2]))
