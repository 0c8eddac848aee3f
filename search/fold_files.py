"""Folds of trials under way, in files beside the store, so that they outlive their driver.

A trial whose driver was killed goes on from the folds it has. Only folds that took long are worth
a file, and it goes when its trial has ended. They are a second copy of what a worker can fit again:
where one cannot be written or read, that is what happens.
"""

from pathlib import Path

from evaluators.types import FoldResult

#: Seconds of a fold from which on it is kept.
LEAST_S = 10.0
_ENDING = ".fold"


class FoldFiles:
    """Those of one sweep, in ``folder``: ``TRIAL-FOLD.fold``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trials = {_numbers(file)[0] for file in folder.glob(f"*{_ENDING}")}

    def keep(self, trial: int, result: FoldResult) -> None:
        """A fold of a trial is done."""
        from evaluators.fold_file import packed

        if result.resources.wall_s < LEAST_S:
            return
        path = self._folder / f"{trial}-{result.fold}{_ENDING}"
        aside = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(packed(result))
            aside.rename(path)
        except OSError:
            return
        self._trials.add(trial)

    def drop(self, trial: int) -> None:
        """A trial has ended."""
        if trial in self._trials:
            self._trials.remove(trial)
            for file in self._folder.glob(f"{trial}-*{_ENDING}"):
                file.unlink(missing_ok=True)

    def read(self) -> dict[int, dict[int, FoldResult]]:
        """What an earlier driver has left, by trial and fold."""
        from evaluators.fold_file import unpacked

        found: dict[int, dict[int, FoldResult]] = {}
        for file in self._folder.glob(f"*{_ENDING}"):
            trial, fold = _numbers(file)
            try:
                found.setdefault(trial, {})[fold] = unpacked(file.read_bytes())
            except (OSError, ValueError):
                file.unlink(missing_ok=True)
        return found


def _numbers(file: Path) -> tuple[int, int]:
    trial, _, fold = file.stem.partition("-")
    return int(trial), int(fold)
