"""Roads on which earlier sweeps of the same data have failed, told before one takes them again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evaluators.types import Warned
from search import bodies
from search.domains import Choice, Fixed
from search.failed_roads import LEAST, Condition, Road, failed_roads
from search.records import Records, SweepRecord
from search.spec import Model, Spec

if TYPE_CHECKING:
    from quintain.prepare import Prepared

#: Sweeps with failures that are looked into at most, the newest first.
MOST_SWEEPS = 20


@dataclass(frozen=True, slots=True)
class _Tried:
    """A trial of an earlier sweep, as far as roads go."""

    model: str
    params: Mapping[str, Any]
    state: str
    cause: str | None


def warned_of_roads(prepared: "Prepared", store: Records) -> "Prepared":
    """The same with what it should know of earlier failures."""
    found = near_roads(prepared.spec, store, prepared.dataset.fingerprint)
    return replace(prepared, warnings=(*prepared.warnings, *found))


def near_roads(spec: Spec, store: Records, fingerprint: str | None = None) -> list[Warned]:
    """What failed on this data before and may fail again, a warning each.

    ``fingerprint``: of the data; None before it was read: then a source of the same place is it.
    """
    told: dict[tuple[str, str], Warned] = {}
    for record in _failing(spec, store, fingerprint):
        theirs = {block["name"]: block["estimator"] for block in record.header["spec"]["model"]}
        for road in failed_roads(_trials(store, record.id)):
            estimator = theirs.get(road.condition.model)
            if any(
                block.estimator == estimator and _leads_there(block, road.condition)
                for block in spec.model
            ):
                # of several sweeps that found the same road the newest is named
                told.setdefault((road.cause, str(road.condition)), _warned(record.id, road))
    return list(told.values())


def _warned(sweep: str, road: Road) -> Warned:
    text = f"in {sweep} {road}; this space goes there too"
    return Warned("failed_road", text, float(road.failed))


def _failing(spec: Spec, store: Records, fingerprint: str | None) -> Iterator[SweepRecord]:
    """Sweeps of the same data of which enough trials failed, the newest first."""
    seen = 0
    for record in store.sweeps():
        header = record.header
        failed = ((record.last.get("summary") or {}).get("counts") or {}).get("failed", 0)
        if failed < LEAST or "spec" not in header or "searchcv" in header:
            continue
        if fingerprint is not None:
            same = header.get("fingerprint") == fingerprint
        else:
            place = header["spec"].get("data", {}).get("source"), header.get("folder")
            same = place == (spec.data.source, str(spec.folder))
        if same and seen < MOST_SWEEPS:
            seen += 1
            yield record


def _trials(store: Records, sweep: str) -> list[_Tried]:
    """Its trials that ended."""
    asked: dict[int, Mapping[str, Any]] = {}
    found = []
    for _, kind, trial, _, text in store.ends(sweep):
        if kind == "asked":
            asked[trial] = bodies.read(text)
        elif kind == "ended":
            body, told = bodies.read(text), asked[trial]
            found.append(_Tried(told["model"], told["params"], body["state"], body.get("cause")))
    return found


def _leads_there(block: Model, condition: Condition) -> bool:
    """Whether a configuration of the block can be on the road."""
    if condition.parameter is None:
        return True
    values: Sequence[Any] = ()
    if condition.parameter in block.params:
        values = (block.params[condition.parameter],)
    for parameter in block.parameters():
        if parameter.name != condition.parameter:
            continue
        domain = parameter.domain
        if isinstance(domain, Choice):
            values = domain.options
        elif isinstance(domain, Fixed):
            values = (domain.value,)
        elif condition.relation == "=":  # of numbers a road is a bound; these were all of a kind
            return domain.contains(condition.value)
        else:
            values = (domain.low, domain.high)
    return any(condition.holds(condition.model, {condition.parameter: each}) for each in values)
