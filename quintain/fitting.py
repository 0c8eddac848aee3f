"""What models cannot do with the data, or with the metrics: refused before anything is fitted."""

from collections.abc import Mapping

from evaluators.models import ModelRecipe, build, misfits
from evaluators.resampling import weightless
from evaluators.scoring import check_output
from evaluators.types import Dataset, ScoreKind
from quintain.measures import Measures
from search.errors import SpecError
from search.space import Choice
from search.spec import Spec, space_of


def check_weights(spec: Spec, recipes: Mapping[str, ModelRecipe], dataset: Dataset) -> None:
    """Refuse class weights of no class of the data, and weighted rows where nothing has a use."""
    space, problems = space_of(spec), []
    for position, block in enumerate(spec.model):
        weights: list[object] = [None if dataset.regression else block.fixed_class_weight]
        for parameter in space.models[block.name]:
            if parameter.name == "class_weight" and isinstance(parameter.domain, Choice):
                weights += parameter.domain.options
        weighted = dataset.weight is not None
        said = misfits(recipes[block.name], weights, dataset.classes, weighted_rows=weighted)
        problems += [f"$.model[{position}].class_weight: {line}" for line in said]
        said = weightless(block.methods) if weighted else []
        problems += [f"$.model[{position}].resample: {line}" for line in said]
    if problems:
        raise SpecError(problems)


def check_outputs(measured: Measures, recipes: Mapping[str, ModelRecipe], dataset: Dataset) -> None:
    """Refuse what needs probabilities where a model gives decision values only."""
    objective = measured.metrics[0]
    if objective.needs != "proba" and measured.cut is None:
        return  # building a model imports its library
    kinds: dict[str, ScoreKind] = {}
    for name, recipe in recipes.items():
        try:
            model = build(
                recipe, {}, dataset.columns, dataset.classes, dataset.target, threads=1, seed=0
            )
        except Exception:  # it may need parameters of the space: its trials will tell
            continue
        kinds[name] = "proba" if hasattr(model, "predict_proba") else "decision"
    check_output(objective, kinds, measured.cut)
