"""What a spec asks for, once its data has told whether the target is a label or a number."""

from collections.abc import Iterator

from evaluators.model_table import OWN_CLASS_WEIGHTS
from evaluators.models import registered
from evaluators.resampling import NONE
from evaluators.types import Dataset, Warned
from search.spec import Spec, space_of

#: Keys of a ``[[model]]`` block that speak of classes, wherever they stand.
_OF_CLASSES = ("class_weight", *OWN_CLASS_WEIGHTS)


def settled(spec: Spec, dataset: Dataset) -> Spec:
    """The spec with the default spaces of the task that the data calls for.

    Raises:
        SpecError: what was written is wrong beside those.
    """
    return spec.as_regression() if dataset.regression else spec


def seems_regression(spec: Spec) -> bool:
    """Which task the spec itself tells, where its data could not be read."""
    if spec.data.task != "auto":
        return spec.data.task == "regression"
    named = {block.estimator for block in spec.model}
    return bool(named - set(registered()) & set(registered(regression=True)))


def misplaced(spec: Spec) -> Iterator[str]:
    """What models are asked to do with classes though the target is a number; a line each."""
    why = "the target is a number, and this is for classes: leave it out"
    for position, block in enumerate(spec.model):
        at = f"$.model[{position}]"
        asked = {
            "class_weight": block.class_weight,
            "resample": set(block.methods) - {NONE},
            "resample_ratio": block.resample_ratio,
        }
        yield from (f"{at}.{key}: {why}" for key, value in asked.items() if value)
        if block.estimator in set(registered()) - set(registered(regression=True)):
            continue  # it is refused as a whole, and its default space is that of classes
        for home, given in (("params", block.params), ("space", block.space)):
            yield from (f"{at}.{home}.{key}: {why}" for key in _OF_CLASSES if key in given)


def grid_warnings(spec: Spec) -> list[Warned]:
    """A grid that the budget does not cover is searched in part."""
    size = space_of(spec).cardinality()
    if spec.search.sampler != "grid" or size is None or size <= spec.search.trials:
        return []
    message = (
        f"the grid has {size} configurations and search.trials is {spec.search.trials}: "
        "a random part of it is searched; raise trials to search all"
    )
    return [Warned("grid_capped", message, float(size))]
