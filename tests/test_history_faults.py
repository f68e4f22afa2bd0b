"""What happens to the history when something goes wrong: kills, full disks, damage, versions."""

import hashlib
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from interviewer.errors import HistoryError
from interviewer.history import History, files, salvage, schema
from interviewer.types import Ask, Grade, GradedBy, Point, Question

QUESTION = Question("bn", "norm", 2, "What?", "That.", (Point("p", "It does."),))
GRADE = Grade(70, GradedBy("embedded", "m", "p"))
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

# Replies one after the other, each acknowledged once `record_reply` has returned. Started again, it
# goes on where it was, with the same ids, as a client does after a crash.
WRITER = """
import pathlib, sys
from interviewer.errors import HistoryError
from interviewer.history import History
from interviewer.types import Ask, Point, Question

QUESTION = Question("bn", "norm", 2, "What?", "That.", (Point("p", "It does."),))

def reply(number):
    return f"reply {number} " + "word " * 300

def write(path, count, say):
    with History.open(path) as history:
        session = history.latest_unfinished() or history.start_session(
            mode="coach", plan=["bn"], seed=1, grader="auto")
        for number in range(count):
            thread = history.add_thread(session.id, number, QUESTION)
            turn = history.add_turn(thread.id, Ask.QUESTION, "?", turn_id=f"turn-{number}")
            history.save_draft(turn.id, reply(number)[:-1])
            say(f"draft {number}")
            say(f"trying {number}")
            history.record_reply(turn.id, reply(number))
            say(f"reply {number}")

if __name__ == "__main__":
    try:
        write(pathlib.Path(sys.argv[1]), int(sys.argv[2]), lambda line: print(line, flush=True))
    except HistoryError as fault:
        print(f"fault {fault}", flush=True)
        sys.exit(1)
"""
CLIENT: dict[str, Callable[..., str]] = {"__name__": "client"}  # type: ignore[dict-item]
exec(WRITER, CLIENT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "history.db"


def fill(history: History, count: int = 3) -> list[str]:
    """Have a session with `count` graded replies, and return what was said."""
    session = history.start_session(mode="coach", plan=["bn"], seed=1, grader="auto")
    for number in range(count):
        thread = history.add_thread(session.id, number, QUESTION)
        turn = history.add_turn(thread.id, Ask.QUESTION, "?")
        history.record_reply(turn.id, f"reply {number} " + "word " * 100)
        history.add_grade(thread.id, turn.id, GRADE)
    return [thread.said for thread in history.threads(session.id)]


def read_all(history: History) -> list[str]:
    """Read everything there is, and return what was said."""
    said = []
    history.pending()
    history.times_asked()
    for session in history.sessions():
        for thread in history.threads(session.id):
            said.append(thread.said)
            history.grades(thread.id)
            for turn in thread.turns:
                history.draft(turn.id)
    return said


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Kills


def check_after_crash(path: Path, lines: list[str], count: int) -> None:
    """Hold that all that was acknowledged is there, and that going on makes nothing twice."""
    acknowledged = {line for line in lines if line.startswith(("reply", "draft"))}
    with History.open(path) as history:
        assert history._db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for line in acknowledged:
            kind, _, number = line.partition(" ")
            turn = history.turn(f"turn-{number}")
            if kind == "reply":
                assert turn.reply == CLIENT["reply"](number)
            elif turn.reply is None:
                assert history.draft(turn.id) == CLIENT["reply"](number)[:-1]
        # The last one may be there without a word of it
        count = max([count, *(len(history.threads(found.id)) for found in history.sessions())])
    CLIENT["write"](path, count, lambda _: None)
    with History.open(path) as history:
        (session,) = history.sessions()
        threads = history.threads(session.id)
        assert [thread.replies for thread in threads] == [
            (CLIENT["reply"](number),) for number in range(count)
        ]


def strace(log: Path | str, *options: str) -> list[str]:
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed")
    probe = [program, "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"]
    if subprocess.run(probe, capture_output=True).returncode != 0:
        pytest.skip("strace may not trace here")
    return [program, "-f", "--seccomp-bpf", "-qq", "-o", str(log), *options]


def run_writer(tracer: list[str], path: Path, count: int, **environ: str) -> list[str]:
    done = subprocess.run(
        [*tracer, sys.executable, "-c", WRITER, path, str(count)],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines()


def calls_of(tmp_path: Path, names: str, count: int) -> Counter[str]:
    """Count the system calls by which the writer changes the disk, from its start to its end."""
    log = tmp_path / "calls"
    run_writer(strace(log, "-e", f"trace={names}"), tmp_path / "count" / "history.db", count)
    return Counter(
        line.split("(")[0].split()[-1] for line in log.read_text().splitlines() if "(" in line
    )


@LINUX
def test_a_kill_at_any_write_loses_no_acknowledged_reply(tmp_path: Path) -> None:
    names = "pwrite64,fdatasync,fsync,ftruncate,unlink"
    points = [
        (call, number)
        for call, total in sorted(calls_of(tmp_path, names, 2).items())
        for number in range(1, total + 1)
    ]
    assert len(points) > 25
    chosen = random.Random(1).sample(points, 25)
    for call, number in chosen:
        path = tmp_path / f"{call}-{number}" / "history.db"
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        lines = run_writer(strace("/dev/null", "-e", f"trace={call}", "-e", inject), path, 2)
        check_after_crash(path, lines, 2)


def test_a_kill_at_any_time_loses_no_acknowledged_reply_or_draft(tmp_path: Path) -> None:
    dice = random.Random()
    acknowledged = 0
    for round_ in range(10):
        path = tmp_path / str(round_) / "history.db"
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, path, "100000"], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            first = child.stdout.readline()
            time.sleep(dice.uniform(0, 0.1))
            child.kill()
            lines = [first, *child.stdout]
        lines = [line.strip() for line in lines if line.endswith("\n")]
        acknowledged += len(lines)
        last = max(int(line.split()[1]) for line in lines)
        check_after_crash(path, lines, last + 1)
    assert acknowledged > 100


# A full disk


@LINUX
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_disk_that_fills_up_at_any_write_loses_no_reply(tmp_path: Path, error: str) -> None:
    total = calls_of(tmp_path, "pwrite64", 2)["pwrite64"]
    rescues = 0
    for number in random.Random(2).sample(range(1, total + 1), 8):
        path = tmp_path / str(number) / "history.db"
        inject = f"inject=pwrite64:error={error}:when={number}+"
        tracer = strace("/dev/null", "-e", "trace=pwrite64", "-e", inject)
        lines = run_writer(tracer, path, 2, TMPDIR=str(tmp_path))
        if lines[-1].startswith("fault"):
            assert "disk is full or failing" in lines[-1]
            if len(lines) > 1 and lines[-2].startswith("trying"):
                kept = Path(lines[-1].rpartition("kept in ")[2].rstrip("."))
                assert kept.read_text() == CLIENT["reply"](lines[-2].split()[1])
                rescues += 1
        check_after_crash(path, lines, 2)
    assert rescues > 0


@LINUX
def test_a_limit_on_file_size_is_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(path.parent))
    reply = "word " * 20_000
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with History.open(path) as history:
        said = fill(history)
        thread = history.pending() or history.threads(history.sessions()[0].id)
        turn = history.add_turn(thread[0].id, Ask.PROBE, "?")  # type: ignore[union-attr]
        taken = (path.parent / "history.db-wal").stat().st_size
        signal_before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        # Enough for the file that rescues, not for the log that grows by as much
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(taken, len(reply)) + 1, before[1]))
        try:
            with pytest.raises(HistoryError, match="disk is full or failing") as fault:
                history.record_reply(turn.id, reply)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, signal_before)
        kept = Path(str(fault.value).rpartition("kept in ")[2].rstrip("."))
        assert kept.read_text() == reply
        assert history.record_reply(turn.id, reply).reply == reply
    with History.open(path) as history:
        assert len(read_all(history)) == len(said)


def test_a_full_database_gives_up_its_reserve_then_rescues_the_reply(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(path.parent))
    ballast = path.with_name("history.ballast")
    with History.open(path) as history:
        assert ballast.stat().st_size == files.BALLAST_BYTES
        fill(history)
        thread = history.threads(history.sessions()[0].id)[0]
        turn = history.add_turn(thread.id, Ask.PROBE, "?")
        history._db.execute("PRAGMA max_page_count = 1")  # the least is what it has
        with pytest.raises(HistoryError, match="disk is full") as fault:
            history.record_reply(turn.id, "x\r\n" * 9999)
        kept = Path(str(fault.value).rpartition("kept in ")[2].rstrip("."))
        assert kept.read_bytes() == b"x\r\n" * 9999
        assert kept.stat().st_mode & 0o777 == 0o600
        assert not ballast.exists()

        def make_room(_: Path) -> None:
            history._db.execute("PRAGMA max_page_count = 100000")

        # What freeing the reserve does on a disk: the second try fits
        monkeypatch.setattr(files, "drop_ballast", make_room)
        assert history.record_reply(turn.id, "x\r\n" * 9999).reply == "x\r\n" * 9999
    with History.open(path):
        assert ballast.exists()


def test_a_reply_that_fits_nowhere_is_said_to_be_unsaved(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(path.parent / "none"))
    with History.open(path) as history:
        fill(history)
        turn = history.add_turn(history.threads(history.sessions()[0].id)[0].id, Ask.PROBE, "?")
        history._db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(HistoryError, match="copy it before you leave"):
            history.record_reply(turn.id, "x" * 9999)


def test_an_interrupt_leaves_no_half_written_change(path: Path) -> None:
    with History.open(path) as history:
        said = fill(history)

        def interrupted() -> None:
            with history._writing() as db:
                db.execute("DELETE FROM grade")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert read_all(history) == said
        assert history.pending() == []
        fill(history)


def test_a_reply_to_a_turn_that_cannot_be_read_is_rescued(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(path.parent))
    with History.open(path) as history:
        fill(history)
        turn = history.add_turn(history.threads(history.sessions()[0].id)[0].id, Ask.PROBE, "?")
        history._db.execute("UPDATE turn SET ask = 'nonsense' WHERE id = ?", (turn.id,))
        with pytest.raises(HistoryError, match="kept in") as fault:
            history.record_reply(turn.id, "said")
        assert Path(str(fault.value).rpartition("kept in ")[2].rstrip(".")).read_text() == "said"


# A file that goes away


@pytest.mark.parametrize("lost", ["history.db", "history.db-wal"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_deleted_or_replaced_is_noticed_and_the_reply_rescued(
    path: Path, monkeypatch: pytest.MonkeyPatch, lost: str, replaced: bool
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(path.parent))
    with History.open(path) as history:
        fill(history)
        thread = history.threads(history.sessions()[0].id)[0]
        turn = history.add_turn(thread.id, Ask.PROBE, "?")
        file = path.with_name(lost)
        aside = file.rename(path.with_name("aside"))
        if replaced:
            shutil.copy(aside, file)
        with pytest.raises(HistoryError, match="deleted or replaced") as fault:
            history.record_reply(turn.id, "said all the same")
        kept = Path(str(fault.value).rpartition("kept in ")[2].rstrip("."))
        assert kept.read_text() == "said all the same"
        with pytest.raises(HistoryError, match="deleted or replaced"):
            history.save_draft(turn.id, "more")


# Files that cannot be used


@contextmanager
def powerless() -> Iterator[None]:
    """Be an ordinary user for a while, as root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@LINUX
def test_a_folder_without_permission_is_a_clear_error(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with powerless():
        for path in (open_folder / "history.db", open_folder / "new" / "history.db"):
            with pytest.raises(HistoryError, match="INTERVIEWER_HOME"):
                History.open(path)
    open_folder.chmod(0o755)
    assert list(open_folder.iterdir()) == []


@LINUX
@pytest.mark.parametrize("mode", [0o444, 0o000])
def test_a_file_without_permission_is_a_clear_error(open_folder: Path, mode: int) -> None:
    path = open_folder / "history.db"
    with History.open(path) as history:
        fill(history)
    before = digest(path)
    path.chmod(mode)
    open_folder.chmod(0o555)
    with powerless(), pytest.raises(HistoryError, match="INTERVIEWER_HOME"):
        History.open(path)
    open_folder.chmod(0o755)
    assert digest(path) == before


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\0" * 8192, id="zeros"),
        pytest.param(b"a shopping list\n", id="text"),
        pytest.param(b"SQLite format 3\0", id="header only"),
        pytest.param(os.urandom(5000), id="noise"),
    ],
)
def test_a_file_that_is_no_database_is_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(HistoryError, match=r"history\.db.* is damaged .*doctor.*aside"):
        History.open(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    before = digest(path)
    with pytest.raises(HistoryError, match="not a history"):
        History.open(path)
    assert digest(path) == before


def test_what_is_not_a_file_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(HistoryError, match="not a file"):
        History.open(path)
    with pytest.raises(HistoryError):
        History.open(path.parent / "history.db" / "sub" / ".." / ".." / "history.db")
    dangling = path.with_name("dangling.db")
    dangling.symlink_to("nowhere")
    with pytest.raises(HistoryError):
        History.open(dangling)


def test_an_empty_file_with_a_log_is_not_emptied_further(path: Path) -> None:
    unclean_copy(path)
    path.write_bytes(b"")
    log = path.with_name("history.db-wal")
    before = digest(log)
    with pytest.raises(HistoryError, match="-wal file is not"):
        History.open(path)
    assert (digest(log), path.read_bytes()) == (before, b"")


def unclean_copy(path: Path, change: str = "") -> list[str]:
    """Leave a database behind as a killed process does: part of it in the log only."""
    scratch = path.parent.parent / "scratch" / "history.db"
    path.parent.mkdir(exist_ok=True)
    with History.open(scratch) as history:
        said = fill(history)
        if change:
            history._db.execute(change)
        for suffix in ("", "-wal"):
            shutil.copy(f"{scratch}{suffix}", f"{path}{suffix}")
    return said


def test_what_a_killed_process_left_in_the_log_is_read(path: Path) -> None:
    said = unclean_copy(path)
    with History.open(path) as history:
        assert read_all(history) == said


def test_damage_in_the_database_below_a_log_leaves_both_as_they_are(path: Path) -> None:
    with History.open(path) as history:
        fill(history, 40)
    with History.open(path) as history:
        fill(history, 1)
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{path}.copy{suffix}")
    copy = path.with_name("history.db.copy")
    content = bytearray(copy.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    copy.write_bytes(content)
    before = digest(copy), digest(path.with_name("history.db.copy-wal"))
    with pytest.raises(HistoryError, match="damaged"):
        History.open(copy)
    assert (digest(copy), digest(path.with_name("history.db.copy-wal"))) == before


# Other versions


@pytest.mark.parametrize("unclean", [False, True])
def test_a_newer_history_is_refused_and_not_touched(path: Path, unclean: bool) -> None:
    newer = f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}"
    if unclean:
        unclean_copy(path, newer)
    else:
        with History.open(path) as history:
            fill(history)
            history._db.execute(newer)
    kept = [file for file in path.parent.iterdir() if not file.name.endswith("-shm")]
    before = {file: digest(file) for file in kept}
    with pytest.raises(HistoryError, match=r"newer version .*upgrade the program"):
        History.open(path)
    assert {file: digest(file) for file in kept} == before


def test_an_older_history_is_copied_then_upgraded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with History.open(path) as history:
        said = fill(history)

    def second(db: sqlite3.Connection) -> None:
        db.execute("ALTER TABLE session ADD COLUMN mood TEXT")

    released = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*released, second))
    with History.open(path) as history:
        assert read_all(history) == said
        assert history._db.execute("PRAGMA user_version").fetchone()[0] == 2
        assert "mood" in history._db.execute("SELECT * FROM session").fetchone().keys()  # noqa: SIM118
    copy = path.with_name("history.db.v1")
    assert copy.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(schema, "MIGRATIONS", released)
    with History.open(copy) as history:
        assert read_all(history) == said


def test_an_upgrade_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with History.open(path) as history:
        said = fill(history)

    def broken(db: sqlite3.Connection) -> None:
        db.execute("DROP TABLE grade")
        db.execute("SELECT nonsense")

    released = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*released, broken))
    with pytest.raises(HistoryError):
        History.open(path)
    monkeypatch.setattr(schema, "MIGRATIONS", released)
    with History.open(path) as history:
        assert read_all(history) == said


@LINUX
def test_four_first_starts_at_once_all_succeed(tmp_path: Path) -> None:
    for round_ in range(3):
        path = tmp_path / str(round_) / "history.db"
        children = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, path, "0"], stdout=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        outcomes = [(child.communicate()[0], child.returncode) for child in children]
        assert outcomes == [("", 0)] * 4


# Damage


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[str]]:
    path = tmp_path_factory.mktemp("sound") / "history.db"
    ids = random.Random(4)
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    with History.open(path, clock=lambda: moment, random_bytes=ids.randbytes) as history:
        said = fill(history, 12)
    return path.read_bytes(), said


# Half of the flips are in the first page, where the header and the schema are
PLACES = st.integers(0, 4095) | st.integers(0, 1 << 16)
FLIPS = st.lists(st.tuples(PLACES, st.integers(1, 255)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(flips=FLIPS, length=st.none() | PLACES)
@example(flips=[], length=0)
@example(flips=[], length=1)
@example(flips=[(1827, 128)], length=None)  # in a name of the schema
@example(flips=[(20170, 1)], length=None)  # in an id
def test_a_damaged_history_is_read_in_full_or_refused(
    sound: tuple[bytes, list[str]],
    tmp_path_factory: pytest.TempPathFactory,
    flips: list[tuple[int, int]],
    length: int | None,
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "history.db"
    content = bytearray(sound[0])
    for place, bits in flips:
        content[place % len(content)] ^= bits
    content = content[:length]
    path.write_bytes(content)
    refused = ""
    try:
        with History.open(path) as history:
            assert content == b"" or len(read_all(history)) == len(sound[1])
    except HistoryError as fault:
        refused = str(fault)
    if refused:
        assert "\n" not in refused
        assert path.read_bytes() == content


def test_what_can_be_read_of_a_damaged_history_is_salvaged(path: Path, tmp_path: Path) -> None:
    with History.open(path) as history:
        said = fill(history, 60)
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'grade'").fetchone()[0]
    content[4096 * (root - 1) : 4096 * root] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(HistoryError):
        History.open(path)
    into = tmp_path / "salvaged" / "history.db"
    assert salvage(path, into) == len(said)
    assert path.read_bytes() == content
    with History.open(into) as history:
        assert read_all(history) == said
        assert len(history.pending()) == len(said)
    with pytest.raises(HistoryError, match="there already"):
        salvage(path, into)


def test_nothing_is_salvaged_from_what_is_no_database(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"a shopping list")
    with pytest.raises(HistoryError):
        salvage(path, tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()
