"""The embedded model, run for real, and the hosted one against a server on this machine."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from interviewer.embedding import EmbeddedEmbedder, OpenAIEmbedder, embedder
from interviewer.embedding.cache import VectorCache
from interviewer.embedding.embedded import DATA_FILE, MAX_CHARACTERS
from interviewer.embedding.hosted import MAX_BATCH
from interviewer.errors import EmbeddingError, SettingsError
from interviewer.settings import DEFAULT_EMBEDDING_MODEL, Settings

TEXTS = [
    "Batch normalization uses the statistics of the mini-batch.",
    "A cat sat on the mat.",
    "The learning rate is warmed up because early gradients are large and noisy. " * 6,
    "",
    "Dropout.",
]


@pytest.fixture(scope="module")
def model() -> EmbeddedEmbedder:
    return EmbeddedEmbedder()


# --- the embedded model ---


def test_the_vectors_are_those_of_the_published_model(model: EmbeddedEmbedder) -> None:
    vector = model.embed(["This is an example sentence"])[0]
    assert vector[:3] == pytest.approx([0.0676, 0.0635, 0.0487], abs=0.01)
    assert model.model_id == "all-MiniLM-L6-v2-int8@8199be6f"


def test_near_in_meaning_is_near_in_angle(model: EmbeddedEmbedder) -> None:
    query, near, far = model.embed(
        ["how do I avoid overfitting", "regularization reduces overfitting", "the cat is asleep"]
    )
    assert query @ near > 0.6 > 0.2 > query @ far


def test_a_vector_does_not_depend_on_what_is_embedded_with_it(model: EmbeddedEmbedder) -> None:
    together = model.embed(TEXTS)
    reversed_ = EmbeddedEmbedder().embed(TEXTS[::-1])[::-1]
    alone = np.concatenate([EmbeddedEmbedder().embed([text]) for text in TEXTS[:2]])
    np.testing.assert_allclose(together, reversed_, atol=1e-5)
    np.testing.assert_allclose(together[:2], alone, atol=1e-5)


def test_no_text_gives_no_row(model: EmbeddedEmbedder) -> None:
    assert model.embed([]).shape == (0, 384)
    assert model.dimension == 384


@settings(max_examples=25, deadline=None)
@given(text=st.text(st.characters(exclude_categories=()), max_size=80))
def test_any_text_gives_a_unit_vector(text: str) -> None:
    vector = SHARED.embed([text])
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector[0]) == pytest.approx(1, abs=1e-4)


SHARED = EmbeddedEmbedder()


@pytest.mark.parametrize(
    "text", ["\ud800 half", "a\0b", "x" * 1_000_000, " ", "深度学习", "🙂" * 999]
)
def test_strange_text_is_embedded_too(model: EmbeddedEmbedder, text: str) -> None:
    assert np.isfinite(model.embed([text])).all()


def test_what_lies_beyond_the_limit_changes_nothing(model: EmbeddedEmbedder) -> None:
    long = "word " * 300
    assert len(long) < MAX_CHARACTERS
    one, other = model.embed([long, long + "and something else"])
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_text_asked_for_twice_is_computed_once() -> None:
    asked: list[list[str]] = []

    def compute(texts: list[str]) -> np.ndarray:
        asked.append(texts)
        return np.array([[len(text), 0] for text in texts], dtype=np.float32)

    cache = VectorCache(capacity=2)
    rows = cache.rows(["a", "bb", "a"], compute)
    assert rows[:, 0].tolist() == [1, 2, 1]
    assert cache.rows(["bb"], compute).tolist() == [[2, 0]]
    cache.rows(["ccc"], compute)  # the capacity is two: "a", used longest ago, goes
    cache.rows(["bb", "a"], compute)
    assert asked == [["a", "bb"], ["ccc"], ["a"]]


def test_threads_share_one_model() -> None:
    model = EmbeddedEmbedder()
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(model.embed(TEXTS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for other in found[1:]:
        np.testing.assert_allclose(found[0], other, atol=1e-5)


def test_an_altered_model_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATA_FILE).write_bytes(b"something else")
    with pytest.raises(EmbeddingError, match=r"altered .*Reinstall it: python -m pip install"):
        EmbeddedEmbedder(tmp_path).embed(["text"])


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"model\.onnx.*Reinstall it"):
        EmbeddedEmbedder(tmp_path).embed(["text"])


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interviewer.embedding.embedded.DATA_PACKAGE", "no-such-package-here")
    with pytest.raises(EmbeddingError, match=r"no-such-package-here is not installed\. Reinstall"):
        EmbeddedEmbedder().embed(["text"])


# --- the hosted model ---


def hosted(server: HTTPServer, **more: object) -> OpenAIEmbedder:
    given: dict[str, object] = {"api_key": "sk-secret", "base_url": server.url_for("/v1"), **more}
    return OpenAIEmbedder("some-model", **given)  # type: ignore[arg-type]


def answer(request: Request) -> Response:
    texts = json.loads(request.data)["input"]
    data = [
        {"object": "embedding", "index": i, "embedding": [len(text), 1.0, 0.0]}
        for i, text in enumerate(texts)
    ]
    return Response(
        json.dumps({"object": "list", "model": "some-model", "data": data[::-1]}),
        content_type="application/json",
    )


def test_hosted_vectors_are_unit_length_and_in_order(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/embeddings", method="POST").respond_with_handler(answer)
    model = hosted(httpserver)
    texts = [f"{'x' * i} text" for i in range(MAX_BATCH + 5)]
    vectors = model.embed(texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors[:, 0] / vectors[:, 1] == pytest.approx([len(text) for text in texts], rel=1e-3)
    assert len(httpserver.log) == 2
    assert model.dimension == 3
    assert model.embed([]).shape == (0, 3)
    assert model.model_id == "some-model@localhost"


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "refused the key"),
        (404, "no embedding model “some-model”"),
        (400, "HTTP 400"),
    ],
)
def test_a_refusal_says_what_to_do_and_keeps_the_key_secret(
    httpserver: HTTPServer, status: int, sentence: str
) -> None:
    httpserver.expect_request("/v1/embeddings").respond_with_json(
        {"error": {"message": "bad key sk-secret"}}, status=status
    )
    with pytest.raises(EmbeddingError, match=sentence) as caught:
        hosted(httpserver).embed(["text"])
    assert "INTERVIEWER_EMBEDDING=embedded" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("data", [[], [{"index": 0, "embedding": [0, 0]}], [{"index": 0}], "no"])
def test_an_answer_that_is_no_vector_is_refused(httpserver: HTTPServer, data: object) -> None:
    httpserver.expect_request("/v1/embeddings").respond_with_json({"data": data})
    with pytest.raises(EmbeddingError, match="did not answer with"):
        hosted(httpserver).embed(["text"])


def test_a_server_that_is_down_is_named() -> None:
    model = OpenAIEmbedder("m", api_key="", base_url="http://127.0.0.1:9/v1", timeout=1)
    with pytest.raises(EmbeddingError, match=r"127\.0\.0\.1 cannot be reached"):
        model.embed(["text"])


def test_without_a_key_nothing_is_sent() -> None:
    with pytest.raises(EmbeddingError, match="OPENAI_API_KEY"):
        OpenAIEmbedder("m", api_key="").embed(["text"])


def test_the_setting_chooses_the_embedder(tmp_path: Path) -> None:
    def chosen(value: str) -> str:
        return embedder(Settings(home=tmp_path, embedding=value)).model_id

    assert chosen("embedded") == "all-MiniLM-L6-v2-int8@8199be6f"
    assert chosen("openai") == f"{DEFAULT_EMBEDDING_MODEL}@api.openai.com"
    assert chosen("openai:big") == "big@api.openai.com"
    with pytest.raises(SettingsError, match="openai:MODEL"):
        chosen("minilm")
