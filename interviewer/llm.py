"""The language model: the only module that knows the openai client and LangChain's provider.

It makes the model, asks it for an object of a JSON schema or for words, and turns every failure
into one sentence with a remedy. It switches no tracing on, and it always names the server itself,
so that LANGSMITH_GATEWAY cannot send a reply elsewhere.
"""

from __future__ import annotations

import json
import math
import re
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from . import prompts
from .errors import ModelError
from .settings import Settings
from .types import Usage

if TYPE_CHECKING:
    import httpx2
    import openai
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage

Messages = Sequence[tuple[str, str]]
"""Role (`system`, `human` or `ai`) and text of each message, in order."""

RETRIES = 2  # the client's own, and the only ones
LONGEST_ANSWER = 1_000_000  # bytes; a grade takes a few thousand
OPENAI_URL = "https://api.openai.com/v1"

_CONNECT_S = 10.0
_SILENT_S = 60.0  # for a model that was not made here and has no limit of its own
_NO_KEY = "no-key-was-set"  # servers on one's own machine want none, the client wants some
_SHORTEST_SECRET = 8  # a key such as “x” protects nothing, and its letters stand everywhere
_REASONING = re.compile(r"(?:gpt-(?:[5-9]|\d\d)(?!.*chat)|o\d)", re.IGNORECASE)

# How a server is asked for an object, from the strictest way to the one that every server knows.
_SCHEMA, _TOOL, _TEXT = "json_schema", "tool", "text"
_WAYS: Final = (_SCHEMA, _TOOL, _TEXT)
_NAMES_THE_WAY = re.compile(
    r"response_format|json_schema|structured|schema|grammar|tool|function", re.IGNORECASE
)

_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)

_MOST_DIGITS = 20

_EMPTY = "The model's answer is empty."
_CUT_OFF = "The model's answer was cut off at its length limit."
_FILTERED = "The model's answer was stopped by a content filter."

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer of a model: the object it holds, or the sentence that says why it holds none.

    `raw` is the text as it came, without the key.
    """

    parsed: Mapping[str, Any] | None
    raw: str
    usage: Usage
    fault: str | None = None


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
    client = DefaultHttpxClient(event_hooks={"request": [_limit_time], "response": [_limit_size]})
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


def structured(model: BaseChatModel, schema: Mapping[str, Any], messages: Messages) -> Exchange:
    """Ask for an object of the JSON schema, which has a `title`; nothing is validated against it.

    A server without JSON schemas is asked for a tool call, one without tools for a fenced block;
    the model remembers what its server can do. Raises ModelError if no answer came.
    """
    known = (model.metadata or {}).get("structured", _SCHEMA)
    for way in _WAYS[_WAYS.index(known) :]:
        exchange = _exchange(model, way, schema, messages)
        if exchange is not None:
            model.metadata = {**(model.metadata or {}), "structured": way}
            return exchange
    raise AssertionError("the last way cannot be unsupported")


def say(model: BaseChatModel, messages: Messages) -> str:
    """Ask for words. Raises ModelError if none came, or only a part, or a refusal."""
    with _asking(model):
        answer = model.invoke(_clean(messages))
    words = _without_key(str(answer.text), model).strip()
    fault = _stopped(answer) or (None if words else _EMPTY)
    if fault:
        raise ModelError(f"{fault} Try again, or choose another INTERVIEWER_MODEL.")
    return words


def strict_json(text: str) -> dict[str, Any]:
    """Read one JSON object, bare or as the only fenced block of a text.

    Raises ValueError, with a sentence, for anything that two readers might read differently:
    repeated names, NaN, huge numbers, halves of characters, endless nesting, a second object.
    """
    if len(text) > LONGEST_ANSWER:
        raise ValueError("it is too long")
    text = _THOUGHT.sub("", text).strip()
    if not text.startswith("{"):
        blocks = _FENCED.findall(text)
        if len(blocks) != 1:
            raise ValueError("it is prose, not one JSON object")
        text = blocks[0]
    try:
        found = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_whole,
        )
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half a character") from None
    except json.JSONDecodeError as fault:
        raise ValueError(f"it is not JSON ({fault.msg} at character {fault.pos})") from None
    if not isinstance(found, dict):
        raise ValueError("it is not an object")
    return found


# Settings ------------------------------------------------------------------------------------


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


# Asking --------------------------------------------------------------------------------------


def _exchange(
    model: BaseChatModel, way: str, schema: Mapping[str, Any], messages: Messages
) -> Exchange | None:
    """Ask in one way; None if the server does not know that way."""
    import openai

    try:
        with _asking(model, passing=_unusable if way == _TEXT else _unusable_or_unsupported):
            answer = _ask(model, way, schema, messages)
    except openai.LengthFinishReasonError as cut:
        return _cut_off(cut.completion, model)
    except openai.ContentFilterFinishReasonError:
        return Exchange(None, "", Usage(1, 0, 0), _FILTERED)
    except IndexError:
        return Exchange(None, "", Usage(1, 0, 0), _EMPTY)
    except openai.APIStatusError:
        return None
    raw = _without_key(_text(answer, way), model)
    used = answer.usage_metadata
    usage = Usage(1, used["input_tokens"], used["output_tokens"]) if used else Usage(1, 0, 0)
    fault = _stopped(answer) or (None if raw.strip() else _EMPTY)
    if fault:
        return Exchange(None, raw, usage, fault)
    try:
        return Exchange(strict_json(raw), raw, usage)
    except ValueError as wrong:
        return Exchange(None, raw, usage, f"The model's answer cannot be read: {wrong}.")


def _ask(
    model: BaseChatModel, way: str, schema: Mapping[str, Any], messages: Messages
) -> AIMessage:
    name = str(schema["title"])
    told = _clean(messages)
    if way == _SCHEMA:
        # Not `with_structured_output`: its parser closes open brackets, so that half an answer
        # would pass for a whole one. What is sent is the same.
        form = {"name": name, "schema": dict(schema), "strict": True}
        return model.bind(response_format={"type": "json_schema", "json_schema": form}).invoke(told)
    if way == _TOOL:
        return model.bind_tools([dict(schema)], tool_choice=name, strict=True).invoke(told)
    form_told = prompts.render("json-block.md", schema=json.dumps(schema, indent=1))
    role, first = told[0]
    return model.invoke([(role, f"{first}\n\n{form_told}"), *told[1:]])


def _text(answer: AIMessage, way: str) -> str:
    if way == _TOOL and answer.tool_calls:
        return json.dumps(answer.tool_calls[0]["args"], ensure_ascii=False)
    if way == _TOOL and answer.invalid_tool_calls:
        return answer.invalid_tool_calls[0]["args"] or ""
    return str(answer.text)


def _stopped(answer: AIMessage) -> str | None:
    """Return why the answer is not a whole answer, None if it is one."""
    if answer.additional_kwargs.get("refusal"):
        return "The model refused to answer."
    reason = answer.response_metadata.get("finish_reason")
    return {"length": _CUT_OFF, "content_filter": _FILTERED}.get(str(reason))


def _cut_off(completion: openai.types.chat.ChatCompletion, model: BaseChatModel) -> Exchange:
    used = completion.usage
    usage = Usage(1, used.prompt_tokens, used.completion_tokens) if used else Usage(1, 0, 0)
    said = completion.choices[0].message.content or ""
    return Exchange(None, _without_key(said, model), usage, _CUT_OFF)


def _clean(messages: Messages) -> list[tuple[str, str]]:
    """Replace halves of characters, as a damaged paste holds them; they cannot be sent."""
    return [(role, text.encode("utf-8", "replace").decode()) for role, text in messages]


def _without_key(text: str, model: BaseChatModel) -> str:
    """Blank the key, should a server repeat it, and halves of characters."""
    secret = getattr(model, "openai_api_key", None)
    key = secret.get_secret_value() if secret is not None else ""
    if len(key) >= _SHORTEST_SECRET:
        text = text.replace(key, "[key]")
    return text.encode("utf-8", "replace").decode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it gives one name twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number is too large")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


# Limits --------------------------------------------------------------------------------------
# The client's time limit is for one silence on the wire, so that retries and a slow drip multiply
# it. These hooks hold the whole call to it; an openai error raised here is not retried.


def _limit_time(request: httpx2.Request) -> None:
    import openai

    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise openai.APITimeoutError(request)
    limits = {name: min(limit, left) for name, limit in request.extensions["timeout"].items()}
    limits["connect"] = min(limits["connect"], _CONNECT_S)
    request.extensions["timeout"] = limits


def _limit_size(response: httpx2.Response) -> None:
    pause = response.headers.get("retry-after", "")
    if pause.isdigit() and time.monotonic() + int(pause) > _deadline.get():
        response.headers["x-should-retry"] = "false"
    response.stream = _bounded(response)


def _bounded(response: httpx2.Response) -> Any:
    import httpx2
    import openai

    whole = response.stream

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            size = 0
            assert isinstance(whole, httpx2.SyncByteStream)
            for chunk in whole:
                size += len(chunk)
                if size > LONGEST_ANSWER:
                    raise openai.APIError("too long", response.request, body=None)
                if time.monotonic() > _deadline.get():
                    raise openai.APITimeoutError(response.request)
                yield chunk

        def close(self) -> None:
            assert isinstance(whole, httpx2.SyncByteStream)
            whole.close()

    return Bounded()


# Failures ------------------------------------------------------------------------------------


@contextmanager
def _asking(
    model: BaseChatModel, *, passing: Callable[[Exception], bool] = lambda _: False
) -> Iterator[None]:
    """Hold one call to its time, and translate what it raises, save what `passing` accepts.

    The cause is dropped on purpose: a server may repeat the key in its words.
    """
    import httpx2
    import openai
    from langchain_core.exceptions import LangChainException

    seconds = float(getattr(model, "request_timeout", None) or _SILENT_S)
    token = _deadline.set(time.monotonic() + seconds)
    known = (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, LangChainException)
    # LangChain and the client raise plain errors where an answer lacks what the protocol promises.
    shape = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
    try:
        yield
    except (*known, *shape) as fault:
        if passing(fault):
            raise
        raise ModelError(_sentence(fault, model, seconds)) from None
    finally:
        _deadline.reset(token)


def _unusable(fault: Exception) -> bool:
    """Whether an answer came that is only a part, or nothing (an empty list of choices)."""
    import openai

    kinds = (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError, IndexError)
    return isinstance(fault, kinds)


def _unusable_or_unsupported(fault: Exception) -> bool:
    """Also whether the server says that it cannot answer in the form asked for."""
    import openai

    other = (openai.AuthenticationError, openai.PermissionDeniedError, openai.RateLimitError)
    if not isinstance(fault, openai.APIStatusError) or isinstance(fault, other):
        return _unusable(fault)
    return bool(_NAMES_THE_WAY.search(str(fault.body or fault.message)))


def _sentence(fault: Exception, model: BaseChatModel, seconds: float) -> str:
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
        case openai.APIError() if fault.message == "too long":
            return f"The {_server(model)} sent more than a megabyte. Check OPENAI_BASE_URL."
        case openai.OpenAIError():
            return f"The call of the model failed ({type(fault).__name__}). Check its settings."
    return f"What the {_server(model)} sent is not a model's answer. Check OPENAI_BASE_URL."


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
    words = _without_key(" ".join(str(told or "no reason given").split()), model)
    words = re.sub(r"\b(?:sk-|Bearer )\S+", "[key]", words)
    return words if len(words) <= 200 else f"{words[:200]} …"
