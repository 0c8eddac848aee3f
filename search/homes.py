"""Which worker has which folds prepared: where preparing takes long, a fold's fits go to it."""

from collections.abc import Iterable, Sequence

from search.events import Item


class Homes:
    """Folds by worker, as far as it was given them one by one."""

    def __init__(self) -> None:
        self._folds: dict[str, set[int]] = {}

    def __contains__(self, worker: str) -> bool:
        """Whether it has any."""
        return worker in self._folds

    def settle(self, worker: str, items: Iterable[Item]) -> None:
        """A worker begins these: the folds that are named have a home with it."""
        if named := {fold for item in items for fold in item.part}:
            self._folds.setdefault(worker, set()).update(named)

    def leave(self, worker: str) -> None:
        """It is gone, and all that it had."""
        self._folds.pop(worker, None)

    def has(self, worker: str, part: Iterable[int]) -> bool:
        """Whether a worker has all folds of a part."""
        return self._folds.get(worker, set()).issuperset(part)

    def best(self, worker: str, parts: Sequence[tuple[int, ...]]) -> int:
        """The place of the part that a worker had best: one it has, else what the fewest have."""

        def claim(place: int) -> tuple[bool, int]:
            hosts = sum(self.has(each, parts[place]) for each in self._folds)
            return not self.has(worker, parts[place]), hosts

        return min(range(len(parts)), key=claim)
