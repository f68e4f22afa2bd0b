"""Ask the model for an object or for words; what comes back is whole, or it says why not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from interviewer import prompts
from interviewer.errors import ModelError
from interviewer.types import Usage

from . import failures, limits
from .reading import strict_json

if TYPE_CHECKING:
    import openai
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage

Messages = Sequence[tuple[str, str]]
"""Role (`system`, `human` or `ai`) and text of each message, in order."""

_SILENT_S = 60.0  # for a model that was not made here and has no limit of its own

# How a server is asked for an object, from the strictest way to the one that every server knows.
_SCHEMA, _TOOL, _TEXT = "json_schema", "tool", "text"
_WAYS: Final = (_SCHEMA, _TOOL, _TEXT)

_EMPTY = "The model's answer is empty."
_CUT_OFF = "The model's answer was cut off at its length limit."
_FILTERED = "The model's answer was stopped by a content filter."


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer of a model: the object it holds, or the sentence that says why it holds none.

    `raw` is the text as it came, without the key.
    """

    parsed: Mapping[str, Any] | None
    raw: str
    usage: Usage
    fault: str | None = None


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
    words = failures.without_key(str(answer.text), model).strip()
    fault = _stopped(answer) or (None if words else _EMPTY)
    if fault:
        raise ModelError(f"{fault} Try again, or choose another INTERVIEWER_MODEL.")
    return words


def _exchange(
    model: BaseChatModel, way: str, schema: Mapping[str, Any], messages: Messages
) -> Exchange | None:
    """Ask in one way; None if the server does not know that way."""
    import openai

    last = way == _TEXT
    passing = failures.unusable if last else failures.unusable_or_unsupported
    try:
        with _asking(model, passing=passing):
            answer = _ask(model, way, schema, messages)
    except openai.LengthFinishReasonError as cut:
        return _cut_off(cut.completion, model)
    except openai.ContentFilterFinishReasonError:
        return Exchange(None, "", Usage(1, 0, 0), _FILTERED)
    except IndexError:
        return Exchange(None, "", Usage(1, 0, 0), _EMPTY)
    except openai.APIStatusError:
        return None
    raw = failures.without_key(_text(answer, way), model)
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
    return Exchange(None, failures.without_key(said, model), usage, _CUT_OFF)


def _clean(messages: Messages) -> list[tuple[str, str]]:
    """Replace halves of characters, as a damaged paste holds them; they cannot be sent."""
    return [(role, text.encode("utf-8", "replace").decode()) for role, text in messages]


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
    known = (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, LangChainException)
    # LangChain and the client raise plain errors where an answer lacks what the protocol promises.
    shape = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
    try:
        with limits.within(seconds):
            yield
    except (*known, *shape) as fault:
        if passing(fault):
            raise
        raise ModelError(failures.sentence(fault, model, seconds)) from None
