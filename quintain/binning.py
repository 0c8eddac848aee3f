"""Models whose rows a worker bins once a fold and keeps: XGBoost's."""

from typing import TYPE_CHECKING

from evaluators.recipe import ModelRecipe
from evaluators.resampling import NONE

if TYPE_CHECKING:
    from quintain.prepare import Prepared

#: Values of a fold's training rows that take about a second to bin (nine were measured for 53
#: million): from so many on it matters which worker has them.
COSTLY_VALUES = 6_000_000
#: What decides how rows are binned: where it is searched, few trials could use another's.
_BINNING = {"max_bin", "tree_method", "booster", "device", "enable_categorical"}


def binned(recipe: ModelRecipe) -> bool:
    """Whether what a trial bins can serve the next: no booster without bins, no rows made up."""
    without = {"tree_method": "exact", "booster": "gblinear"}
    cutting = all(recipe.params.get(name) != value for name, value in without.items())
    made = recipe.resampling.method not in (None, NONE)  # of no other trial's rows
    return recipe.estimator == "xgboost" and cutting and not made


def cuts_shared(prepared: "Prepared") -> frozenset[str]:
    """Models whose folds have the same cuts in the search, where that is asked for."""
    task = prepared.assignment
    named = (name for name, recipe in task.recipes.items() if binned(recipe))
    return frozenset(named if task.shared_cuts else ())


def costly_folds(prepared: "Prepared") -> frozenset[str]:
    """Models for which it matters which worker has a fold's rows already."""
    columns = len(prepared.dataset.columns)
    values = columns * max(len(split.train) for split in prepared.splits)
    recipes = prepared.assignment.recipes
    alike = (
        name
        for name, recipe in recipes.items()
        if binned(recipe) and not _BINNING & {each.name for each in prepared.space.models[name]}
    )
    return frozenset(alike if values >= COSTLY_VALUES else ())
