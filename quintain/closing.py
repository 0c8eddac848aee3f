"""What is said of a sweep once it is over: BBC-CV beside the estimate, and what gives pause."""

import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from evaluators.estimate import tested_share
from evaluators.optimism import bbc
from evaluators.out_of_fold import OutOfFold, from_file
from evaluators.thresholds import retuned
from evaluators.types import Warned
from search.afterthoughts import (
    Contender,
    optimism_large,
    winner_unstable,
    within_noise_of_baseline,
)
from search.entries import Entry
from search.records import Lease, Records
from search.view import read_view

if TYPE_CHECKING:
    from quintain.prepare import Prepared

#: Outputs of all trials together above which it is left out: it would need gigabytes.
MOST_CELLS = 20_000_000
#: Its mean is what counts, and that is settled by so many draws to a tenth of its own error.
#: Where outputs are millions a draw takes a third of a second, and that error is small: there as
#: few as settle it to a seventh, that the user need not wait for a minute.
DRAWS, FEWEST_DRAWS, CELLS_DRAWN = 200, 50, 400_000_000


def close(prepared: "Prepared", store: Records, lease: Lease) -> None:
    """Record what can be told of a completed sweep as a whole."""
    if store.state(lease.sweep) == "completed":
        _note_optimism(prepared, store, lease)
        _note_doubts(prepared, store, lease)


def _note_doubts(prepared: "Prepared", store: Records, lease: Lease) -> None:
    """Warn where the numbers promise less than they seem to."""
    view = read_view(store, lease.sweep)
    found, best, direction = view.finals.estimate, view.best, prepared.objective.direction
    if best is None:
        return
    if found is None:
        if "no_fresh_folds" not in [each.code for each in view.warnings]:
            why = view.finals.failure or "the time was up before the winner was scored"
            none = Warned("no_estimate", f"the winner has no honest estimate: {why}")
            store.append(lease.sweep, [Entry("warning", time.time(), asdict(none))], lease)
        return
    low, high = found.interval.low, found.interval.high
    contenders = [
        Contender(each.name, each.search_folds, each.fresh_folds) for each in view.finals.finalists
    ]
    baseline = math.nan if view.baseline is None else view.baseline.score
    doubts = within_noise_of_baseline(found.score, low, high, baseline, direction)
    if prepared.part is None:  # on a part scores, and who leads, differ for want of rows as well
        selection = best.score - view.finals.cuts_raise
        doubts += optimism_large(selection, found.score, low, high, direction)
        doubts += winner_unstable(contenders, direction, tested_share(prepared.splits))
    store.append(
        lease.sweep, [Entry("warning", time.time(), asdict(each)) for each in doubts], lease
    )


def _note_optimism(prepared: "Prepared", store: Records, lease: Lease) -> None:
    """Record BBC-CV over all trials that could have won.

    Trials that were pruned take no part: each was seen to end well below the best, so that hardly
    a draw would choose it. Left out where the outputs of a trial were not kept, where fewer than
    two completed, and with groups: a draw leaves few of them out in a fold, so that more pairs are
    compared within one, and it came out above what it should correct.
    """
    completed = [
        entry
        for entry in store.entries(lease.sweep)
        if entry.kind == "ended"
        and entry.body["state"] == "completed"
        and not entry.body.get("infeasible")
    ]
    cells = len(completed) * prepared.rows_searched * prepared.plan.repeats
    whole = len(completed) > 1 and all(entry.body.get("oof") for entry in completed)
    grouped = prepared.dataset.groups is not None
    if grouped or not whole or cells > MOST_CELLS:
        return
    trials = [_outputs(prepared, store, lease.sweep, entry) for entry in completed]
    metric = prepared.objective
    draws = min(DRAWS, max(FEWEST_DRAWS, CELLS_DRAWN // cells))
    score, interval = bbc(metric, trials, draws=draws)
    body = {"score": score, "trials": len(trials), "bounds": metric.bounds, **asdict(interval)}
    store.append(lease.sweep, [Entry("optimism", time.time(), body)], lease)


def _outputs(prepared: "Prepared", store: Records, sweep: str, entry: Entry) -> OutOfFold:
    """A trial's out-of-fold rows, from the file that its entry names."""
    kept = (store.folder / sweep / entry.body["oof"]).read_bytes()
    scored, task = from_file(kept, prepared.dataset.target, prepared.splits), prepared.assignment
    return retuned(task.tune, scored) if task.tuned_objective and task.tune else scored
