"""The index on the real Chroma: kept equal to the bank, and repaired when its files are damaged."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from interviewer.embedding import EmbeddedEmbedder
from interviewer.errors import EmbeddingError, PassageIndexError
from interviewer.index import Index, Synced, open_index
from interviewer.index.passages import LONGEST, entries, parts
from interviewer.settings import Settings
from interviewer.types import PassageKind, Point, Question

DIMENSION = 32


class CountingEmbedder:
    """A cheap stand-in for a model: the same text has the same random direction, always."""

    dimension = DIMENSION

    def __init__(self, model_id: str = "fake@1") -> None:
        self.model_id = model_id
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        rows = [np.random.default_rng(list(text.encode())).normal(size=DIMENSION) for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), DIMENSION)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def question(number: int, *, points: int = 2, topic: str = "training") -> Question:
    return Question(
        id=f"question-{number}",
        topic=topic,
        level=1 + number % 5,
        text=f"What is thing number {number}?",
        answer=f"Thing {number} is the answer to question {number}.",
        points=tuple(Point(f"point-{i}", f"Thing {number} has part {i}.") for i in range(points)),
    )


BANK = [question(number) for number in range(51)]  # 204 texts: enough for a vector index on disk
FEW = BANK[:5]


def opened(home: Path, model: CountingEmbedder | None = None, **more: float) -> Index:
    return open_index(Settings(home=home), model or CountingEmbedder(), **more)


def finds_everything(index: Index, bank: Sequence[Question]) -> bool:
    found = [index.search(q.points[0].says, k=3) for q in bank]
    return all(
        len(passages) == 3
        and passages[0].id == f"{q.id}/point/point-0"
        and passages[0].similarity == pytest.approx(1, abs=1e-3)
        for q, passages in zip(bank, found, strict=True)
    )


def version_folder(home: Path) -> Path:
    return max((home / "index").glob("v-*"))


# --- what is indexed ---


def test_each_text_of_a_question_has_its_own_id() -> None:
    found = entries([question(1)])
    assert list(found) == [
        "question-1/question",
        "question-1/answer",
        "question-1/point/point-0",
        "question-1/point/point-1",
    ]
    assert found["question-1/point/point-1"].text == "Thing 1 has part 1."
    assert found["question-1/answer"].kind is PassageKind.ANSWER


def test_the_hash_changes_with_the_text_and_with_what_is_filtered_by() -> None:
    one = question(1)
    others = [one, replace(one, topic="x"), replace(one, level=5), replace(one, text="Other?")]
    assert len({entries([q])["question-1/question"].hash for q in others}) == 4


@given(st.lists(st.text("ab. !?\n", min_size=1, max_size=400), max_size=12).map(". ".join))
def test_a_long_answer_is_cut_without_losing_a_word(text: str) -> None:
    cut = parts(text)
    assert " ".join(cut).split() == text.split()
    assert len(cut) == 1 or len(text.strip()) > LONGEST


def test_the_parts_of_a_long_answer_are_numbered() -> None:
    long = replace(question(1), answer="This is a sentence of some length, said again. " * 60)
    found = [id_ for id_ in entries([long]) if "/answer" in id_]
    assert found[:3] == ["question-1/answer", "question-1/answer/2", "question-1/answer/3"]
    assert len(found) == 20


# --- keeping it equal to the bank ---


def test_a_synced_bank_is_searchable(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    with opened(tmp_path) as index:
        assert index.search("anything") == ()
        synced = index.sync(BANK, progress=lambda done, total: steps.append((done, total)))
        assert synced == Synced(added=204, removed=0, kept=0)
        assert index.count() == 204
        assert finds_everything(index, BANK)
        assert index.notice is None
    assert steps[-1] == (204, 204)
    assert (tmp_path / "index").stat().st_mode & 0o777 == 0o700


def test_a_second_sync_embeds_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.sync(FEW)
    before = version_folder(tmp_path)
    model = CountingEmbedder()
    with opened(tmp_path, model) as index:
        assert index.sync(FEW) == Synced(0, 0, 20)
        assert model.asked == []
        assert index.search("Thing 3 has part 1.", k=1)[0].id == "question-3/point/point-1"
    assert version_folder(tmp_path) == before


def test_only_what_changed_is_embedded_and_what_is_gone_is_not_found(tmp_path: Path) -> None:
    model = CountingEmbedder()
    changed = replace(FEW[0], answer="Quite another answer.")
    with opened(tmp_path, model) as index:
        index.sync(FEW)
        model.asked.clear()
        assert index.sync([changed, *FEW[1:4]]) == Synced(added=1, removed=4, kept=15)
        assert model.asked == ["Quite another answer."]
        assert index.search("Quite another answer.", k=1)[0].similarity == pytest.approx(1)
        assert all(p.question_id != "question-4" for p in index.search("Thing 4.", k=20))
        assert len(index.search("Thing 4.", k=99)) == index.count() == 16


def test_a_search_can_be_narrowed(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.sync([*FEW, question(9, topic="vision")])
        by_topic = index.search("Thing 3 has part 1.", k=99, topic="vision")
        assert {p.question_id for p in by_topic} == {"question-9"}
        points = index.search("x", k=99, kinds=[PassageKind.POINT], exclude="question-3")
        assert {p.kind for p in points} == {PassageKind.POINT}
        assert len(points) == 10
        assert "question-3" not in {p.question_id for p in points}
        assert list(points) == sorted(points, key=lambda p: -p.similarity)
        assert index.search("x", k=0) == ()


def test_strange_text_can_be_indexed(tmp_path: Path) -> None:
    strange = replace(question(1), text="half \ud800 and zero \0 byte", answer="")
    with open_index(Settings(home=tmp_path), EmbeddedEmbedder()) as index:
        assert index.sync([strange]).added == 3
        assert index.sync([strange]).kept == 3
        assert index.search("half \ud800 and zero \0 byte", k=1)[0].text.startswith("half")


def test_the_real_model_finds_the_point_that_is_meant(tmp_path: Path) -> None:
    norm = Point(
        "statistics", "Each channel is normalized with the mean and variance of the batch."
    )
    drop = Point("random", "Randomly chosen units are set to zero in every training step.")
    bank = [replace(question(1), points=(norm,)), replace(question(2), points=(drop,))]
    with open_index(Settings(home=tmp_path), EmbeddedEmbedder()) as index:
        index.sync(bank)
        found = index.search(
            "it drops random neurons while training", kinds=[PassageKind.POINT], k=2
        )
    assert found[0].id == "question-2/point/random"
    assert found[0].similarity > 0.3 > found[1].similarity


def test_a_failed_embedding_leaves_the_old_index_in_use(tmp_path: Path) -> None:
    class Failing(CountingEmbedder):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            if "Quite another answer." in texts:
                raise EmbeddingError("no network")
            return super().embed(texts)

    with opened(tmp_path, Failing()) as index:
        index.sync(FEW)
        with pytest.raises(EmbeddingError):
            index.sync([replace(FEW[0], answer="Quite another answer.")])
        assert finds_everything(index, FEW)
        assert index.sync(FEW).kept == 20
    assert len(list((tmp_path / "index").glob("v-*"))) == 1


# --- what made it ---


def test_another_model_builds_the_index_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.sync(FEW)
    with opened(tmp_path, CountingEmbedder("fake@2")) as index:
        assert index.count() == 0
        assert index.notice is None
        assert index.sync(FEW).added == 20
        assert finds_everything(index, FEW)


def test_another_version_of_chroma_builds_the_index_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as index:
        index.sync(FEW)
    monkeypatch.setattr("interviewer.index.chroma.version", lambda: "9.9.9")
    with opened(tmp_path) as index:
        assert index.sync(FEW).added == 20


def test_a_rebuild_embeds_everything_and_keeps_the_old_one_until_done(tmp_path: Path) -> None:
    model = CountingEmbedder()
    with opened(tmp_path, model) as index, opened(tmp_path) as reader:
        index.sync(FEW)
        first = version_folder(tmp_path)
        model.asked.clear()

        def first_is_there(done: int, total: int) -> None:
            assert first.exists()
            assert finds_everything(index, FEW)
            model.asked.clear()

        reader.sync(FEW)
        assert index.rebuild(FEW[1:], first_is_there) == Synced(added=16, removed=4, kept=0)
        assert version_folder(tmp_path) != first
        assert finds_everything(index, FEW[1:])
        assert finds_everything(reader, FEW)  # it still reads the version that it opened


# --- damage ---

FILES = ["data_level0.bin", "header.bin", "length.bin", "link_lists.bin", "index_metadata.pickle"]


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in random.Random(7).sample(range(len(data)), 20):
        data[place] ^= 0xFF
    path.write_bytes(data)


DAMAGE = {
    "emptied": lambda p: p.write_bytes(b""),
    "halved": halve,
    "flipped": flip,
    "deleted": os.remove,
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("built")
    with opened(home) as index:
        index.sync(BANK)
    return home


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    import shutil

    shutil.copytree(built, tmp_path / "home")
    return tmp_path / "home"


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", [*FILES, "seal.json", "chroma.sqlite3"])
def test_a_damaged_file_is_noticed_and_the_index_is_built_again(
    home: Path, name: str, damage: str
) -> None:
    DAMAGE[damage](next(version_folder(home).rglob(name)))
    with opened(home) as index:
        assert index.sync(BANK).added == 204
        if (name, damage) != ("seal.json", "deleted"):  # looks like a build that was never finished
            assert "damaged" in (index.notice or "")
        assert finds_everything(index, BANK)
    with opened(home) as index:
        assert index.notice is None
        assert index.sync(BANK).kept == 204


def test_a_deleted_folder_of_the_index_is_built_again(home: Path) -> None:
    import shutil

    shutil.rmtree(next(version_folder(home).rglob("header.bin")).parent)
    with opened(home) as index:
        assert index.sync(BANK).added == 204
        assert finds_everything(index, BANK)


def test_a_whole_database_that_its_seal_does_not_know_is_kept(home: Path) -> None:
    import sqlite3

    with sqlite3.connect(version_folder(home) / "chroma.sqlite3") as database:
        database.execute("INSERT INTO acquire_write (lock_status) VALUES (1)")  # a killed opening
    database.close()
    model = CountingEmbedder()
    with opened(home, model) as index:
        assert index.notice is None
        assert index.sync(BANK).kept == 204
        assert finds_everything(index, BANK[:5])


def test_a_text_altered_in_the_database_is_noticed(home: Path) -> None:
    import sqlite3

    with sqlite3.connect(version_folder(home) / "chroma.sqlite3") as database:
        database.execute(
            "UPDATE embedding_metadata SET string_value = 'altered' "
            "WHERE key = 'chroma:document' AND id = 1"
        )
    database.close()
    with opened(home) as index:
        assert "damaged" in (index.notice or "")
        assert index.sync(BANK).added == 204


# --- other processes ---

CHILD = """
    import sys, time
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from test_index import BANK, CountingEmbedder, finds_everything, opened
    class Slow(CountingEmbedder):
        def embed(self, texts):
            if len(texts) > 1:
                print("embedding", flush=True)
                time.sleep({pause})
            return super().embed(texts)
    with opened(Path({home!r}), Slow()) as index:
        print("synced", index.sync(BANK), flush=True)
        assert finds_everything(index, BANK[:10])
"""


def child(home: Path, *, pause: float) -> subprocess.Popen[str]:
    code = CHILD.format(tests=str(Path(__file__).parent), home=str(home), pause=pause)
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_sync_at_once_lose_nothing(tmp_path: Path) -> None:
    started = [child(tmp_path, pause=0.3) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert sum("added=204" in out for out, _ in said) == 1
    assert sum("kept=204" in out for out, _ in said) == 1
    with opened(tmp_path) as index:
        assert index.sync(BANK).kept == 204
        assert finds_everything(index, BANK)


def test_a_sync_that_was_killed_is_done_by_the_next_one(tmp_path: Path) -> None:
    process = child(tmp_path, pause=0.2)
    assert process.stdout is not None
    for _ in range(2):  # the first batch is written, the second one not yet
        assert process.stdout.readline() == "embedding\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(list((tmp_path / "index").glob("v-*"))) == 1
    with opened(tmp_path) as index:
        assert index.sync(BANK).added == 204
        assert finds_everything(index, BANK)
    assert len(list((tmp_path / "index").glob("v-*"))) == 1  # the unfinished one is gone


def test_a_reader_does_not_wait_for_a_writer(home: Path) -> None:
    with FileLock(home / "index" / "write.lock"), opened(home, wait_s=0.1) as index:
        assert index.sync(BANK).kept == 204
        assert finds_everything(index, BANK[:5])
        with pytest.raises(PassageIndexError, match="Another interviewer"):
            index.sync(FEW)


def test_versions_do_not_pile_up(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        for end in range(1, 5):
            index.sync(FEW[:end])
    assert len(list((tmp_path / "index").glob("v-*"))) == 2


# --- where it cannot be written ---


def test_without_a_usable_folder_a_temporary_one_is_used(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("in the way", encoding="utf-8")
    with opened(tmp_path) as index:
        assert "cannot be written" in (index.notice or "")
        index.sync(FEW)
        assert finds_everything(index, FEW)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root can write all")
def test_a_read_only_folder_is_left_alone(home: Path) -> None:
    folder = home / "index"
    (folder / "open.lock").unlink(missing_ok=True)
    folder.chmod(0o500)
    try:
        with opened(home) as index:
            assert "cannot be written" in (index.notice or "")
            index.sync(FEW)
            assert finds_everything(index, FEW)
    finally:
        folder.chmod(0o700)


def test_a_full_disk_is_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with opened(tmp_path) as index:
        index.sync(FEW)
        monkeypatch.setattr("interviewer.index.versions.copy", full)
        with pytest.raises(PassageIndexError, match=r"No space left.*Free the disk"):
            index.sync(FEW[1:])
        assert finds_everything(index, FEW)
    assert len(list((tmp_path / "index").glob("v-*"))) == 1


def test_a_setting_that_chroma_refuses_costs_no_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as index:
        index.sync(FEW)
    with monkeypatch.context() as wrong:
        wrong.setenv("IS_PERSISTENT", "perhaps")
        with pytest.raises(PassageIndexError, match=r"chromadb cannot be used .*is_persistent"):
            opened(tmp_path)
    with opened(tmp_path) as index:
        assert index.sync(FEW).kept == 20


# --- a server ---


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    chroma = Path(sys.executable).with_name("chroma")
    folder = tmp_path_factory.mktemp("server")
    process = subprocess.Popen(
        [chroma, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_a_server_holds_the_index_just_as_well(server: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, chroma_url=server)
    model = CountingEmbedder()
    with open_index(settings, model) as index:
        assert index.sync(BANK) == Synced(204, 0, 0)
        assert finds_everything(index, BANK)
    with open_index(settings, model) as index:
        assert index.sync(BANK[1:]) == Synced(0, 4, 200)
        model.asked.clear()
        assert index.rebuild(BANK) == Synced(204, 0, 0)
        assert len(model.asked) == 204
        assert finds_everything(index, BANK)
    assert not (tmp_path / "index").exists()


def test_a_server_that_is_down_is_one_clear_line(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, chroma_url="127.0.0.1:9")
    with pytest.raises(
        PassageIndexError, match=r"No Chroma server answers at http://127\.0\.0\.1:9"
    ):
        open_index(settings, CountingEmbedder())


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    for url in ("http://", "http://host:port"):
        with pytest.raises(PassageIndexError, match="not an address"):
            open_index(Settings(home=tmp_path, chroma_url=url), CountingEmbedder())


# --- the packages below ---


def test_no_network_is_touched_and_nothing_heavy_is_loaded_early(tmp_path: Path) -> None:
    code = f"""
        import socket, sys, json
        def refuse(*args, **kwargs): raise AssertionError("network")
        socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import interviewer.index, interviewer.embedding
        heavy = {{"chromadb", "numpy", "onnxruntime", "tokenizers", "openai", "filelock"}}
        print(json.dumps(sorted(heavy & set(sys.modules))))
        from pathlib import Path
        from test_index import FEW, CountingEmbedder, finds_everything, opened
        with opened(Path({str(tmp_path)!r})) as index:
            index.sync(FEW)
            assert finds_everything(index, FEW)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
