"""Which rows a sweep may search: what its spec locks, and what the store's ledger keeps back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.alike import alike
from evaluators.data import load
from evaluators.errors import SplitError
from evaluators.holdout import locked_rows
from evaluators.types import Dataset, Ints, Warned
from search.ledger import barred, holdout_of
from search.records import Records
from search.spec import Spec


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """A table cut in two. Nothing but the look of ``quintain holdout`` reads ``locked``.

    Attributes:
        development: rows to search on.
        locked: rows of this sweep's hold-out; None where there is none.
        holdout: their digest, as the ledger names them; None where there is none.
        kept_out: digests of all hold-outs whose rows are not among the development rows.
        warnings: what the user should know of it.
    """

    development: Dataset
    locked: Dataset | None
    holdout: str | None
    kept_out: tuple[str, ...]
    warnings: tuple[Warned, ...]

    @property
    def rows_locked(self) -> int:
        """Rows of this sweep's hold-out."""
        return 0 if self.locked is None else self.locked.rows

    @property
    def header(self) -> dict[str, Any]:
        """What a sweep's header keeps of it: enough to cut the same rows again."""
        return {
            "rows_locked": self.rows_locked,
            "holdout": self.holdout,
            "kept_out": list(self.kept_out),
            "source_columns": self.development.names,
        }


def divide(
    spec: Spec,
    whole: Dataset,
    store: Records | None = None,
    header: Mapping[str, Any] | None = None,
) -> Division:
    """Cut the table as the spec says, and keep back what earlier sweeps of the store locked.

    Args:
        spec: its [holdout] and [data].
        whole: the table.
        store: its hold-outs, of tables with these columns, are kept back; None: no store's.
        header: of a sweep that goes on or is looked at: the hold-outs of that time are kept back,
            not later ones, so that its rows and folds stay what they were.

    Raises:
        QuintainError: the size is out of range, the test rows do not fit, or a class has no row
            left to search on.
    """
    kept, locked, warned = _by_source(spec, whole) if spec.holdout.source else _by_size(spec, whole)
    own = None if locked is None else _holdout(locked)
    found = [] if store is None else store.holdouts(whole.names)
    if store is not None and own is not None and not found:
        warned.append(_new_ledger(store))
    if header is not None:
        found = [each for each in found if each.digest in header.get("kept_out", ())]
    digests = []
    if found and whole.identity is not None:
        found = [each for each in found if barred(whole.identity, [each]).any()]
        digests = [each.digest for each in found]
        back = barred(whole.identity[kept], found)
        if back.any():
            warned.append(_held_back(int(back.sum()), [each.sweep for each in found]))
            kept = kept[~back]
    development = whole if len(kept) == whole.rows else whole.take(kept)
    _refuse_without_a_class(development)
    if own is not None and own.digest not in digests:
        digests.append(own.digest)
    digest = None if own is None else own.digest
    return Division(development, locked, digest, tuple(digests), tuple(warned))


def register(store: Records, sweep: str, division: Division) -> None:
    """Lock this sweep's hold-out away from every other sweep of the store, before work begins."""
    if division.locked is not None:
        store.lock(_holdout(division.locked, sweep))


def _holdout(locked: Dataset, sweep: str = "") -> Any:
    assert locked.identity is not None  # whatever evaluators.data.load reads has one
    return holdout_of(locked.identity, locked.names, sweep)


def _by_size(spec: Spec, whole: Dataset) -> tuple[Ints, Dataset | None, list[Warned]]:
    """Development positions, locked rows, warnings."""
    development, locked, warned = locked_rows(whole, spec.holdout.test_size)
    return development, whole.take(locked) if len(locked) else None, list(warned)


def _by_source(spec: Spec, whole: Dataset) -> tuple[Ints, Dataset | None, list[Warned]]:
    """The same with the user's own test rows; training rows that stand among them are left out."""
    part, source = spec.data, spec.holdout.source
    test = load(
        str(source), part.target, positive=part.positive, drop=tuple(part.drop),
        group_column=part.group_column, time_column=part.time_column,
        weight_column=part.weight_column, folder=spec.folder,
        task="regression" if whole.regression else "classification",
    )  # fmt: skip
    test = alike(test, whole, f"holdout.source {source!r}")
    assert whole.identity is not None
    assert test.identity is not None
    twice = np.isin(whole.identity, test.identity)
    if not twice.any():
        return np.arange(whole.rows), test, []
    text = (
        f"{twice.sum()} rows of the training table stand in {source} too; they are kept out of "
        f"training"
    )
    return np.flatnonzero(~twice), test, [Warned("test_rows_in_training", text, float(twice.sum()))]


def _new_ledger(store: Records) -> Warned:
    text = (
        f"a new hold-out ledger starts in {store.place}: looks at these rows that other records "
        f"may hold are not known here"
    )
    return Warned("new_ledger", text)


def _held_back(rows: int, sweeps: list[str]) -> Warned:
    named = ", ".join(dict.fromkeys(sweeps))
    text = f"{rows} rows more are not searched: they are hold-out of earlier sweeps ({named})"
    return Warned("held_back", text, float(rows))


def _refuse_without_a_class(development: Dataset) -> None:
    counts = development.counts(slice(None))
    if not counts.all():
        what = development.of_class(int(np.argmin(counts)))
        raise SplitError(
            f"no row{what} is left to search on: the rest is hold-out, of this sweep "
            f"or an earlier one; add rows to the table"
        )
