"""A list of sweeps reads little of a record, and tells what the whole of it would."""

from functools import partial

import pytest

from benchmarks.written_sweeps import BEGAN, entries_of, header
from quintain import listing
from search.entries import Entry
from search.records import Records
from search.view import read_view

CUT = entries_of(20, over=False)
AMONG_FINALISTS = entries_of(20, finalists=3)[:-1]


@pytest.mark.parametrize(
    ("entries", "estimated"),
    [
        (CUT, False),
        (CUT[:2], False),
        (CUT[:40], False),
        (AMONG_FINALISTS, True),
        (AMONG_FINALISTS[:-1], False),
        ([*CUT, Entry("state", BEGAN, {"state": "stopped", "reason": "enough"})], False),
    ],
    ids=["cut off", "no trial", "mid-trial", "estimated", "chosen", "stopped with no last word"],
)
def test_a_row_without_a_summary_is_counted(tmp_path, entries, estimated):
    """From the ends alone: the same as from every entry."""
    with Records.open(str(tmp_path / "r.db")) as store:
        store.append(store.create("adult", header()), entries)
        [found] = store.sweeps()
        [told] = listing.rows(store)
        assert told == listing.row(found, partial(read_view, store))
    assert sum(told["trial_counts"].values()) == sum(entry.kind == "ended" for entry in entries)
    assert (told["estimate"] is not None) == estimated


def test_no_fold_is_read_for_a_row(tmp_path, monkeypatch):
    """They are most of a record, and a store has hundreds of sweeps that were cut off."""
    read = []
    with Records.open(str(tmp_path / "r.db")) as store:
        store.append(store.create("adult", header()), CUT)
        fold = listing.SweepFold.read
        monkeypatch.setattr(
            listing.SweepFold, "read", lambda self, entry: (read.append(entry), fold(self, entry))
        )
        listing.rows(store)
    assert {entry.kind for entry in read} == {"asked", "ended"}
