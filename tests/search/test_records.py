"""The laws of a records store, on SQLite and on PostgreSQL, with real processes that really die."""

import threading
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from search.entries import Entry
from search.errors import UnknownSweepError
from search.records import HoldoutRecord, LookRecord, Records
from search.told import told_after

RUNNING = Entry("state", 1.0, {"state": "running"})
DONE = Entry("state", 2.0, {"state": "completed", "summary": {"best": None}})
BATCH = 200

OPEN = "import sys; from search.records import Records; records = Records.open(sys.argv[1]);"

CREATE_TWENTY = """
import sys
from search.records import Records
from search.store import Store
print("ready", flush=True)
sys.stdin.readline()
with Records.open(sys.argv[1]) as records:
    for _ in range(20): print(records.create("adult", {}))
"""

APPEND_FOR_EVER = f"""{OPEN}
from itertools import count
from search.entries import Entry
with records.acquire(sys.argv[2]) as lease:
    for batch in count():
        rows = [Entry("asked", 1.0, {{"batch": batch}}, trial) for trial in range({BATCH})]
        records.append(sys.argv[2], rows, lease)
        print(batch, flush=True)
"""

STOP_HALF_WAY = f"""{OPEN}
import sqlalchemy as sa
from search.tables import entries
row = dict(sweep=sys.argv[2], time=1.0, kind="asked", trial=7, attempt=0, rung=0, fold=0, body="{{}}")
with records._store._database.writing() as connection:
    connection.execute(sa.insert(entries), [row] * 500)
    print("half way", flush=True)
    sys.stdin.read()
"""  # noqa: E501 - a program, not a text


def trials(records, sweep):
    return [entry.trial for entry in records.entries(sweep)]


class RecordsContract:
    """What every store has to hold. A subclass says where: the fixture ``url``."""

    @pytest.fixture
    def url(self):
        raise NotImplementedError

    # -- entries ------------------------------------------------------------------------------

    def test_entries_come_back_as_they_went_in(self, records, sweep):
        """Every field and the order of appending survive the store."""
        entries = [
            RUNNING,
            Entry("asked", 3.25, {"model": "m", "params": {"a": [1, None, "ü\x00\ud800"]}}, 0),
            Entry("fold", 2.5, {"scores": {"f1": 0.1 + 0.2}}, 2**31 - 1, 3, 1, 4),
        ]
        records.append(sweep, entries[:1])
        records.append(sweep, entries[1:])
        assert records.entries(sweep) == entries

    def test_who_makes_a_view_is_spared_folds_that_an_end_tells_of(self, records, sweep):
        """All other entries come, with their numbers; of some kinds alone where they are named."""
        told = {"scores": {"f1": 0.5}, "folds": {"f1": [0.5]}, "reason": "half \ud800"}
        entries = [
            Entry("asked", 1.0, {"model": "m", "params": {}}, 0),
            Entry("fold", 2.0, {"scores": {"f1": 0.5}}, 0, 0, -1, 0),
            Entry("ended", 3.0, {"state": "completed", **told}, 0, 0),
            Entry("fold", 4.0, {"scores": {"f1": 0.5}}, 1, 0, -1, 0),
            Entry("ended", 5.0, {"state": "failed", "folds": {}}, 1, 0),
            Entry("fold", 6.0, {"scores": {"f1": 0.5}}, 2, 0, -1, 0),
        ]
        records.append(sweep, entries)
        found = told_after(records, sweep, 0)
        assert [entry for _, entry in found] == [e for e in entries if e is not entries[1]]
        numbers = dict(records.entries_after(sweep, 0))
        assert {n for n, _ in found} < set(numbers)
        assert told_after(records, sweep, found[-2][0]) == found[-1:]
        assert [e.kind for _, e in told_after(records, sweep, 0, ("ended",))] == ["ended"] * 2
        with pytest.raises(UnknownSweepError):
            told_after(records, "nobody", 0)

    def test_header_comes_back(self, records):
        """A header is what it was, NaN as null."""
        sweep = records.create("a", {"share": float("nan"), "classes": ("no", "yes")})
        assert records.header(sweep) == {"share": None, "classes": ["no", "yes"]}

    def test_nothing_to_append_is_no_error(self, records, sweep):
        """An empty append adds nothing."""
        records.append(sweep, [])
        assert records.entries(sweep) == []

    def test_unknown_sweeps_are_refused_everywhere(self, records):
        """No call takes an id that is not there for an empty sweep."""
        for call in (records.entries, records.header, records.state, records.acquire):
            with pytest.raises(UnknownSweepError, match="nowhere-1"):
                call("nowhere-1")
        with pytest.raises(UnknownSweepError):
            records.append("nowhere-1", [RUNNING])

    def test_an_append_that_fails_adds_nothing(self, records, sweep):
        """One entry that the database refuses takes the others with it."""
        with pytest.raises(sa.exc.SQLAlchemyError):
            records.append(sweep, [RUNNING, Entry("asked", None, {})])
        assert records.entries(sweep) == []

    # -- ids ----------------------------------------------------------------------------------

    def test_serials_count_by_name(self, records):
        """Each name has its own serials, from 1."""
        names = ["adult", "adult-2", "adult", "adult-2"]
        ids = [records.create(name, {}) for name in names]
        assert ids == ["adult-1", "adult-2-1", "adult-2", "adult-2-2"]

    def test_two_programs_never_share_a_serial(self, url, start):
        """Programs that create a store and its sweeps at the same moment get distinct ids."""
        makers = [start(CREATE_TWENTY, url) for _ in range(2)]
        assert [maker.stdout.readline() for maker in makers] == ["ready\n"] * 2
        for maker in makers:
            maker.stdin.write("go\n")
            maker.stdin.flush()
        told = [maker.communicate(timeout=60)[0].split() for maker in makers]
        assert [maker.returncode for maker in makers] == [0, 0]
        assert sorted(told[0] + told[1]) == sorted(f"adult-{serial}" for serial in range(1, 41))

    def test_people_name_sweeps_by_id_name_or_start(self, records):
        """An id, a name (its last sweep) and the start of one name only are understood."""
        for name in ["adult-income", "adult-income", "credit", "credit-card"]:
            records.create(name, {})
        understood = {
            "adult-income-1": "adult-income-1", "adult-income": "adult-income-2",
            "ad": "adult-income-2", "adult-income-": "adult-income-2",
            "credit": "credit-1", "credit-c": "credit-card-1",
        }  # fmt: skip
        assert {text: records.resolve(text) for text in understood} == understood

    @pytest.mark.parametrize("text", ["credt-1", "cr", "", "credit-12", "credit-1x"])
    def test_what_is_not_clear_is_refused_with_the_nearest(self, records, text):
        """A serial is never completed, and two names are never chosen between."""
        for name in ["credit", "credit-card"]:
            records.create(name, {})
        with pytest.raises(UnknownSweepError, match=r"credit-1|quintain list"):
            records.resolve(text)

    # -- lists and states ---------------------------------------------------------------------

    def test_sweeps_are_listed_newest_first(self, records):
        """Each with its header, its last state entry and its state."""
        first, second = records.create("b", {"n": 1}), records.create("a", {"n": 2})
        records.append(first, [RUNNING, Entry("asked", 1.5, {}, 0), DONE])
        found = records.sweeps()
        assert [(one.id, one.header["n"], one.state) for one in found] == [
            (second, 2, "queued"),
            (first, 1, "completed"),
        ]
        assert found[1].last == DONE.body
        assert abs(found[0].created - time.time()) < 60

    def test_running_without_a_driver_reads_interrupted(self, records, sweep):
        """Queued, running under a lease, interrupted without it, then what was recorded."""
        told = [records.state(sweep)]
        lease = records.acquire(sweep)
        records.append(sweep, [RUNNING], lease)
        told.append(records.state(sweep))
        lease.release()
        told.append(records.state(sweep))
        records.append(sweep, [DONE])
        told.append(records.state(sweep))
        assert told == ["queued", "running", "interrupted", "completed"]

    # -- partitions ---------------------------------------------------------------------------

    def test_a_partition_is_drawn_once(self, records):
        """Another seed for each sweep and role on a table, the same when asked again."""
        asked = [(f"a-{number}", role) for number in (1, 2) for role in ("choose", "estimate")]
        seeds = [records.draw_partition("t", *each) for each in asked]
        assert len(set(seeds)) == 4
        assert all(0 <= seed < 2**32 for seed in seeds)
        assert [records.draw_partition("t", *each) for each in asked] == seeds

    def test_a_partition_is_no_sweeps_folds(self, records, sqlite_url):
        """The seed of a sweep's own folds is never drawn on the table it was used on."""
        with Records.open(f"{sqlite_url}.other") as elsewhere:
            would = elsewhere.draw_partition("t", "a-1", "choose")
        records.create("b", {"table": "u", "folds_seed": would})
        assert records.draw_partition("t", "a-1", "choose") == would
        with Records.open(f"{sqlite_url}.third") as third:
            third.create("b", {"table": "t", "folds_seed": would})
            assert third.draw_partition("t", "a-1", "choose") != would

    def test_tried_counts_ends_on_one_table(self, records):
        """Every trial that ended and counts, of every sweep on that table, once."""

        def end(trial, state, attempt=0):
            return Entry("ended", 1.0, {"state": state, "scores": {}}, trial, attempt)

        first, second = (records.create("a", {"table": "t"}) for _ in range(2))
        other = records.create("a", {"table": "t2"})
        ends = [end(0, "completed"), end(1, "pruned"), end(2, "failed"), end(3, "cancelled")]
        records.append(first, ends)
        records.append(second, [end(0, "completed"), end(0, "completed", 1), RUNNING])
        records.append(other, ends)
        assert (records.tried("t"), records.tried("t2"), records.tried("none")) == (4, 3, 0)

    # -- hold-outs and looks ------------------------------------------------------------------

    def test_rows_are_locked_once(self, records):
        """The same rows are one hold-out, of the sweep that locked them first."""
        for sweep in ("a-1", "b-1"):
            records.lock(HoldoutRecord("d1", "columns", 2, b"\x00\xff" * 8, sweep, 0.0))
        records.lock(HoldoutRecord("d2", "others", 1, b"12345678", "b-1", 0.0))
        (found,) = records.holdouts("columns")
        assert (found.digest, found.rows, found.sweep) == ("d1", 2, "a-1")
        assert found.identities == b"\x00\xff" * 8
        assert abs(found.time - time.time()) < 60
        assert records.holdouts("none") == []

    def test_two_looks_at_once_are_never_both_the_first(self, records):
        """A look that did not know of another one is not recorded."""
        records.lock(HoldoutRecord("d1", "columns", 1, b"12345678", "a-1", 0.0))
        records.lock(HoldoutRecord("d2", "others", 1, b"12345678", "a-1", 0.0))
        look = LookRecord(0, "d1", "gone-7", 5.0, {"why": "ü", "score": 0.5}, b"\x00\x01")
        assert records.add_look(look, "columns", after=0)
        assert not records.add_look(look, "columns", after=0)
        assert records.add_look(replace(look, holdout="d2"), "others", after=0)
        (first,) = records.looks("columns")
        assert first == replace(look, seq=first.seq)
        assert records.add_look(look, "columns", after=first.seq)
        assert [each.body["why"] for each in records.looks("columns")] == ["ü", "ü"]

    def test_the_rows_of_a_table_are_kept_once(self, records):
        """They come back as they were; the same table brings the same rows; others are unknown."""
        rows = bytes(range(256)) * 8
        assert records.source("t1") is None
        records.keep_source("t1", rows)
        records.keep_source("t1", rows)
        assert (records.source("t1"), records.source("t2")) == (rows, None)

    # -- what dies ----------------------------------------------------------------------------

    def test_what_was_acknowledged_outlives_the_writer(self, url, records, sweep, start):
        """SIGKILL at any moment: no half append, nothing lost, and the next driver goes on."""
        for delay in (0.0, 0.017):
            before = len(records.entries(sweep))
            writer = start(APPEND_FOR_EVER, url, sweep)
            for _ in range(3):
                writer.stdout.readline()
            time.sleep(delay)
            writer.kill()
            said = writer.communicate()[0].split()
            acknowledged = 3 + len(said)
            found = trials(records, sweep)[before:]
            assert len(found) % BATCH == 0
            assert found == list(range(BATCH)) * (len(found) // BATCH)
            assert acknowledged <= len(found) // BATCH <= acknowledged + 1
        records.append(sweep, [DONE], records.acquire(sweep))

    def test_half_a_transaction_leaves_nothing(self, url, records, sweep, start):
        """Killed between its statements, a writer has added nothing and blocks nobody."""
        writer = start(STOP_HALF_WAY, url, sweep)
        assert writer.stdout.readline() == "half way\n"
        assert records.entries(sweep) == []
        writer.kill()
        records.append(sweep, [DONE])
        assert records.entries(sweep) == [DONE]

    def test_opened_again_everything_is_there(self, url, records, sweep):
        """A store is the same for the next program, and for one that only reads."""
        records.append(sweep, [RUNNING])
        with Records.open(url, create=False) as again:
            assert again.entries(sweep) == [RUNNING]
            assert [one.id for one in again.sweeps()] == [sweep]

    def test_threads_share_a_store(self, records, sweep):
        """Appends from two threads all arrive, each in its own order."""
        failed = []

        def write(trial):
            try:
                for fold in range(20):
                    records.append(sweep, [Entry("fold", 1.0, {}, trial, fold=fold)])
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=write, args=(trial,)) for trial in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        found = records.entries(sweep)
        for trial in range(2):
            folds = [entry.fold for entry in found if entry.trial == trial]
            assert folds == list(range(20))


class TestSQLite(RecordsContract):
    """The laws on the default store."""

    @pytest.fixture
    def url(self, sqlite_url):
        return sqlite_url

    @pytest.mark.parametrize(
        ("setting", "value"), [("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1)]
    )
    def test_its_settings(self, records, setting, value):
        """Readers do not wait for the writer; an append outlives the program, not a power cut."""
        with records._store._database.reading() as connection:
            assert connection.exec_driver_sql(f"PRAGMA {setting}").scalar() == value

    def test_a_list_goes_through_no_sweep(self, records):
        """The last state of each sweep is one seek, however many entries it has."""
        statements = []
        engine = records._store._database._engine
        sa.event.listen(engine, "before_cursor_execute", lambda *a: statements.append((a[2], a[3])))
        records.sweeps()
        statement, values = statements[-1]
        with engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        about_entries = [row.detail for row in plan if "entries" in row.detail]
        assert about_entries == ["SEARCH entries USING INDEX states_of_sweep (sweep=? AND kind=?)"]


class TestPostgreSQL(RecordsContract):
    """The same laws on a real server."""

    @pytest.fixture
    def url(self, postgresql_url):
        return postgresql_url

    def test_its_place_is_its_server_and_database(self, records):
        """Short, without user or options; large files go to the user's data folder."""
        assert records.place.startswith("postgresql:///")
        assert records.place.endswith("/postgres")
        assert records.folder.parent.name == "quintain"
