"""A ``[[model]]`` block as it travels to a worker."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from evaluators.resampling import NOTHING, Resampling
from evaluators.user_models import Target


@dataclass(frozen=True)
class ModelRecipe:
    """A ``[[model]]`` block without its space, ready to travel to a worker.

    Attributes:
        estimator: a registered name or a reference to the user's code.
        params: fixed parameters as the user wrote them.
        class_weight: fixed class weight (see ``evaluators.class_weights``).
        target: the user's class, function or model; None for a registered name. Whatever pickles
            a recipe, the target is carried by cloudpickle and by value where it comes from a
            file: Ray and multiprocessing have picklers of their own, which know nothing of it.
        resampling: of the training rows, as far as it is fixed.
        regression: whether it is to predict a number.
    """

    name: str
    estimator: str
    params: Mapping[str, Any] = field(default_factory=dict)
    class_weight: object = None
    target: Target = None
    resampling: Resampling = NOTHING
    regression: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the target packed."""
        packed = None
        if self.target is not None:
            import cloudpickle

            packed = cloudpickle.dumps(self.target)
        return _unpacked, ({**self.__dict__, "target": None}, packed)


def _unpacked(parts: dict[str, Any], packed: bytes | None) -> ModelRecipe:
    """A recipe as it was before its journey."""
    if packed is None:
        return ModelRecipe(**parts)
    import cloudpickle

    return replace(ModelRecipe(**parts), target=cloudpickle.loads(packed))
