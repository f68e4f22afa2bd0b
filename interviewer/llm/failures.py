"""Say in one or two sentences why the model gave nothing, and what to do; never with the key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .client import OPENAI_URL
from .limits import TOO_LONG

if TYPE_CHECKING:
    import openai
    from langchain_core.language_models import BaseChatModel

_SHORTEST_SECRET = 8  # a key such as “x” protects nothing, and its letters stand everywhere
_LONGEST_WORDS = 200  # characters of a server's own words
_SECRET = re.compile(r"\b(?:sk-|Bearer )\S+")
_NAMES_THE_WAY = re.compile(
    r"response_format|json_schema|structured|schema|grammar|tool|function", re.IGNORECASE
)


def sentence(fault: Exception, model: BaseChatModel, seconds: float) -> str:
    """Say in one or two sentences what failed and what to do."""
    import openai
    from langchain_core.exceptions import ContextOverflowError

    name = str(getattr(model, "model_name", "of this name"))
    match fault:
        case ContextOverflowError():
            return (
                f"This is more text than the model {name} reads. Choose another INTERVIEWER_MODEL."
            )
        case openai.AuthenticationError():
            return "The server refused the key. Check OPENAI_API_KEY."
        case openai.PermissionDeniedError():
            return f"The key may not use the model {name}. Check its rights, or INTERVIEWER_MODEL."
        case openai.NotFoundError():
            return (
                f"The {_server(model)} has no model {name}. "
                "Set INTERVIEWER_MODEL to one it has, or check OPENAI_BASE_URL."
            )
        case openai.RateLimitError() if "insufficient_quota" in (fault.code, fault.type):
            return (
                "The account of this key is out of credit. Add credit, or use the embedded grader."
            )
        case openai.RateLimitError():
            return "The server takes no more requests for now. Wait a moment, then try again."
        case openai.APITimeoutError():
            return (
                f"The model did not answer within {seconds:g} seconds. "
                "Try again, or raise INTERVIEWER_TIMEOUT."
            )
        case openai.APIConnectionError():
            return _unreachable(fault, model)
        case openai.APIStatusError(status_code=status) if status >= 500:
            return f"The {_server(model)} failed (status {status}). Try again later."
        case openai.APIStatusError(status_code=status):
            return (
                f"The {_server(model)} refused the request (status {status}): "
                f"{_their_words(fault, model)} Check INTERVIEWER_MODEL and OPENAI_BASE_URL."
            )
        case openai.APIError() if fault.message == TOO_LONG:
            return f"The {_server(model)} sent more than a megabyte. Check OPENAI_BASE_URL."
        case openai.OpenAIError():
            return f"The call of the model failed ({type(fault).__name__}). Check its settings."
    return f"What the {_server(model)} sent is not a model's answer. Check OPENAI_BASE_URL."


def without_key(text: str, model: BaseChatModel) -> str:
    """Blank the key, should a server repeat it, and halves of characters."""
    secret = getattr(model, "openai_api_key", None)
    key = secret.get_secret_value() if secret is not None else ""
    if len(key) >= _SHORTEST_SECRET:
        text = text.replace(key, "[key]")
    return text.encode("utf-8", "replace").decode()


def unusable(fault: Exception) -> bool:
    """Whether an answer came that is only a part, or nothing (an empty list of choices)."""
    import openai

    kinds = (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError, IndexError)
    return isinstance(fault, kinds)


def unusable_or_unsupported(fault: Exception) -> bool:
    """Also whether the server says that it cannot answer in the form asked for."""
    import openai

    other = (openai.AuthenticationError, openai.PermissionDeniedError, openai.RateLimitError)
    if not isinstance(fault, openai.APIStatusError) or isinstance(fault, other):
        return unusable(fault)
    return bool(_NAMES_THE_WAY.search(str(fault.body or fault.message)))


def _unreachable(fault: openai.APIConnectionError, model: BaseChatModel) -> str:
    import ssl

    import httpx2

    causes: list[BaseException] = [fault]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and cause not in causes:
        causes.append(cause)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return f"The certificate of the {_server(model)} cannot be trusted. Check OPENAI_BASE_URL."
    if any(isinstance(cause, httpx2.ConnectError) for cause in causes):
        return f"The {_server(model)} cannot be reached. Check the network and OPENAI_BASE_URL."
    return f"The {_server(model)} broke the connection off. Try again."


def _server(model: BaseChatModel) -> str:
    """Name the host and port only: an address may hold a password."""
    parts = urlsplit(str(getattr(model, "openai_api_base", None) or OPENAI_URL))
    port = f":{parts.port}" if parts.port else ""
    return f"server at {parts.hostname}{port}"


def _their_words(fault: openai.APIStatusError, model: BaseChatModel) -> str:
    body = fault.body
    told = body.get("message") if isinstance(body, dict) else None
    words = without_key(" ".join(str(told or "no reason given").split()), model)
    words = _SECRET.sub("[key]", words)
    return words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]} …"
