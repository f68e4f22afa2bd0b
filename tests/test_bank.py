from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import interviewer.bank
from interviewer.bank import Bank, load
from interviewer.errors import NotFoundError
from interviewer.settings import Settings

HEAVY = ("yaml", "pydantic", "filelock", "numpy")


def bank_text(*ids: str, topic: str = "general", level: int = 2) -> str:
    return "".join(
        f"- id: {name}\n  topic: {topic}\n  level: {level}\n  question: What is {name}?\n"
        f"  answer: It is the thing called {name}.\n"
        for name in ids
    )


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "a.yaml").write_text(bank_text("relu", "gelu", topic="activations"))
    (shipped / "b.yaml").write_text(bank_text("adam", topic="optimizers", level=4))
    monkeypatch.setattr(interviewer.bank, "data_folder", lambda _: shipped)
    return Settings(home=tmp_path / "home")


def own(settings: Settings, name: str, text: str | bytes) -> Path:
    settings.bank_folder.mkdir(parents=True, exist_ok=True)
    path = settings.bank_folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def ids(bank: Bank) -> list[str]:
    return [question.id for question in bank.questions]


def forbid_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    import interviewer.bank.reading

    def parse(*_: object) -> None:
        raise AssertionError("a file was parsed")

    monkeypatch.setattr(interviewer.bank.reading, "parse", parse)


def test_the_shipped_questions_come_first_and_then_the_users_own(settings: Settings) -> None:
    own(settings, "mine.yaml", bank_text("my-own"))
    bank = load(settings)
    assert ids(bank) == ["relu", "gelu", "adam", "my-own"]
    assert bank.faults == ()
    assert bank.topics() == ("activations", "general", "optimizers")


def test_questions_are_selected_by_topic_and_level(settings: Settings) -> None:
    bank = load(settings)
    assert len(bank.select()) == 3
    assert [q.id for q in bank.select(["Activations"])] == ["relu", "gelu"]
    assert [q.id for q in bank.select(levels=4)] == ["adam"]
    assert len(bank.select(["activations", "optimizers"], [2, 4])) == 3


def test_what_is_not_there_is_told_with_what_is_near(settings: Settings) -> None:
    bank = load(settings)
    with pytest.raises(NotFoundError, match=r"No question “reluu”. Nearest: relu"):
        bank.get("reluu")
    with pytest.raises(NotFoundError, match=r"No topic “optimisers”. Nearest: optimizers"):
        bank.select(["optimisers"])
    with pytest.raises(
        NotFoundError, match=r"^No question of level 4 on activations. There are levels 2.$"
    ):
        bank.select(["activations"], 4)
    with pytest.raises(NotFoundError, match="The bank is empty"):
        Bank(()).select(levels=1)
    assert bank.get("relu").id == "relu"


def test_a_faulty_file_loads_nothing_and_stops_nothing_else(settings: Settings) -> None:
    path = own(settings, "bad.yaml", bank_text("fine") + bank_text("bad", level=7))
    own(settings, "good.yml", bank_text("good"))
    bank = load(settings)
    assert ids(bank) == ["relu", "gelu", "adam", "good"]
    assert bank.faults == (f"{path}:8: question bad: level: must be a whole number, 1 to 5.",)
    assert load(settings) == bank  # from the cache


def test_an_id_in_two_files_is_told_with_both_places(settings: Settings) -> None:
    path = own(settings, "mine.yaml", bank_text("new", "gelu"))
    bank = load(settings)
    shipped = bank.get("gelu").origin
    assert ids(bank) == ["relu", "gelu", "adam"]
    assert bank.faults == (
        f"{path}:6: question gelu: id: stands at {shipped}:6 too; give this one another id.",
    )


def test_hidden_and_other_files_are_left_alone(settings: Settings) -> None:
    own(settings, ".hidden.yaml", "{")
    own(settings, "notes.md", "{")
    (settings.bank_folder / "folder").mkdir()
    assert load(settings).faults == ()


def test_files_that_cannot_be_read_are_told(settings: Settings) -> None:
    own(settings, "binary.yaml", b"\x89PNG\0")
    (settings.bank_folder / "folder.yaml").mkdir()
    bank = load(settings)
    assert len(bank.faults) == 2
    assert ids(bank) == ["relu", "gelu", "adam"]


def test_a_missing_shipped_bank_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interviewer.bank, "data_folder", lambda _: settings.home / "nowhere")
    bank = load(settings)
    assert bank.questions == ()
    assert "install the program again" in bank.faults[0]


def test_an_unchanged_bank_is_not_parsed_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(settings, "mine.yaml", bank_text("my-own"))
    bank = load(settings)
    cache = settings.cache_folder / "bank.json"
    assert cache.stat().st_mode & 0o777 == 0o600
    written = cache.stat().st_mtime_ns
    forbid_parsing(monkeypatch)
    assert load(settings) == bank
    assert cache.stat().st_mtime_ns == written


def test_a_change_of_a_file_is_seen_though_size_and_time_stay(settings: Settings) -> None:
    path = own(settings, "mine.yaml", bank_text("my-own"))
    load(settings)
    before = path.stat()
    path.write_text(bank_text("my-new"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "my-new" in ids(load(settings))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:-40], id="cut"),
        pytest.param(
            lambda data: data.replace(b"thing called relu", b"thinG called relu"), id="bit"
        ),
        pytest.param(lambda data: b"0" + data[1:], id="version"),
        pytest.param(lambda data: b"\xff\n\xff\n\xff", id="binary"),
    ],
)
def test_a_damaged_cache_is_ignored_and_replaced(settings: Settings, damage) -> None:  # type: ignore[no-untyped-def]
    bank = load(settings)
    cache = settings.cache_folder / "bank.json"
    good = cache.read_bytes()
    cache.write_bytes(damage(good))
    assert cache.read_bytes() != good
    assert load(settings) == bank
    assert cache.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_ignored(settings: Settings) -> None:
    settings.home.write_text("a file where the folder should be")
    assert ids(load(settings)) == ["relu", "gelu", "adam"]


def test_a_full_disk_leaves_no_half_cache(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert len(load(settings).questions) == 3
    assert list(settings.cache_folder.iterdir()) == []


def test_loading_an_unchanged_bank_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from interviewer.bank import load;"
        "from interviewer.settings import Settings;"
        f"assert not [m for m in {HEAVY!r} if m in sys.modules], 'import';"
        f"load(Settings(home=Path({str(tmp_path)!r})));"
        f"print(*[m for m in {HEAVY!r} if m in sys.modules])"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        ).stdout.split()
        for _ in range(2)
    )
    assert "yaml" in first
    assert second == []


def test_a_cached_bank_of_200_questions_loads_at_once(settings: Settings) -> None:
    answer = " ".join(f"Sentence {n} claims that item {n} causes effect {n}." for n in range(6))
    text = bank_text(*(f"question-{n}" for n in range(200)))
    own(settings, "mine.yaml", text.replace("It is the thing called", answer))
    load(settings)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        assert len(load(settings).questions) == 203
        taken.append(time.perf_counter() - start)
    assert (
        min(taken) < 0.1
    )  # about 14 ms measured with full questions; the rest is for a busy machine
