"""Hold a whole call of the model to its time and size.

The client's own time limit is for one silence on the wire, so that retries and a slow drip multiply
it. These hooks of its HTTP client bound the call; an openai error raised in them is not retried.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

LONGEST_ANSWER = 1_000_000  # bytes; a grade takes a few thousand
TOO_LONG = "too long"

_CONNECT_S = 10.0

_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give the calls of this thread, inside the block, so many seconds together."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def hold_to_time(request: httpx2.Request) -> None:
    """Let a request take what is left of the time. Raises APITimeoutError if nothing is."""
    import openai

    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise openai.APITimeoutError(request)
    limits = {name: min(limit, left) for name, limit in request.extensions["timeout"].items()}
    limits["connect"] = min(limits["connect"], _CONNECT_S)
    request.extensions["timeout"] = limits


def hold_to_size(response: httpx2.Response) -> None:
    """Stop a body that is too long or too slow, and a pause that would end too late."""
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
                    raise openai.APIError(TOO_LONG, response.request, body=None)
                if time.monotonic() > _deadline.get():
                    raise openai.APITimeoutError(response.request)
                yield chunk

        def close(self) -> None:
            assert isinstance(whole, httpx2.SyncByteStream)
            whole.close()

    return Bounded()
