"""Read a model's text as one JSON object, strictly."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from .limits import LONGEST_ANSWER

_MOST_DIGITS = 20
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


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
