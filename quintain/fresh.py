"""Partitions never drawn on this data: one to choose among finalists by, one for the estimate.

They are of all development rows, also where a part of them is searched.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evaluators.errors import QuintainError
from evaluators.estimate import tested_share
from evaluators.splits import make_splits
from evaluators.types import Split, Warned
from quintain.binning import cuts_shared
from search.finals_plan import MOST_REPEATS
from search.policy import FinalRules
from search.records import Records

if TYPE_CHECKING:
    from quintain.prepare import Prepared


def fresh_partitions(
    prepared: "Prepared", store: Records, sweep: str
) -> tuple[list[list[Split]], list[Warned]]:
    """Partition 1 in one deal and partition 2 in several, by seeds that the store gives out once.

    None of either, and a warning, where the splitter has only one way to cut. A sweep that only
    tells another again has that one's.
    """
    plan, data = prepared.plan, prepared.dataset
    sweep = store.header(sweep).get("partitions_of", sweep)
    folds = plan.folds if ":" in plan.splitter else len(prepared.splits) // plan.repeats
    table = data.table or data.fingerprint
    made = []
    try:
        for role, repeats in (("choice", 1), ("estimate", MOST_REPEATS)):
            seed = store.draw_partition(table, sweep, role)
            fresh = replace(plan, folds=folds, seed=seed, repeats=repeats, fresh=True)
            made.append(make_splits(fresh, data)[0])
    except QuintainError as error:
        message = (
            f"the winner has no honest estimate, since there are no fresh folds to make it on: "
            f"{error}; quintain holdout gives one"
        )
        return [], [Warned("no_fresh_folds", message)]
    return made, []


def final_rules(prepared: "Prepared", fresh: Sequence[Sequence[Split]]) -> FinalRules:
    """What finalists are scored on, in numbers. ``fresh``: the partitions for it."""
    repeats, part = prepared.plan.repeats, prepared.part
    folds = len(prepared.splits) // repeats
    shared = cuts_shared(prepared)
    if part is None:
        return FinalRules(folds, repeats, tested_share(prepared.splits), cuts_shared=shared)
    more = part.of / len(part.rows)
    return FinalRules(folds, repeats, tested_share(fresh[0]), part.dearer, more, shared)
