"""BBC-CV beside the estimate: what choosing the best of all trials leaves of its score."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from evaluators.optimism import bbc
from evaluators.out_of_fold import OutOfFold, from_file
from search.entries import Entry
from search.records import Lease, Records

if TYPE_CHECKING:
    from quintain.prepare import Prepared

#: Outputs of all trials together above which it is left out: it would need gigabytes.
MOST_CELLS = 20_000_000
#: Where it takes longer than a second or two, fewer draws do: it only stands beside the estimate.
CELL_DRAWS = 400_000_000


def note_optimism(prepared: "Prepared", store: Records, lease: Lease) -> None:
    """Record BBC-CV over all trials of a completed sweep.

    Left out where a trial was pruned or its outputs were not kept (the choice could not be
    repeated), and where fewer than two completed.
    """
    if store.state(lease.sweep) != "completed":
        return
    ended = [entry for entry in store.entries(lease.sweep) if entry.kind == "ended"]
    completed = [entry for entry in ended if entry.body["state"] == "completed"]
    pruned = any(entry.body["state"] == "pruned" for entry in ended)
    cells = len(completed) * prepared.dataset.rows * prepared.plan.repeats
    whole = len(completed) > 1 and all(entry.body.get("oof") for entry in completed)
    if pruned or not whole or cells > MOST_CELLS:
        return
    trials = [_outputs(prepared, store, lease.sweep, entry) for entry in completed]
    draws = max(100, min(1000, CELL_DRAWS // cells))
    score, interval = bbc(prepared.objective, trials, groups=prepared.dataset.groups, draws=draws)
    body = {"score": score, "trials": len(trials), **asdict(interval)}
    store.append(lease.sweep, [Entry("optimism", time.time(), body)], lease)


def _outputs(prepared: "Prepared", store: Records, sweep: str, entry: Entry) -> OutOfFold:
    """A trial's out-of-fold rows, from the file that its entry names."""
    kept = (store.folder / sweep / entry.body["oof"]).read_bytes()
    return from_file(kept, prepared.dataset.target, prepared.splits)
