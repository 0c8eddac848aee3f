"""Candidates of a scikit-learn search: which there are, and a strategy that asks them in order.

A space is what GridSearchCV or RandomizedSearchCV take: a dict of lists and of distributions (any
object with ``rvs``), or a list of such dicts. Its wrong forms are refused by scikit-learn's own
ParameterGrid and ParameterSampler, with their exceptions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluators.types import Configuration
from evaluators.vocabulary import Vocabulary
from search.strategy import Verdict

#: Draws from distributions where nothing says how many; RandomizedSearchCV's own default.
DRAWS = 10


def blocks(space: Any) -> list[Mapping[str, Any]]:
    """The dicts of a space.

    Raises:
        TypeError: it is neither a dict nor a list of dicts.
    """
    from sklearn.model_selection import ParameterGrid

    found = [space] if isinstance(space, Mapping) else space
    if not isinstance(found, list | tuple) or not all(isinstance(each, Mapping) for each in found):
        ParameterGrid(space)  # says what is wrong
        raise TypeError(f"the space is to be a dict or a list of dicts, not {space!r}")
    return list(found)


def is_grid(space: Any) -> bool:
    """Whether every parameter has a list of values."""
    return not any(hasattr(values, "rvs") for block in blocks(space) for values in block.values())


def grid(space: Any) -> list[dict[str, Any]]:
    """Every combination, in the order of GridSearchCV.

    Raises:
        TypeError, ValueError: a parameter has no list of values, or an empty one.
    """
    from sklearn.model_selection import ParameterGrid

    return list(ParameterGrid(space))


def sample(space: Any, count: int, random_state: Any) -> list[dict[str, Any]]:
    """So many draws, those of RandomizedSearchCV: without a repeat if there are only lists."""
    from sklearn.model_selection import ParameterSampler

    return list(ParameterSampler(space, count, random_state=random_state))


def written(
    model: str, candidates: Sequence[Mapping[str, Any]]
) -> tuple[list[Configuration], Vocabulary]:
    """Candidates as a record has them, and the objects behind their texts."""
    vocabulary = Vocabulary()
    for name in dict.fromkeys(name for params in candidates for name in params):
        vocabulary.learn(name, [params[name] for params in candidates if name in params])
    return [Configuration(model, vocabulary.write(params)) for params in candidates], vocabulary


class Listed:
    """Asks given configurations in their order, repeats among them included, each once.

    Which comes next follows from the trial's number, and from which were cancelled before they
    showed anything: those come again at the end. So a resumed sweep asks what is left.
    """

    def __init__(self, name: str, configurations: Sequence[Configuration]) -> None:
        """``name``: the origin of trials in the record."""
        self.name = name
        self._all = tuple(configurations)
        self._again: list[int] = []
        self._places: dict[int, int] = {}  # by trial

    def ask(self, trial: int) -> Configuration | None:
        """The candidate of this number, then those to be repeated; None after the last."""
        if trial < len(self._all):
            place = trial
        elif self._again:
            place = self._again.pop(0)
        else:
            return None
        self._places[trial] = place
        return self._all[place]

    def tell(
        self, trial: int, configuration: Configuration, score: float | None, verdict: Verdict
    ) -> None:
        """Scores change nothing; what was cancelled comes again."""
        place = self._noted(trial, configuration)
        if verdict == "cancelled" and place is not None:
            self._again.append(place)

    def remember(self, trial: int, configuration: Configuration) -> None:
        """A trial that was asked for before is under way."""
        self._noted(trial, configuration)

    def looked_at(self, trial: int, configuration: Configuration, score: float) -> None:
        """Looks at trials change nothing."""

    def _noted(self, trial: int, configuration: Configuration) -> int | None:
        """The candidate of a trial, which may have been asked for in an earlier run."""
        if trial in self._places:
            return self._places[trial]
        place: int | None = trial
        if trial >= len(self._all):
            alike = [each for each in self._again if self._all[each] == configuration]
            place = alike[0] if alike else None
            self._again = [each for each in self._again if each != place]
        if place is not None:
            self._places[trial] = place
        return place

    def trials(self) -> list[int | None]:
        """For each candidate the trial that tried it last; None for one not asked yet."""
        latest = {place: trial for trial, place in sorted(self._places.items())}
        return [latest.get(place) for place in range(len(self._all))]
