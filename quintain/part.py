"""``[data] rows``: the part of the rows that is searched; finalists and estimate take all rows.

The part is drawn of the development rows: what is locked away takes no part in its strata either.
Workers hold all rows, and folds are positions in them, so that a part is nothing but folds of fewer
rows.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluators.baseline import Baseline, baseline
from evaluators.data import floor_warning
from evaluators.errors import DataError, SplitError
from evaluators.fingerprint import Hashes, row_hashes
from evaluators.metrics import Metric
from evaluators.split_plan import SplitPlan
from evaluators.splits import make_splits
from evaluators.subsample import draw, least_rows
from evaluators.types import Dataset, Ints, Split, Warned

#: A fit of twice the rows takes more than twice as long: n log n and cache misses. So much is set
#: aside for it, in limits and in the plan of what follows the search.
GROWTH = 1.2


@dataclass(frozen=True, slots=True, eq=False)
class SearchedPart:
    """Which rows are searched, of how many.

    Attributes:
        rows: positions among the development rows, ascending.
        of: the development rows.
        seed: of the draw.
        redraws: draws before it that failed a test.
        failed: names of the tests that it fails itself; the draw is then the first one.
        enough: where it fails, a number of rows whose part passes; None if only all would.
        digest: of the rows' identities, to tell whether a later draw gives the same.
    """

    rows: Ints
    of: int
    seed: int
    redraws: int
    failed: tuple[str, ...]
    enough: int | None
    digest: str

    @property
    def dearer(self) -> float:
        """How many times as long a fit on all rows is taken to last; see ``GROWTH``."""
        return float((self.of / len(self.rows)) ** GROWTH)

    @property
    def header(self) -> dict[str, Any]:
        """What a sweep's header keeps of it: enough to draw the same again, without its tests."""
        told = {name: getattr(self, name) for name in ("of", "seed", "redraws", "enough", "digest")}
        return {"rows": len(self.rows), "failed": list(self.failed), **told}

    def warnings(self, dataset: Dataset) -> tuple[Warned, ...]:
        """What the user should know; ``dataset`` holds all development rows."""
        found = floor_warning(dataset, dataset.take(self.rows))
        if not self.failed:
            return found
        more = f"rows = {self.enough} passes" if self.enough else "only all rows would do"
        text = (
            f"the {len(self.rows)} rows searched do not stand for all {self.of} in "
            f"{', '.join(self.failed)}, nor did {self.redraws} redraws; {more}. The search may "
            f"favour what is good on them; finalists and estimate are on all rows"
        )
        return (*found, Warned("part_not_representative", text, float(len(self.failed))))


def searched_before_hold_out(header: Mapping[str, Any] | None) -> bool:
    """Whether a sweep is of a version that took the part first, of all rows, and knew no others.

    It goes on as it began: hold-out, folds, finalists and estimate within the part.
    """
    return header is not None and "part" not in header


def searched_part(
    rows: int | None, dataset: Dataset, plan: SplitPlan, locked: int,
    header: Mapping[str, Any] | None = None,
) -> SearchedPart | None:  # fmt: skip
    """The part of the development rows to search on; None where that is all of them.

    The same rows, spec and numbers always give the same part. It is tested against the rest, and
    drawn anew where a test fails, as ``quintain subsample`` does.

    Args:
        rows: how many; None for all.
        dataset: the development rows.
        plan: of the folds, for the message: what they need.
        locked: rows of the hold-out, for the message.
        header: of a sweep that has begun: its draw is repeated, not tested.

    Raises:
        DataError: more rows than there are, or fewer than two of each class.
    """
    if rows is None:
        return None
    if rows > dataset.rows:
        away = f" beside the {locked} locked as hold-out" if locked else ""
        raise DataError(
            f"data.rows = {rows} is more than the {dataset.rows} rows that may be searched{away}: "
            f"at most data.rows = {dataset.rows}, or leave it out to search them all"
        )
    if rows < least_rows(dataset):
        each = "" if dataset.regression else f", two of each of {len(dataset.classes)} classes"
        raise DataError(
            f"data.rows = {rows} is too few to draw a part{each}: the smallest that works is "
            f"data.rows = {_least(plan, dataset, least_rows(dataset))}"
        )
    if rows == dataset.rows:
        return None
    told = (header or {}).get("part")
    if told is not None:
        part = draw(dataset, rows, told["seed"]).rows
        known = {name: told[name] for name in ("seed", "redraws", "enough")}
        failed = tuple(told["failed"])
        return SearchedPart(
            part, dataset.rows, failed=failed, digest=_digest(dataset, part), **known
        )
    from quintain.subsampling import drawn, enough_rows  # its tests import scipy.stats

    redraws, found, tests = drawn(dataset, rows, 0)
    failed = tuple(check.name for check in tests if not check.passed)
    return SearchedPart(
        found.rows, dataset.rows, 0 if failed else redraws, redraws, failed,
        enough_rows(dataset, rows, 0) if failed else None, _digest(dataset, found.rows),
    )  # fmt: skip


def part_within(part: SearchedPart | None, dataset: Dataset) -> SearchedPart | None:
    """As many rows, by the same seed, of an outer fold's training rows; None where that is all."""
    if part is None or len(part.rows) >= dataset.rows:
        return None
    rows = draw(dataset, len(part.rows), part.seed).rows
    return replace(part, rows=rows, of=dataset.rows, digest=_digest(dataset, rows))


def _digest(dataset: Dataset, rows: Ints) -> str:
    assert dataset.identity is not None  # whatever evaluators.data.load reads has one
    return hashlib.sha256(np.sort(dataset.identity[rows]).tobytes()).hexdigest()[:16]


def folds_of(
    plan: SplitPlan, dataset: Dataset, part: SearchedPart | None
) -> tuple[list[Split], tuple[Warned, ...]]:
    """The folds searched on, as positions in ``dataset``.

    Raises:
        SplitError: as ``make_splits``; where fewer rows than all are the reason, with the smallest
            number that would do.
    """
    if part is None:
        return make_splits(plan, dataset)
    rows = len(part.rows)
    try:
        splits, warned = make_splits(plan, dataset.take(part.rows))
    except SplitError as error:
        least = _least(plan, dataset, rows)
        raise SplitError(
            f"data.rows = {rows} is too few for the folds ({error}): the smallest that works is "
            f"data.rows = {least}"
        ) from error
    return [
        Split(part.rows[split.train], part.rows[split.test], split.repeat) for split in splits
    ], warned


def _least(plan: SplitPlan, dataset: Dataset, above: int) -> int:
    """The smallest part, by the first draw, that has these folds.

    Raises:
        SplitError: not even all rows have them.
    """
    hashes = row_hashes(dataset)
    low, high = above - 1, above
    while not _has_folds(plan, dataset, high, hashes):
        if high >= dataset.rows:
            make_splits(plan, dataset)  # says why
            return dataset.rows
        low, high = high, min(2 * high, dataset.rows)
    while high - low > 1:
        between = (low + high) // 2
        if _has_folds(plan, dataset, between, hashes):
            high = between
        else:
            low = between
    return high


def _has_folds(plan: SplitPlan, dataset: Dataset, rows: int, hashes: Hashes) -> bool:
    try:
        make_splits(plan, dataset.take(draw(dataset, rows, 0, hashes).rows))
    except SplitError:
        return False
    return True


def baselines(
    metrics: Sequence[Metric], dataset: Dataset, plan: SplitPlan, splits: Sequence[Split],
    part: SearchedPart | None, tune: Metric | None,
) -> tuple[Baseline, Baseline | None]:  # fmt: skip
    """What no features score on all rows, to stand beside the estimate; and on the part searched.

    The second is None where that is the same. They differ where the part kept more of a rare class
    than its share.
    """
    if part is None:
        return baseline(metrics, dataset, splits, tune), None
    whole = make_splits(replace(plan, repeats=1), dataset)[0]
    return baseline(metrics, dataset, whole, tune), baseline(metrics, dataset, splits, tune)
