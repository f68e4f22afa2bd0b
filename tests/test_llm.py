"""The real openai client and the real LangChain model against servers that answer every way."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from interviewer import llm
from interviewer.errors import ModelError
from interviewer.settings import Settings

KEY = "sk-canary-5f0c2d7a9b"
SCHEMA = {
    "title": "color",
    "type": "object",
    "properties": {"color": {"type": "string"}},
    "required": ["color"],
    "additionalProperties": False,
}
ASKED = [("system", "You name colors."), ("human", "Name one.")]
SOON = {"retry-after-ms": "1"}  # the client waits as long as it is told to


@pytest.fixture
def settings(tmp_path: Path, httpserver: HTTPServer) -> Settings:
    return Settings(
        home=tmp_path, model="m", timeout_s=20, api_key=KEY, base_url=httpserver.url_for("/v1")
    )


def completion(content: str | None, *, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def answers(server: HTTPServer, *bodies: Any, status: int = 200, **headers: str) -> None:
    """Let the server give these bodies, one after the other, the last one for ever."""
    left = list(bodies)

    def reply(_request: Request) -> Response:
        body = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(body, Response):
            return body
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        return Response(text, status, {**SOON, **headers}, content_type=kind)

    server.expect_request("/v1/chat/completions").respond_with_handler(reply)


def refusal(status: int, message: str, code: str | None = None) -> Response:
    body = {"error": {"message": message, "type": code, "code": code}}
    return Response(json.dumps(body), status, SOON, content_type="application/json")


def sent(server: HTTPServer) -> list[dict[str, Any]]:
    return [json.loads(request.data) for request, _ in server.log]


# What is sent -----------------------------------------------------------------------------------


def test_an_object_is_asked_for_with_a_strict_schema(
    settings: Settings, httpserver: HTTPServer
) -> None:
    answers(httpserver, completion('{"color": "red"}'))
    exchange = llm.structured(llm.chat_model(settings), SCHEMA, ASKED)
    assert exchange.parsed == {"color": "red"}
    assert exchange.fault is None
    assert (exchange.usage.calls, exchange.usage.input_tokens, exchange.usage.output_tokens) == (
        1,
        7,
        3,
    )
    (body,) = sent(httpserver)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "color", "schema": SCHEMA, "strict": True},
    }
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert httpserver.log[0][0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("gpt-6-luna", True),
        ("openai/gpt-5.4-mini", True),
        ("o3", True),
        ("gpt-5-chat-latest", False),
        ("gpt-4o", False),
        ("olmo-2", False),
        ("qwen2.5:7b", False),
    ],
)
def test_only_models_that_do_not_reason_are_sent_a_temperature(
    settings: Settings, httpserver: HTTPServer, model: str, reasons: bool
) -> None:
    answers(httpserver, completion("hello"))
    llm.say(llm.chat_model(settings, model), ASKED)
    (body,) = sent(httpserver)
    assert body["model"] == model
    assert ("temperature" in body) is not reasons
    assert body.get("reasoning_effort") == ("low" if reasons else None)


def test_a_server_of_ones_own_needs_no_key(settings: Settings, httpserver: HTTPServer) -> None:
    from dataclasses import replace

    answers(httpserver, completion("hello"))
    assert llm.say(llm.chat_model(replace(settings, api_key="")), ASKED) == "hello"


def test_the_environment_cannot_send_a_reply_to_another_server(
    settings: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANGSMITH_GATEWAY", "OPENAI_API_BASE", "OPENAI_BASE_URL", "OPENAI_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/elsewhere")
    monkeypatch.setenv("LANGSMITH_GATEWAY_API_KEY", "lsv2_other")
    answers(httpserver, completion("hello"))
    assert llm.say(llm.chat_model(settings), ASKED) == "hello"
    from dataclasses import replace

    bare = llm.chat_model(replace(settings, base_url=""))
    assert getattr(bare, "openai_api_base") == llm.OPENAI_URL  # noqa: B009


def test_half_a_character_in_a_paste_does_not_stop_the_call(
    settings: Settings, httpserver: HTTPServer
) -> None:
    answers(httpserver, completion("hello"))
    assert llm.say(llm.chat_model(settings), [("human", "a\ud800b")]) == "hello"
    assert sent(httpserver)[0]["messages"][0]["content"] == "a?b"


# Servers that lack JSON schemas ----------------------------------------------------------------


def tool_call(arguments: str) -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "color", "arguments": arguments}}
    return completion(None, finish="tool_calls", tool_calls=[call])


def by_way(server: HTTPServer, *, tools: bool, text: str = "") -> None:
    def reply(request: Request) -> Response:
        body = json.loads(request.data)
        if "response_format" in body:
            return refusal(400, "'response_format' of type 'json_schema' is not supported")
        if "tools" in body and not tools:
            return refusal(400, "this server does not support tools")
        answer = tool_call('{"color": "blue"}') if tools else completion(text)
        return Response(json.dumps(answer), content_type="application/json")

    server.expect_request("/v1/chat/completions").respond_with_handler(reply)


def test_a_server_without_schemas_is_asked_for_a_tool_call_and_that_is_remembered(
    settings: Settings, httpserver: HTTPServer
) -> None:
    by_way(httpserver, tools=True)
    model = llm.chat_model(settings)
    for _ in range(2):
        assert llm.structured(model, SCHEMA, ASKED).parsed == {"color": "blue"}
    assert ["tools" in body for body in sent(httpserver)] == [False, True, True]


def test_a_server_without_tools_is_asked_for_a_fenced_block_and_that_is_remembered(
    settings: Settings, httpserver: HTTPServer
) -> None:
    by_way(httpserver, tools=False, text='Here it is.\n```json\n{"color": "green"}\n```\n')
    model = llm.chat_model(settings)
    for _ in range(2):
        assert llm.structured(model, SCHEMA, ASKED).parsed == {"color": "green"}
    bodies = sent(httpserver)
    assert len(bodies) == 4
    assert '"color"' in bodies[-1]["messages"][0]["content"]
    assert bodies[-1]["messages"][-1]["content"] == "Name one."


def test_broken_tool_arguments_are_a_fault(settings: Settings, httpserver: HTTPServer) -> None:
    def reply(request: Request) -> Response:
        if "response_format" in json.loads(request.data):
            return refusal(422, "json_schema unknown")
        return Response(json.dumps(tool_call('{"color": ')), content_type="application/json")

    httpserver.expect_request("/v1/chat/completions").respond_with_handler(reply)
    exchange = llm.structured(llm.chat_model(settings), SCHEMA, ASKED)
    assert exchange.parsed is None
    assert "not JSON" in (exchange.fault or "")


# Answers that cannot be used -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        pytest.param(completion("It is red, I think."), "prose", id="prose"),
        pytest.param(completion('{"color": "re'), "not JSON", id="half"),
        pytest.param(completion('{"color": "red"} {"color": "blue"}'), "not JSON", id="two"),
        pytest.param(completion('{"color": "r", "color": "b"}'), "twice", id="twice"),
        pytest.param(completion('{"color": NaN}'), "not a number", id="nan"),
        pytest.param(completion('{"color": 1e999}'), "too large", id="inf"),
        pytest.param(completion('{"color": ' + "9" * 5000 + "}"), "too large", id="digits"),
        pytest.param(completion('{"color": "\\ud800"}'), "half a character", id="surrogate"),
        pytest.param(completion('{"a":' * 20_000), "nested", id="deep"),
        pytest.param(completion("```\n[1]\n```"), "not an object", id="list"),
        pytest.param(completion("", finish="stop"), "empty", id="empty"),
        pytest.param(completion(None, refusal="I cannot."), "refused", id="refusal"),
        pytest.param(completion('{"color": "red"', finish="length"), "cut off", id="length"),
        pytest.param(completion("", finish="content_filter"), "filter", id="filter"),
        pytest.param({**completion("x"), "choices": []}, "empty", id="no-choices"),
    ],
)
def test_an_answer_that_is_not_one_whole_object_is_a_fault(
    settings: Settings, httpserver: HTTPServer, body: dict[str, Any], fault: str
) -> None:
    answers(httpserver, body)
    exchange = llm.structured(llm.chat_model(settings), SCHEMA, ASKED)
    assert exchange.parsed is None
    assert fault in (exchange.fault or "")
    assert len(httpserver.log) == 1
    exchange.raw.encode()


def test_thoughts_before_the_object_are_left_out() -> None:
    assert llm.strict_json('<think>{"color": 1}</think>\n{"color": "red"}') == {"color": "red"}


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_one_object_or_a_value_error(text: str) -> None:
    try:
        found = llm.strict_json(text)
    except ValueError:
        return
    assert isinstance(found, dict)


@given(st.dictionaries(st.text(), st.integers(-9, 9) | st.text() | st.none()))
def test_every_plain_object_is_read_as_it_is(found: dict[str, Any]) -> None:
    assert llm.strict_json(json.dumps(found, ensure_ascii=False)) == found


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_words_that_are_only_a_part_are_not_said(
    settings: Settings, httpserver: HTTPServer, finish: str
) -> None:
    answers(httpserver, completion("What would happen if", finish=finish))
    with pytest.raises(ModelError):
        llm.say(llm.chat_model(settings), ASKED)


# Failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "says", "requests"),
    [
        (401, "invalid_api_key", "The server refused the key. Check OPENAI_API_KEY.", 1),
        (403, None, "may not use the model m", 1),
        (404, "model_not_found", "INTERVIEWER_MODEL", 1),
        (400, None, "status 400", 1),
        (400, "context_length_exceeded", "more text than the model m reads", 1),
        (418, None, "status 418", 1),
        (429, "rate_limit_exceeded", "no more requests for now", 3),
        (429, "insufficient_quota", "out of credit", 3),
        (500, None, "status 500", 3),
        (503, None, "status 503", 3),
        (529, None, "status 529", 3),
    ],
)
def test_a_refusal_becomes_one_sentence_after_one_layer_of_retries(
    settings: Settings,
    httpserver: HTTPServer,
    status: int,
    code: str | None,
    says: str,
    requests: int,
) -> None:
    message = f"{code}: Incorrect key {KEY}, Authorization: Bearer {KEY}"
    answers(httpserver, refusal(status, message, code))
    model = llm.chat_model(settings)
    with pytest.raises(ModelError, match=r"[.]$") as caught:
        llm.structured(model, SCHEMA, ASKED)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(httpserver.log) == requests
    assert_no_key(caught.value, model)


def test_a_server_that_recovers_is_not_noticed(settings: Settings, httpserver: HTTPServer) -> None:
    answers(httpserver, refusal(500, "oops"), refusal(429, "slow"), completion("hello"))
    assert llm.say(llm.chat_model(settings), ASKED) == "hello"
    assert len(httpserver.log) == 3


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<html><body>Welcome</body></html>", id="html"),
        pytest.param(b"{}", id="no-choices"),
        pytest.param(b'{"choices": null}', id="null"),
        pytest.param(b'{"choices": [1]}', id="number"),
        pytest.param(b'{"choices": "x"}', id="string"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"null", id="nothing"),
        pytest.param(b'{"choices": [{"message": null}]}', id="no-message"),
        pytest.param(b'{"error": {"message": "no"}}', id="error-with-200"),
        pytest.param(b'{"choices": ' + b"[" * 100_000, id="deep"),
        pytest.param(b"\xff\xfe\x00", id="bytes"),
    ],
)
@pytest.mark.parametrize("way", ["structured", "say"])
def test_a_200_that_is_no_answer_is_a_known_failure(
    settings: Settings, httpserver: HTTPServer, body: str | bytes, way: str
) -> None:
    answers(httpserver, body)
    model = llm.chat_model(settings)
    with pytest.raises(ModelError, match=r"OPENAI_BASE_URL|INTERVIEWER_MODEL"):
        llm.say(model, ASKED) if way == "say" else llm.structured(model, SCHEMA, ASKED)


def test_a_body_over_a_megabyte_is_not_read_to_its_end(
    settings: Settings, httpserver: HTTPServer
) -> None:
    answers(httpserver, b'{"x": "' + b"a" * 3_000_000 + b'"}')
    with pytest.raises(ModelError, match="megabyte"):
        llm.say(llm.chat_model(settings), ASKED)
    assert len(httpserver.log) == 1


def test_nobody_at_the_address_is_said(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        nobody = Settings(tmp_path, timeout_s=20, base_url=f"http://127.0.0.1:{port}/v1")
        with pytest.raises(ModelError, match=rf"127\.0\.0\.1:{port} cannot be reached"):
            llm.say(llm.chat_model(nobody), ASKED)


def test_a_server_that_speaks_no_tls_is_said(settings: Settings, httpserver: HTTPServer) -> None:
    from dataclasses import replace

    secure = replace(settings, base_url=settings.base_url.replace("http:", "https:"))
    with pytest.raises(ModelError, match=r"certificate|secure"):
        llm.say(llm.chat_model(secure), ASKED)


def test_an_address_never_shows_its_password(tmp_path: Path) -> None:
    hidden = Settings(tmp_path, timeout_s=20, base_url="http://me:hunter2secret@127.0.0.1:9/v1")
    with pytest.raises(ModelError) as caught:
        llm.say(llm.chat_model(hidden), ASKED)
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def raw_server() -> Iterator[Any]:
    """A socket server: give it a function that gets each connection after its request."""
    import threading

    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def start(serve: Any) -> str:
        def loop() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    try:
                        serve(connection, stop)
                    except OSError:
                        continue

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/v1"

    yield start
    stop.set()
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"


def test_a_hang_ends_after_the_time_that_is_set(tmp_path: Path, raw_server: Any) -> None:
    url = raw_server(lambda _connection, stop: stop.wait(5))
    model = llm.chat_model(Settings(tmp_path, timeout_s=0.5, base_url=url))
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"within 0.5 seconds"):
        llm.say(model, ASKED)
    assert time.monotonic() - began < 3


def test_a_slow_drip_ends_too(tmp_path: Path, raw_server: Any) -> None:
    def drip(connection: socket.socket, stop: Any) -> None:
        connection.sendall(HEAD)
        while not stop.wait(0.05):
            connection.sendall(b" ")

    model = llm.chat_model(Settings(tmp_path, timeout_s=0.5, base_url=raw_server(drip)))
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"within 0.5 seconds"):
        llm.say(model, ASKED)
    assert time.monotonic() - began < 3


def test_retries_share_the_time_that_is_set(tmp_path: Path, raw_server: Any) -> None:
    asked: list[float] = []

    def slow_failure_then_hang(connection: socket.socket, stop: Any) -> None:
        asked.append(time.monotonic())
        stop.wait(1.5 if len(asked) == 1 else 9)
        connection.sendall(b"HTTP/1.1 500 No\r\nretry-after-ms: 1\r\nContent-Length: 0\r\n\r\n")

    url = raw_server(slow_failure_then_hang)
    model = llm.chat_model(Settings(tmp_path, timeout_s=2, base_url=url))
    began = time.monotonic()
    with pytest.raises(ModelError, match="within 2 seconds"):
        llm.say(model, ASKED)
    assert len(asked) == 2
    assert time.monotonic() - began < 3.5


def test_an_answer_that_breaks_off_is_said(tmp_path: Path, raw_server: Any) -> None:
    def half(connection: socket.socket, _stop: Any) -> None:
        connection.sendall(HEAD + b'{"choices": [')

    settings = Settings(tmp_path, timeout_s=5, base_url=raw_server(half))
    with pytest.raises(ModelError, match="broke the connection off"):
        llm.say(llm.chat_model(settings), ASKED)


def test_a_pause_that_is_longer_than_the_limit_is_not_waited_for(
    settings: Settings, httpserver: HTTPServer
) -> None:
    body = json.dumps({"error": {"message": "slow"}})
    answers(httpserver, Response(body, 429, {"retry-after": "100"}))
    model = llm.chat_model(settings)
    began = time.monotonic()
    with pytest.raises(ModelError, match="no more requests"):
        llm.say(model, ASKED)
    assert time.monotonic() - began < 3
    assert len(httpserver.log) == 1


def test_what_looks_like_a_key_in_the_words_of_a_server_is_blanked(
    settings: Settings, httpserver: HTTPServer
) -> None:
    answers(httpserver, refusal(400, "Unknown field for sk-proj-somebodys, try another"))
    with pytest.raises(ModelError, match=r"Unknown field for \[key\] try another") as caught:
        llm.say(llm.chat_model(settings), ASKED)
    assert "somebodys" not in str(caught.value)


# The key ---------------------------------------------------------------------------------------


def assert_no_key(fault: BaseException, model: Any) -> None:
    import traceback

    shown = "".join(traceback.format_exception(fault)) + repr(model) + repr(fault) + str(fault.args)
    assert KEY not in shown
    assert KEY[:9] not in shown


def test_a_model_does_not_show_its_key(settings: Settings) -> None:
    model = llm.chat_model(settings)
    assert KEY not in repr(model) + str(model) + repr(model.model_dump())


def test_an_answer_that_repeats_the_key_is_blanked(
    settings: Settings, httpserver: HTTPServer
) -> None:
    answers(httpserver, completion(json.dumps({"color": f"the key is {KEY}"})))
    exchange = llm.structured(llm.chat_model(settings), SCHEMA, ASKED)
    assert exchange.parsed == {"color": "the key is [key]"}
    assert KEY not in repr(exchange)


@pytest.mark.parametrize(
    ("key", "url", "says"),
    [
        ("", "", "There is no key"),
        ("sk-\u201cquoted\u201d", "", "OPENAI_API_KEY holds a character"),
        ("sk-two\nlines", "", "OPENAI_API_KEY holds a character"),
        (KEY, "localhost:11434/v1", "OPENAI_BASE_URL is not the address"),
        (KEY, "ftp://host/v1", "OPENAI_BASE_URL is not the address"),
        (KEY, "http://host:99999/v1", "OPENAI_BASE_URL is not the address"),
        (KEY, "http://[::1/v1", "OPENAI_BASE_URL is not the address"),
        (KEY, "http://", "OPENAI_BASE_URL is not the address"),
    ],
)
def test_unusable_settings_are_said_before_anything_is_sent(
    tmp_path: Path, key: str, url: str, says: str
) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        llm.chat_model(Settings(tmp_path, api_key=key, base_url=url))
    assert not key or key not in str(caught.value)


def test_an_error_of_the_client_that_is_new_is_a_known_failure_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx2
    import openai
    from langchain_core.exceptions import LangChainException

    class Invented(openai.OpenAIError):
        pass

    model = llm.chat_model(settings)
    for fault in (Invented(KEY), httpx2.DecodingError(KEY), LangChainException(KEY)):

        def fail(*_args: Any, raised: Exception = fault, **_kwargs: Any) -> None:
            raise raised

        monkeypatch.setattr(type(model), "_generate", fail)
        with pytest.raises(ModelError) as caught:
            llm.structured(model, SCHEMA, ASKED)
        assert_no_key(caught.value, model)
