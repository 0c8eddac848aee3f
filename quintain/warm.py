"""``search.warm_start``: earlier sweeps that the sampler is told of before it asks.

Their trials are no trials of this sweep: they take no part in its budget, ranking or estimate. The
rules are those under which their scores may stand beside this sweep's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluators.types import Configuration, Warned
from search import bodies
from search.errors import RecordsError, SpecError
from search.known import lasts
from search.records import Records
from search.spec import Spec
from search.strategy import Told

if TYPE_CHECKING:
    from quintain.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Warmth:
    """What the sampler is told, what the record says of it, and which sweeps were refused why."""

    told: tuple[Told, ...] = ()
    noted: tuple[Mapping[str, Any], ...] = ()
    refused: tuple[Warned, ...] = ()


def refuse_unknown(spec: Spec, store: Records | None) -> None:
    """Refuse a spec that names a sweep to learn from which the store does not have.

    Raises:
        SpecError: a line for each of them.
    """
    if store is None or not spec.search.warm_start:
        return
    known, problems = {each.id for each in store.sweeps()}, []
    for place, name in enumerate(spec.search.warm_start):
        if name in known:
            continue
        try:
            said = f"{name!r} is no sweep's id; did you mean {store.resolve(name)!r}?"
        except RecordsError as error:
            said = str(error)
        problems.append(f"$.search.warm_start[{place}]: {said}")
    if problems:
        raise SpecError(problems)


def warmth(
    prepared: "Prepared", store: Records, header: Mapping[str, Any],
    noted: Sequence[Mapping[str, Any]] | None,
) -> Warmth:  # fmt: skip
    """What earlier sweeps teach this one.

    ``noted``: what the record of a sweep that goes on says of it: it is told the same again.
    """
    upto = None if noted is None else {each["sweep"]: each["upto"] for each in noted}
    told: list[Told] = []
    notes: list[Mapping[str, Any]] = []
    refused: list[Warned] = []
    there = {each.id: each for each in store.sweeps()}
    for name in prepared.spec.search.warm_start:
        if name not in there or (upto is not None and name not in upto):
            continue
        theirs = there[name].header
        why = None if upto is not None else _refusal(header, theirs)
        if why is None:
            last, found, outside = _ends(
                prepared, store, name, theirs, 2**62 if upto is None else upto[name]
            )
            if found:
                told += found
                note = {"sweep": name, "upto": last, "trials": len(found), "outside": outside}
                notes.append(note)
                continue
            why = "none of its trials lies in this space" if outside else "no trial of it has ended"
        refused.append(Warned("warm_start_refused", f"nothing is learnt from {name}: {why}"))
    return Warmth(tuple(told), tuple(notes), tuple(refused))


def _refusal(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    """Why scores of a sweep cannot stand beside ours; None where they can."""
    if theirs.get("fingerprint") != ours["fingerprint"]:
        return "it was run on other data"
    measured = ("metric", "direction", "positive", "threshold", "tuned_for")
    if any(theirs.get(name) != ours.get(name) for name in measured):
        return f"it ranks by {theirs.get('metric')}, or cuts labels elsewhere"
    if _costs(theirs) != _costs(ours):
        return "it has other costs of wrong labels"
    free = set(ours.get("kept_out") or ()) - set(theirs.get("kept_out") or ())
    if free:
        return "it has searched on rows that are locked now, and its scores tell of them"
    if theirs.get("rows_searched") != ours.get("rows_searched"):
        return f"it has searched {theirs.get('rows_searched')} rows, not {ours['rows_searched']}"
    return None


def _costs(header: Mapping[str, Any]) -> Any:
    return ((header.get("spec") or {}).get("evaluate") or {}).get("costs")


def _ends(
    prepared: "Prepared", store: Records, name: str, header: Mapping[str, Any], upto: int
) -> tuple[int, list[Told], int]:
    """Number of the last entry read, how trials inside our space ended, how many lie outside."""
    theirs = {block["name"]: block["estimator"] for block in header["spec"]["model"]}
    ours = {block.name: block.estimator for block in prepared.spec.model}
    asked: dict[int, Configuration] = {}
    found: list[Told] = []
    outside, last = 0, 0
    for seq, kind, trial, _, text in store.ends(name, upto):
        last = seq
        if kind == "asked":
            body = bodies.read(text)
            asked[trial] = Configuration(body["model"], body["params"])
        elif kind == "ended":
            told = _told(asked[trial], bodies.read(text), prepared.objective.name)
            model = asked[trial].model
            same = model in ours and ours[model] == theirs.get(model)
            if told is None:
                continue
            if same and prepared.space.contains(model, asked[trial].params):
                found.append(told)
            else:
                outside += 1
    return last, found, outside


def _told(configuration: Configuration, body: Mapping[str, Any], metric: str) -> Told | None:
    """An end in a sampler's words; None where it says nothing."""
    if body["state"] == "completed":
        if body.get("infeasible"):
            return Told(configuration, None, "infeasible")
        return Told(configuration, body["scores"].get(metric), "completed")
    if body["state"] == "pruned":
        return Told(configuration, None, "pruned")
    if body["state"] == "failed" and lasts(body, True):
        return Told(configuration, None, "infeasible")
    return None
