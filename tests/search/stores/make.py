"""Writes a small store of today's version: ``python tests/search/stores/make.py v1.db``.

Run once for each version, when it is made; the file is committed and never written again.
"""

import contextlib
import sqlite3
import sys

from search.entries import Entry
from search.records import Records

HEADER = {
    "spec": {"name": "adult-income", "search": {"trials": 2}},
    "metric": "average_precision",
    "direction": "maximize",
    "positive": ">50K",
    "positive_share": 0.239,
    "classes": ["<=50K", ">50K"],
    "budget": 2,
}
COST = {
    "wall_s": 2.5, "load_s": 0.25, "fit_s": 2.0, "score_s": 0.25, "cpu_s": 4.0, "peak_mb": 310.5,
    "threads": 2,
}  # fmt: skip
ENTRIES = [
    Entry("state", 1000.0, {"state": "running", "runner": "local", "max_concurrent": 2}),
    Entry("baseline", 1000.5, {"kind": "prior", "scores": {"average_precision": 0.239}}),
    Entry("warning", 1001.0, {"code": "few_rows", "message": "ünly a few rows", "figure": 12.0}),
    Entry("asked", 1002.0, {"model": "boosted", "params": {"depth": 3}, "origin": "tpe"}, 0),
    Entry("started", 1002.5, {"worker": "here/12", "queue_s": 0.5}, 0, 0),
    Entry("fold", 1003.0, {"scores": {"average_precision": 0.5}, "resources": COST}, 0, 0, fold=0),
    Entry("lost", 1004.0, {"reason": "killed", "guilty": True}, 0, 0),
    Entry("started", 1005.0, {"worker": "here/13", "queue_s": 0.25}, 0, 1),
    Entry(
        "ended",
        1008.0,
        {
            "state": "completed", "scores": {"average_precision": 0.75, "brier": None},
            "folds": {"average_precision": [0.5, 1.0]}, "confusion": [[5, 1], [2, 4]],
            "resources": COST, "queue_s": 0.25, "overhead_s": 0.125, "worker": "here/13",
        },
        0,
        1,
    ),
    Entry("state", 1009.0, {"state": "stopped", "reason": "Ctrl-C", "summary": {"best": None}}),
]  # fmt: skip


def make(path: str) -> None:
    """Two sweeps of one name: one with entries and a lease left over, one empty."""
    with Records.open(path) as records:
        first = records.create("adult-income", HEADER)
        records.append(first, ENTRIES)
        records.acquire(first)
        records.create("adult-income", {**HEADER, "budget": 7})
    # what differs from machine to machine, made the same
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE sweeps SET created = 1000 + serial")
        raw.execute("UPDATE leases SET host = 'there', machine = 'there/1', token = 'gone'")
        raw.execute("UPDATE leases SET pid = 12, pid_started = 3.5, heartbeat = 1009")


if __name__ == "__main__":
    make(sys.argv[1])
