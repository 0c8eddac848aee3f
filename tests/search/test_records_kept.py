"""A store in the hands of a team: read while older, checked, copied, and killed at any moment."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from search.backup import backup
from search.check import check
from search.entries import Entry
from search.errors import RecordsError
from search.records import Records
from search.tables import VERSION
from search.view import read_view

ROOT = Path(__file__).parents[2]
STORES = Path(__file__).parent / "stores"
OLD = [f"v{number}.db" for number in range(1, VERSION)]


def version(path):
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute("SELECT max(version) FROM meta").fetchone()[0]


def notes(records, sweep):
    return records.changes.of(sweep, kinds=("note",))


# -- older stores -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", OLD)
def test_reading_an_older_store_leaves_it_as_it_is(tmp_path, name):
    """All that reads goes on; what the version has no table for reads as empty."""
    path = Path(shutil.copy(STORES / name, tmp_path))
    before = path.read_bytes()
    with Records.open(str(path), create=False) as records:
        assert read_view(records, "adult-income-1").counts["completed"] == 1
        assert len(records.sweeps()) == 2
        assert records.holdouts("names") == []
        assert records.looks("names") == []
        assert records.source("table") is None
        assert notes(records, "adult-income-1") == []
        assert check(records).troubles == ()
    assert path.read_bytes() == before
    assert version(path) == int(name[1])


@pytest.mark.parametrize("name", OLD)
def test_the_first_write_upgrades_an_older_store(tmp_path, name):
    """By whoever opened it to read as well, with another reader open in it."""
    path = shutil.copy(STORES / name, tmp_path)
    with (
        Records.open(path, create=False) as records, Records.open(path, create=False) as other
    ):  # fmt: skip
        assert len(other.sweeps()) == 2
        records.append("adult-income-2", [Entry("state", 1.0, {"state": "stopped"})])
        assert version(path) == VERSION
        assert records.changes.add("ann", "adult-income-2", "note", {"text": "on"}).user == "ann"
        assert other.state("adult-income-2") == "stopped"
        other.append("adult-income-2", [Entry("state", 2.0, {"state": "completed"})])
        assert [note.body for note in notes(records, "adult-income-2")] == [{"text": "on"}]
        assert records.state("adult-income-2") == "completed"


@pytest.mark.parametrize("create", [True, False])
def test_no_store_is_upgraded_under_a_driver(tmp_path, create):
    """It could not open it again. The writer is told who drives what; reading is no trouble."""
    path = shutil.copy(STORES / "v2.db", tmp_path)
    current = str(tmp_path / "now.db")
    with Records.open(current) as records:  # a lease of this process, which is alive
        records.acquire(records.create("adult-income", {}))
        with closing(sqlite3.connect(path)) as raw, raw:
            raw.execute("ATTACH ? AS now", (current,))
            raw.execute("DELETE FROM leases")
            raw.execute("INSERT INTO leases SELECT * FROM now.leases")

    def write():
        with Records.open(path, create=create) as records:
            assert len(records.sweeps()) == 2
            records.append("adult-income-2", [])

    with pytest.raises(RecordsError, match="adult-income-1 is driven there by an older quintain"):
        write()
    assert version(path) == 2


def test_an_older_store_on_a_server_is_read_as_it_is(postgresql_server, postgresql_url):
    """PostgreSQL too: read as it is, upgraded by the first write."""
    with Records.open(postgresql_url) as records:
        records.create("adult", {})
        with records.statements.database.writing() as connection:
            for table in ("submissions", "service_users", "service_changes", "deleted_sweeps"):
                connection.exec_driver_sql(f"DROP TABLE {table}")
            connection.exec_driver_sql("UPDATE meta SET version = 2")
    with Records.open(postgresql_url, create=False) as records:
        assert notes(records, "adult-1") == []
        assert records.statements.database.version() == 2
        records.append("adult-1", [Entry("state", 1.0, {"state": "stopped"})])
        assert records.statements.database.version() == VERSION
        assert records.state("adult-1") == "stopped"


# -- check ------------------------------------------------------------------------------------

HARM = {
    "cannot be read": "UPDATE entries SET body = '{\"state\":' WHERE kind = 'ended'",
    "its header cannot be read": "UPDATE sweeps SET body = 'x' WHERE serial = 1",
    "entries are missing": "UPDATE entries SET trial = 3 WHERE kind = 'asked'",
    "was never asked": "DELETE FROM entries WHERE kind = 'asked'",
    "ended twice": "INSERT INTO entries (sweep, time, kind, trial, attempt, rung, fold, body) "
    "SELECT sweep, time, kind, trial, attempt, rung, fold, body FROM entries WHERE kind = 'ended'",
    "cannot be shown": "UPDATE entries SET body = '{}' WHERE kind = 'asked'",
    "that is not there": "DELETE FROM sweeps WHERE serial = 1",
    "files of outputs are not in": 'UPDATE entries SET body = \'{"state":"completed",'
    '"oof":"0-0.oof"}\' WHERE kind = \'ended\'',
}


@pytest.mark.parametrize("said", HARM)
def test_what_is_wrong_is_found(tmp_path, said):
    """Each harm by its own sentence; the healthy store has none."""
    path = shutil.copy(STORES / f"v{VERSION}.db", tmp_path)
    with Records.open(path, create=False) as records:
        healthy = check(records)
    assert (healthy.sweeps, healthy.entries, healthy.troubles) == (2, 10, ())
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(HARM[said])
    with Records.open(path, create=False) as records:
        assert said in " ".join(each.told for each in check(records).troubles)


# -- backup -----------------------------------------------------------------------------------


def everything(records):
    """All that can be asked of a store."""
    return [
        (one.id, one.created, one.header, one.state, records.entries_after(one.id, 0))
        for one in records.sweeps()
    ], [(each.seq, each.user, each.body) for each in records.changes.of("adult-1", kinds=("note",))]


@pytest.fixture
def filled(tmp_path):
    """A store with two sweeps, a note, and a file beside it."""
    with Records.open(str(tmp_path / "here.db")) as records:
        for name in ("adult", "loans"):
            sweep = records.create(name, {"metric": "auc"})
            body = {"model": "m", "params": {"ü": 1}}
            records.append(sweep, [Entry("asked", 1.0, body, number) for number in range(3)])
        records.changes.add("ann", "adult-1", "note", {"text": "why"})
        folder = records.folder / "adult-1"
        folder.mkdir(parents=True)
        (folder / "0-0.oof").write_bytes(b"outputs")
        yield records


def test_a_copy_opens_and_has_everything(filled, tmp_path):
    """Made while the store is written to: of one moment, with the files beside it."""
    with Records.open(filled.address) as other:
        other.append("loans-1", [Entry("state", 2.0, {"state": "stopped"})])
        before = everything(filled)
        copied = backup(filled, str(tmp_path / "copy.db"))
        other.append("loans-1", [Entry("state", 3.0, {"state": "completed"})])
    assert (copied.rows["entries"], copied.files) == (7, 1)
    with Records.open(str(tmp_path / "copy.db")) as copy:
        assert everything(copy) == before
        assert (copy.folder / "adult-1" / "0-0.oof").read_bytes() == b"outputs"
        assert copy.create("adult", {}) == "adult-2"
    with pytest.raises(RecordsError, match="is there already"):
        backup(filled, str(tmp_path / "copy.db"))


def test_a_store_moves_to_a_server_and_back(filled, tmp_path, postgresql_url, monkeypatch):
    """The same entries under the same numbers, and both go on counting from there."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    before = everything(filled)
    backup(filled, postgresql_url)
    with Records.open(postgresql_url) as server:
        assert everything(server) == before
        server.append("adult-1", [Entry("state", 5.0, {"state": "stopped"})])
        assert server.entries_after("adult-1", 0)[-1][0] == 7
        after = everything(server)
        backup(server, str(tmp_path / "back.db"))
        with pytest.raises(RecordsError, match="already"):
            backup(filled, postgresql_url)
    with Records.open(str(tmp_path / "back.db")) as back:
        assert everything(back) == after
        assert check(back).troubles == ()


def test_a_copy_that_cannot_be_made_leaves_nothing(filled, tmp_path):
    """No folder, no store: one line, and nothing is there."""
    for out in (tmp_path / "no" / "copy.db", Path("/proc/copy.db")):
        with pytest.raises(RecordsError) as refused:
            backup(filled, str(out))
        assert "\n" not in str(refused.value)
    with (
        Records.open(str(tmp_path / "none.db"), create=False) as none,
        pytest.raises(RecordsError, match="there are no records at"),
    ):
        backup(none, str(tmp_path / "copy.db"))
    assert not list(tmp_path.glob("*copy*"))


# -- torn -------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [10, 100, 5000, 20000])
def test_a_torn_file_is_told_and_left_alone(filled, tmp_path, left):
    """Cut off anywhere: one line or an honest rest, and not a byte of it changes by looking."""
    body = {"code": "long", "message": "x" * 900}
    filled.append("adult-1", [Entry("warning", 1.0, body)] * 60)
    filled.close()
    torn = tmp_path / "torn" / "torn.db"
    torn.parent.mkdir()
    torn.write_bytes((tmp_path / "here.db").read_bytes()[:left])
    before = torn.read_bytes()
    try:
        with Records.open(str(torn), create=False) as records:
            told = check(records).troubles[0].told
    except RecordsError as error:
        told = str(error)
    assert "\n" not in told
    assert torn.read_bytes() == before


# -- killed -----------------------------------------------------------------------------------


def test_a_killed_writer_loses_nothing_it_was_told_of(tmp_path):
    """The short form of scripts/kill_writers: a few kills at random moments, each checked."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "kill_writers"), "--kills", "3", "--seed", "1"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 kills" in done.stdout
