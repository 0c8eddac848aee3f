"""Whether a sweep may go on, or be compared: the same rows, hold-out, part and code as it had."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evaluators.errors import DataError, QuintainError
from search.errors import RecordsError
from search.records import Records

if TYPE_CHECKING:  # scikit-learn and pandas are imported when a sweep is prepared, not before
    from quintain.prepare import Prepared


def must_be_resumable(store: Records, sweep_id: str) -> None:
    """Refuse a sweep that is complete, and one whose driver lives."""
    state = store.state(sweep_id)
    if state in ("completed", "failed"):
        raise RecordsError(f"{sweep_id} is {state}: there is nothing to resume")
    if state == "running":
        store.acquire(sweep_id).release()  # raises, and tells who is driving it


def must_be_the_same(sweep_id: str, header: Mapping[str, Any], prepared: "Prepared") -> None:
    """Refuse to go on with other data or other code: the trials would not compare."""
    if prepared.dataset.fingerprint != header["fingerprint"]:
        raise DataError(
            f"the data of {sweep_id} has changed since it began ({prepared.spec.data.source}): "
            "start a new sweep with quintain run"
        )
    if prepared.division.holdout != header.get("holdout", prepared.division.holdout):
        raise DataError(
            f"the hold-out of {sweep_id} is not the one it locked when it began: its test rows "
            "have changed; start a new sweep with quintain run"
        )
    drawn = None if prepared.part is None else prepared.part.digest
    if (header.get("part") or {}).get("digest") != drawn:
        raise DataError(
            f"data.rows draws another part of the rows than {sweep_id} has searched: other rows "
            "are locked now, or quintain is of another version; start a new sweep with quintain run"
        )
    refuse_other_code(sweep_id, header, prepared)


def refuse_other_code(sweep_id: str, header: Mapping[str, Any], prepared: "Prepared") -> None:
    """Refuse to compare with trials that other code has scored."""
    known = header.get("code") or {}
    changed = [file for file, digest in prepared.code.items() if known.get(file) != digest]
    if changed:
        raise QuintainError(
            f"{', '.join(changed)} changed since {sweep_id} began: its trials would not compare; "
            "start a new sweep with quintain run"
        )
