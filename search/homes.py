"""Which worker has which folds prepared: where preparing takes long, a fold's fits go to it."""

from collections.abc import Iterable, Sequence


class Homes:
    """Folds of models by worker, as far as it was given them one by one."""

    def __init__(self) -> None:
        self._folds: dict[str, set[tuple[str, int]]] = {}

    def __contains__(self, worker: str) -> bool:
        """Whether it has any."""
        return worker in self._folds

    def settle(self, worker: str, model: str, part: Iterable[int]) -> None:
        """A worker begins these folds, and has them from then on."""
        self._folds.setdefault(worker, set()).update((model, fold) for fold in part)

    def leave(self, worker: str) -> None:
        """It is gone, and all that it had."""
        self._folds.pop(worker, None)

    def has(self, worker: str, model: str, part: Iterable[int]) -> bool:
        """Whether a worker has all folds of a part."""
        return self._folds.get(worker, set()).issuperset((model, fold) for fold in part)

    def best(self, worker: str, model: str, parts: Sequence[tuple[int, ...]]) -> int:
        """The place of the part that a worker had best: one it has, else what the fewest have."""

        def claim(place: int) -> tuple[bool, int]:
            hosts = sum(self.has(each, model, parts[place]) for each in self._folds)
            return not self.has(worker, model, parts[place]), hosts

        return min(range(len(parts)), key=claim)
