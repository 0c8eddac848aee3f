"""Which rows a sweep may search: what its spec locks, and what the store's ledger keeps back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.alike import alike
from evaluators.data import load
from evaluators.errors import SplitError
from evaluators.fingerprint import Hashes
from evaluators.holdout import ENOUGH_ROWS, locked_rows
from evaluators.types import Dataset, Ints, Warned
from search.ledger import barred, holdout_of, packed, unpacked
from search.records import HoldoutRecord, Records
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
        source: identities of the whole table, whatever part of it was taken; None if not known.
        grown_from: digest of the table that the sweep before this one had; None for a first one.
    """

    development: Dataset
    locked: Dataset | None
    holdout: str | None
    kept_out: tuple[str, ...]
    warnings: tuple[Warned, ...]
    source: Hashes | None = None
    grown_from: str | None = None

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
            "grown_from": self.grown_from,
        }


def divide(
    spec: Spec,
    whole: Dataset,
    store: Records | None = None,
    header: Mapping[str, Any] | None = None,
    grown_from: str | None = None,
) -> Division:
    """Cut the table as the spec says, and keep back what earlier sweeps of the store locked.

    Args:
        spec: its [holdout] and [data].
        whole: the table.
        store: its hold-outs, of tables with these columns, are kept back; None: no store's.
        header: of a sweep that goes on or is looked at: the hold-outs of that time are kept back,
            not later ones, so that its rows and folds stay what they were.
        grown_from: digest of the table that a sweep to be continued had: of its rows none that was
            searched is locked.

    Raises:
        QuintainError: the size is out of range, the test rows do not fit, or a class has no row
            left to search on.
    """
    assert whole.identity is not None  # whatever evaluators.data.load reads has one
    found = [] if store is None else store.holdouts(whole.names)
    begins = store is not None and not found
    if header is not None:
        grown_from = header.get("grown_from")
        found = [each for each in found if each.digest in header.get("kept_out", ())]
    found = [each for each in found if barred(whole.identity, [each]).any()]
    if spec.holdout.source:
        kept, locked, warned = _by_source(spec, whole)
    else:
        searched = None if grown_from is None else _searched(whole, store, found, grown_from)
        kept, locked, warned = _by_size(spec, whole, searched)
    own = None if locked is None else _holdout(locked)
    if store is not None and begins:
        warned += [] if own is None else [_new_ledger(store)]
        warned += _columns_changed(spec, whole, store)
    if store is not None and own is not None and header is None:
        warned += _searched_before(store, own)
    digests = [each.digest for each in found]
    if found:
        back = barred(whole.identity[kept], found)
        if back.any():
            warned.append(_held_back(int(back.sum()), [each.sweep for each in found]))
            kept = kept[~back]
    part = whole if len(kept) == whole.rows else whole.take(kept)
    development = replace(part, source=None)  # it travels to workers
    _refuse_without_a_class(development)
    if own is not None and own.digest not in digests:
        digests.append(own.digest)
    digest = None if own is None else own.digest
    return Division(
        development, locked, digest, tuple(digests), tuple(warned), whole.source, grown_from
    )


def register(store: Records, sweep: str, division: Division) -> None:
    """Lock this sweep's hold-out away from every other sweep of the store, before work begins.

    Which rows the table has is kept too, so that ``quintain refresh`` can tell new ones.
    """
    if division.source is not None:
        store.keep_source(division.development.table, packed(division.source))
    if division.locked is not None:
        store.lock(_holdout(division.locked, sweep))


def _holdout(locked: Dataset, sweep: str = "") -> Any:
    assert locked.identity is not None  # whatever evaluators.data.load reads has one
    return holdout_of(locked.identity, locked.names, sweep)


def _by_size(
    spec: Spec, whole: Dataset, searched: NDArray[np.bool_] | None
) -> tuple[Ints, Dataset | None, list[Warned]]:
    """Development positions, locked rows, warnings; no row that was ``searched`` is locked."""
    size = spec.holdout.test_size
    development, locked, warned = locked_rows(whole, size)
    if searched is not None and searched[locked].any():
        least = ENOUGH_ROWS if size == "auto" else 1
        locked, warned = _unsearched(whole, locked, searched, least)
        development = np.setdiff1d(np.arange(whole.rows), locked)
    return development, whole.take(locked) if len(locked) else None, list(warned)


def _searched(
    whole: Dataset, store: Records | None, found: list[HoldoutRecord], table: str
) -> NDArray[np.bool_]:
    """(rows,) which rows a sweep on the earlier ``table`` could search."""
    assert whole.identity is not None
    known = None if store is None else store.source(table)
    earlier = np.isin(whole.identity, unpacked(known or b""))
    return earlier & ~barred(whole.identity, found)


def _unsearched(
    whole: Dataset, locked: Ints, searched: NDArray[np.bool_], least: int
) -> tuple[Ints, tuple[Warned, ...]]:
    """Those of the locked rows that nobody searched; none if they are too few to judge by.

    So it goes where a table was too small for a hold-out and has grown, or where rows were added
    that are older than those at which time was cut.
    """
    left = locked[~searched[locked]]
    counts = whole.counts(left)
    rarest = int(np.argmin(counts))
    if counts[rarest] >= least:
        return left, ()
    text = (
        f"no hold-out is locked: it would take {len(locked)} rows, but {searched[locked].sum()} of "
        f"them were searched before, and the others have {counts[rarest]} rows"
        f"{whole.of_class(rarest)} to judge by"
    )
    return locked[:0], (Warned("no_holdout", text, float(counts[rarest])),)


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


def _columns_changed(spec: Spec, whole: Dataset, store: Records) -> list[Warned]:
    """A row is known by all its cells: under other columns, what was locked is not recognised."""
    for found in store.sweeps():
        header = found.header
        same = header.get("spec", {}).get("data", {}).get("source") == spec.data.source
        other = header.get("source_columns") not in (None, whole.names)
        if same and other and header.get("holdout") and header.get("folder") == str(spec.folder):
            text = (
                f"{spec.data.source} has other columns than when {found.id} locked "
                f"{header['rows_locked']} of its rows: they cannot be recognised, and may be "
                f"searched on now; to leave a column out, name it in data.drop instead"
            )
            return [Warned("columns_changed", text, float(header["rows_locked"]))]
    return []


def _searched_before(store: Records, own: HoldoutRecord) -> list[Warned]:
    """Rows that are locked now for the first time, after earlier sweeps have searched on them."""
    locked = unpacked(own.identities)
    searched = np.zeros(len(locked), bool)
    known = {each.digest: each for each in store.holdouts(own.names)}
    sweeps = []
    for found in store.sweeps():
        header = found.header
        if header.get("source_columns") != own.names or own.digest in header.get("kept_out", ()):
            continue
        away = [known[digest] for digest in header.get("kept_out", ()) if digest in known]
        had = np.isin(locked, unpacked(store.source(header["table"]) or b""))
        had &= ~barred(locked, away)
        if had.any():
            searched |= had
            sweeps.append(found.id)
    if not sweeps:
        return []
    named = ", ".join(sweeps[:3]) + (", ..." if len(sweeps) > 3 else "")
    text = (
        f"{searched.sum()} of the {len(locked)} rows of the hold-out were searched on by {named} "
        f"before they were locked: a look at them is not fully clean; new rows are, see quintain "
        f"refresh"
    )
    return [Warned("searched_before_locked", text, float(searched.sum()))]


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
