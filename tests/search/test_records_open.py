"""Opening a store: where it is, what it may be, and what a person is told when it is not."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from search import database
from search.entries import Entry
from search.errors import RecordsError
from search.location import locate
from search.records import Records
from search.tables import VERSION

ROOT = Path(__file__).parents[2]
STORES = Path(__file__).parent / "stores"

FILL = """
import resource, sys
from search.entries import Entry
from search.errors import RecordsError
from search.records import Records
with Records.open(sys.argv[1]) as records:
    sweep = records.create("a", {})
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    said = 0
    try:
        while True:
            records.append(sweep, [Entry("asked", 1.0, {"text": "x" * 1000}, said)] * 100)
            said += 1
    except RecordsError as error:
        print(said, error)
"""


@pytest.fixture
def path(tmp_path):
    """A current store with one sweep."""
    path = tmp_path / "some.db"
    with Records.open(str(path)) as records:
        records.create("adult", {})
    return path


def look(path):
    """Open a store and read all of it."""
    with Records.open(str(path)) as records:
        for one in records.sweeps():
            records.entries(one.id)


def refusal(path):
    """The one line a person is told."""
    with pytest.raises(RecordsError) as refused:
        look(path)
    said = str(refused.value)
    assert "\n" not in said
    return said


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


# -- where it is ------------------------------------------------------------------------------


def test_a_place_is_named_by_hand_by_environment_or_by_default(tmp_path, monkeypatch):
    """In this order; the default is the user's data folder, whatever the current folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("QUINTAIN_RECORDS", str(tmp_path / "environment.db"))
    assert locate("~/hand.db").file == tmp_path / "hand.db"
    assert locate(None).file == tmp_path / "environment.db"
    monkeypatch.delenv("QUINTAIN_RECORDS")
    assert locate(None).file == tmp_path / "data" / "quintain" / "records.db"
    with Records.open() as records:
        assert records.place == "~/data/quintain/records.db"
        assert records.folder == tmp_path / "data" / "quintain" / "records-files"
        assert not records.folder.exists()


def test_a_relative_path_stays_where_it_was_named(tmp_path, monkeypatch):
    """A program that changes its folder does not change its store."""
    monkeypatch.chdir(tmp_path)
    assert locate("runs.db").file == tmp_path / "runs.db"
    assert locate("sqlite:///runs.db").file == tmp_path / "runs.db"


def test_a_password_is_never_shown():
    """Neither as part of the URL nor in its query."""
    where = locate("postgresql://ann:s3cret@db.example:5433/team?password=s3cret&sslmode=require")
    assert where.shown == "postgresql+psycopg://ann:***@db.example:5433/team?sslmode=require"
    assert where.place == "postgresql://db.example:5433/team"
    assert "s3cret" not in f"{where.folder}"
    assert where.folder.name == "db.example-5433-team-files"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgrsql://host/db", "did you mean postgresql://?"),
        ("mysql://host/db", "a file's path"),
        ("sqlite://", "need a file"),
        ("sqlite:///:memory:", "need a file"),
        ("://", "cannot be read"),
        ("postgresql://host:port/db", "cannot be read"),
    ],
)
def test_a_place_of_no_known_kind_is_refused(url, said):
    """What was allowed and the nearest word are told."""
    assert said in refusal(url)


# -- what is there ----------------------------------------------------------------------------


def test_opening_a_current_store_writes_nothing(path):
    """Not for reading, not for writing: the file stays as it is, to the byte."""
    before, changed = contents(path.parent), path.stat().st_mtime_ns
    for create in (True, False):
        with Records.open(str(path), create=create) as records:
            assert records.resolve("adult") == "adult-1"
    assert contents(path.parent) == before
    assert path.stat().st_mtime_ns == changed


@pytest.mark.parametrize("there", [False, True])
def test_reading_makes_no_store(tmp_path, there):
    """A store that is not there, or an empty file, reads as one without sweeps."""
    path = tmp_path / "none.db"
    if there:
        path.touch()
    with Records.open(str(path), create=False) as records:
        assert records.sweeps() == []
        with pytest.raises(RecordsError, match="there is no sweep in"):
            records.resolve("adult-1")
        with pytest.raises(RecordsError, match="opened to read"):
            records.create("adult", {})
    assert path.exists() == there
    assert not there or path.stat().st_size == 0


def test_every_old_version_is_opened(tmp_path):
    """Each version's committed store reads as it was written, and can be written to."""
    old = sorted(STORES.glob("v*.db"))
    assert [file.stem for file in old] == [f"v{number}" for number in range(1, VERSION + 1)]
    for file in old:
        copy = shutil.copy(file, tmp_path)
        with Records.open(copy) as records:
            assert [one.id for one in records.sweeps()] == ["adult-income-2", "adult-income-1"]
            first = records.sweep("adult-income-1")
            assert (first.created, first.state, first.header["positive"]) == (
                1001.0, "stopped", ">50K",
            )  # fmt: skip
            entries = records.entries(first.id)
            assert [entry.kind for entry in entries] == [
                "state", "baseline", "warning", "asked", "started", "fold", "lost", "started",
                "ended", "state",
            ]  # fmt: skip
            assert entries[2].body["message"] == "ünly a few rows"
            assert entries[8].body["scores"] == {"average_precision": 0.75, "brier": None}
            assert (entries[8].trial, entries[8].attempt, entries[5].fold) == (0, 1, 0)
            records.append(first.id, [Entry("state", 1.0)], records.acquire(first.id))


def test_the_tables_are_those_of_the_committed_version(tmp_path):
    """Who changes a table has to make a new version, its step and its store."""

    def tables(path):
        with closing(sqlite3.connect(path)) as raw:
            return set(raw.execute("SELECT name, sql FROM sqlite_master").fetchall())

    fresh = str(tmp_path / "fresh.db")
    Records.open(fresh).close()
    assert tables(fresh) == tables(STORES / f"v{VERSION}.db")
    migrated = shutil.copy(STORES / "v1.db", tmp_path)
    Records.open(migrated).close()
    assert tables(migrated) == tables(fresh)


def test_a_newer_store_is_left_alone(path):
    """Which version it is, which are known and what to do is told; nothing is written."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE meta SET version = 99")
    before = contents(path.parent)
    said = refusal(path)
    assert "version 99" in said
    assert f"up to {VERSION}" in said
    assert "upgrade" in said
    assert contents(path.parent) == before


# -- what is no store -------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["CREATE TABLE runs (a)", "CREATE TABLE meta (a)"])
def test_another_programs_database_is_not_touched(tmp_path, statement):
    """No table of ours is put into it."""
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(statement)
    before = contents(tmp_path)
    assert "another program" in refusal(path)
    assert contents(tmp_path) == before


def test_a_file_that_is_no_database(tmp_path):
    """A spec given in its place, for instance."""
    path = tmp_path / "spec.toml"
    path.write_text("name = 'adult'\n" * 100)
    assert "no SQLite database" in refusal(path)


def test_a_damaged_store_is_told_in_one_line(path):
    """Pages overwritten by something else."""
    with Records.open(str(path)) as records:
        records.append("adult-1", [Entry("asked", 1.0, {"text": "x" * 500})] * 200)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    assert "are damaged" in refusal(path)


def test_a_path_that_cannot_be(tmp_path):
    """No folder, a folder in place of a file, a file in place of a folder."""
    assert "there is no folder" in refusal(tmp_path / "nowhere" / "a.db")
    assert f"name a file in it, {tmp_path / 'records.db'}" in refusal(tmp_path)
    (tmp_path / "file").touch()
    assert "there is no folder" in refusal(tmp_path / "file" / "a.db")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_a_folder_nobody_can_write_to():
    """Not even root can make a file there."""
    assert "look at the permissions" in refusal("/proc/records.db")


def test_a_store_that_another_program_holds(path, monkeypatch):
    """Waited for, then told."""
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    with closing(sqlite3.connect(path)) as raw, Records.open(str(path)) as records:
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecordsError, match="held by another program"):
            records.create("adult", {})
        raw.rollback()
        assert records.create("adult", {}) == "adult-2"


def test_a_full_disk_loses_nothing_recorded(path):
    """The append that found no room is told and leaves no trace; with room it goes on."""
    batch = [Entry("asked", 1.0, {"text": "x" * 1000})] * 50
    with Records.open(str(path)) as records:
        records.append("adult-1", batch)
        with records._store._database.reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 40")
        with pytest.raises(RecordsError, match="the disk is full"):
            records.append("adult-1", batch * 10)
        assert len(records.entries("adult-1")) == 50
        with records._store._database.reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        records.append("adult-1", batch)
        assert len(records.entries("adult-1")) == 100


def test_a_limit_on_files_loses_nothing_recorded(tmp_path):
    """A real quota in a real process: one line, no half append, nothing acknowledged is lost."""
    pytest.importorskip("resource", reason="needs Unix limits")
    path = str(tmp_path / "quota.db")
    done = subprocess.run(
        [sys.executable, "-c", FILL, path], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, _, told = done.stdout.partition(" ")
    assert "the disk" in told
    with Records.open(path) as records:
        found = [entry.trial for entry in records.entries("a-1")]
    assert found == [batch for batch in range(int(said)) for _ in range(100)]


def test_a_server_that_does_not_answer():
    """The reason in one line, and no password."""
    pytest.importorskip("psycopg", reason="pip install psycopg[binary]")
    said = refusal("postgresql://ann:s3cret@127.0.0.1:1/team")
    assert "cannot be used" in said
    assert "s3cret" not in said


def test_a_driver_that_is_not_installed(monkeypatch):
    """What to install is told."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'quintain[postgres]'" in refusal("postgresql://127.0.0.1:1/team")


# -- what it costs ----------------------------------------------------------------------------


def test_importing_records_is_cheap():
    """SQLAlchemy, rich and psutil are left for those who open, print or measure."""
    program = (
        "import search.records, search.view, sys;"
        "sys.exit(bool({'sqlalchemy', 'rich', 'psutil', 'platformdirs', 'ray'} & set(sys.modules)))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", program], env=env).returncode == 0


def test_an_error_of_ours_is_no_message_for_people(path):
    """A statement that is wrong keeps its traceback."""
    with (
        Records.open(str(path)) as records,
        pytest.raises(sa.exc.OperationalError, match="nowhere"),
        records._store._database.writing() as connection,
    ):
        connection.exec_driver_sql("SELECT nothing FROM nowhere")
