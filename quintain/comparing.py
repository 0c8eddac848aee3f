"""``quintain compare A B``: better, worse or cannot tell, with the interval of the difference.

Both sides are taken as they were scored while searching: the same rows, and where the specs agree
the same folds, so that the difference is much surer than either score. What it compares are
configurations, on scores that helped to choose them: of a sweep's winner they are the best of many.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evaluators.errors import QuintainError
from search.bodies import number
from search.entries import Entry
from search.records import Records
from search.view import SweepView, read_view

if TYPE_CHECKING:  # scikit-learn and pandas are imported when there is something to compare
    from evaluators.metrics import Metric
    from evaluators.out_of_fold import OutOfFold
    from evaluators.types import Ints
    from quintain.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Comparison:
    """What ``compare`` found; ``difference`` is ``a_score - b_score``, NaN where undefined.

    Attributes:
        a, b: "SWEEP:TRIAL", or "SWEEP:default" for a winner that is the default configuration.
        verdict: of A: "better", "worse" or "cannot tell", by the metric's own direction.
        method: of the interval.
        notes: what a reader should bear in mind, a sentence each.
    """

    a: str
    b: str
    metric: str
    a_score: float
    b_score: float
    difference: float
    low: float
    high: float
    level: float
    verdict: str
    method: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object of ``quintain compare --json``, NaN as null."""
        told = {name: getattr(self, name) for name in self.__slots__}
        told = {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in told.items()
        }
        return {**told, "notes": list(self.notes)}

    def text(self) -> str:
        """A sentence with the verdict, then the figures, then the notes."""
        from search.report_tables import score

        said = {
            "better": f"{self.a} is better than {self.b}",
            "worse": f"{self.a} is worse than {self.b}",
            "cannot tell": f"cannot tell whether {self.a} or {self.b} is better",
        }[self.verdict]
        scores = f"{score(self.a_score)} against {score(self.b_score)}"
        ends = f"{self.level:.0%} interval {_signed(self.low)} to {_signed(self.high)}"
        return "\n".join([
            f"{said} by {self.metric}",
            f"  {scores}: difference {_signed(self.difference)}, {ends}",
            f"  by {self.method}",
            *(f"  {note}" for note in self.notes),
        ])  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One of the two: ``ended`` is the body of the entry that says how the trial ended."""

    view: SweepView
    trial: str
    ended: Mapping[str, Any]
    winner: bool

    @property
    def name(self) -> str:
        return f"{self.view.id}:{self.trial}"


def compare(
    a: str, b: str, *, metric: str | None = None, data: Any = None, records: str | None = None
) -> Comparison:
    """Compare two trials, or the winners of sweeps, on the rows that both were scored on.

    Args:
        a: an id or name of a sweep, or SWEEP:TRIAL.
        b: likewise; it may be another trial of the same sweep.
        metric: any that can be computed; without it the one that both sweeps searched by.
        data: the table or (X, y) that the sweeps were run on, where that was not a file.
        records: where the records are.

    Raises:
        QuintainError: no such trial, its outputs were not kept, or the two do not compare.
    """
    with Records.open(records, create=False) as store:
        one, other = (_side(store, text) for text in (a, b))
        _must_be_on_the_same_data(one, other)
        if metric is None and one.view.metric != other.view.metric:
            raise QuintainError(
                f"{one.view.id} was searched by {one.view.metric} and {other.view.id} by "
                f"{other.view.metric}: say which one counts with --metric {one.view.metric}"
            )
        return _compared(store, one, other, metric or one.view.metric, data)


def _side(store: Records, text: str) -> _Side:
    """What the words of the command line mean."""
    named, colon, trial = text.partition(":")
    view = read_view(store, store.resolve(named))
    entries = store.entries(view.id)
    if colon and not trial.isdecimal():
        raise QuintainError(f"{text!r}: write SWEEP:TRIAL, as {view.id}:0")
    if not colon:
        if view.best is None:
            raise QuintainError(
                f"no trial of {view.id} has completed: see quintain trials {view.id}"
            )
        if view.best.trial < 0:
            return _Side(view, "default", _default(entries, view.id), winner=True)
        trial = str(view.best.trial)
    return _Side(view, trial, _ended(view, int(trial), entries), winner=not colon)


def _ended(view: SweepView, trial: int, entries: Sequence[Entry]) -> Mapping[str, Any]:
    """How a trial ended, with outputs."""
    states = {each.trial: each.state for each in view.trials}
    if trial not in states:
        there = f"its trials are 0 to {max(states)}" if states else "it has no trials yet"
        raise QuintainError(f"{view.id} has no trial {trial}: {there}")
    if states[trial] != "completed":
        raise QuintainError(
            f"trial {trial} of {view.id} is {states[trial]}: only completed trials have outputs "
            f"to compare, see quintain trials {view.id}"
        )
    bodies = [each.body for each in entries if each.kind == "ended" and each.trial == trial]
    return _with_outputs(bodies[-1], f"trial {trial} of {view.id}")


def _default(entries: Sequence[Entry], sweep: str) -> Mapping[str, Any]:
    """The default configuration on the folds searched on, where it won as a finalist."""
    winner = [each.body["candidate"] for each in entries if each.kind == "winner"][-1]
    bodies = [each.body for each in entries if each.kind == "rescored"]
    found = [each for each in bodies if (each["candidate"], each["partition"]) == (winner, 0)]
    return _with_outputs(found[-1], f"the default configuration of {sweep}")


def _with_outputs(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not body.get("oof"):
        raise QuintainError(
            f"the outputs of {name} were not kept, so there is nothing to compare row by row"
        )
    return body


def _must_be_on_the_same_data(one: _Side, other: _Side) -> None:
    first, second = one.view.header, other.view.header
    same_table = first.get("table") and first.get("table") == second.get("table")
    if first["fingerprint"] != second["fingerprint"] and not same_table:
        raise QuintainError(
            f"{one.view.id} and {other.view.id} were run on different data: scores on different "
            "rows do not compare"
        )
    if first["classes"] != second["classes"]:
        raise QuintainError(
            f"{one.view.id} tells {_words(first['classes'])} apart and {other.view.id} "
            f"{_words(second['classes'])}: they do not compare"
        )


def _signed(value: float) -> str:
    from search.report_tables import score

    return f"{'+' if value >= 0 else ''}{score(value)}"


def _words(classes: Sequence[str]) -> str:
    return ", ".join(classes) or "numbers"


def _compared(store: Records, one: _Side, other: _Side, name: str, data: Any) -> Comparison:
    """The data read again, the outputs beside it, the verdict."""
    from evaluators.alignment import on_common_rows, places_in
    from evaluators.difference import difference
    from evaluators.estimate import tested_share

    first = _prepared(store, one, data)
    second = first if one.view.id == other.view.id else _prepared(store, other, data)
    metric = _metric(name, first, second)
    places = places_in(first.dataset, second.dataset)
    left, right, cut = on_common_rows(
        _outputs(store, one, first, metric), _outputs(store, other, second, metric), places
    )
    same_folds = _same_folds(first, second, places)
    shares = [tested_share(each.splits) for each in (first, second)]
    found, interval = difference(
        metric, left, right, same_folds=same_folds, test_share=sum(shares) / 2,
        groups=_groups(first, second, places),
    )  # fmt: skip
    a, b = left.score(metric), right.score(metric)
    if not cut:
        a, b = _recorded(one, metric.name, a), _recorded(other, metric.name, b)
    low, high = (a - b + (end - found) for end in (interval.low, interval.high))
    rows = len(set(left.rows.tolist())) if cut else None
    return Comparison(
        one.name, other.name, metric.name, a, b, a - b, low, high, interval.level,
        _verdict(low, high, metric), interval.method,
        tuple(_notes(one, other, metric.name, same_folds, rows)),
    )  # fmt: skip


def _recorded(side: _Side, metric: str, computed: float) -> float:
    """The recorded score where there is one: recorded outputs are rounded."""
    told = number(side.ended["scores"].get(metric, math.nan))
    return computed if math.isnan(told) else told


def _prepared(store: Records, side: _Side, data: Any) -> "Prepared":
    """The sweep's rows, folds and metrics once more."""
    from quintain.prepare import prepare, spec_of

    header = side.view.header
    prepared = prepare(spec_of(header), data, store, header)
    if prepared.dataset.fingerprint != header["fingerprint"]:
        raise QuintainError(
            f"the data of {side.view.id} has changed since it was searched: its outputs do not "
            f"belong to the rows that {prepared.spec.data.source} has now"
        )
    return prepared


def _metric(name: str, first: "Prepared", second: "Prepared") -> "Metric":
    """The metric by its name, the same for both sides."""
    from evaluators.metrics import resolve, tuned_name

    base, at, _ = name.partition(tuned_name(""))
    found = []
    for each in (first, second):
        known = {metric.name: metric for metric in each.assignment.metrics}
        data, folder = each.dataset, each.spec.folder
        found.append(
            known.get(base)
            or resolve(base, binary=data.binary, regression=data.regression, folder=folder)
        )
    metric = found[0]
    if metric.name == "cost" and first.spec.evaluate.costs != second.spec.evaluate.costs:
        raise QuintainError(
            "the two sweeps count costs differently: name another metric with --metric"
        )
    if not at:
        return metric
    if metric.reads != "counts" or not first.dataset.binary:
        raise QuintainError(
            f"metric {name!r}: only metrics of labels, of two classes, are read at a tuned "
            f"threshold; write {metric.name!r}"
        )
    return replace(metric, name=tuned_name(metric.name))


def _outputs(store: Records, side: _Side, prepared: "Prepared", metric: "Metric") -> "OutOfFold":
    """Every row with its output, and its label at the threshold that the metric's name says."""
    from evaluators.metrics import tuned_name
    from evaluators.out_of_fold import from_file
    from evaluators.scoring import check_output
    from evaluators.thresholds import retuned

    path = store.folder / side.view.id / side.ended["oof"]
    try:
        scored = from_file(path.read_bytes(), prepared.dataset.target, prepared.splits)
    except (OSError, ValueError) as error:
        raise QuintainError(f"the outputs of {side.name} cannot be read: {error}") from error
    check_output(metric, {side.name: scored.kind})
    if not metric.name.endswith(tuned_name("")):
        return scored
    return retuned(prepared.assignment.tune or metric, scored)


def _same_folds(first: "Prepared", second: "Prepared", places: "Ints") -> bool:
    """Whether fold for fold both were trained and scored on the same rows."""
    import numpy as np

    if first is second:
        return True
    if not np.array_equal(places, np.arange(first.dataset.rows)):
        return False
    return len(first.splits) == len(second.splits) and all(
        np.array_equal(one.train, other.train) and np.array_equal(one.test, other.test)
        for one, other in zip(first.splits, second.splits, strict=True)
    )


def _groups(first: "Prepared", second: "Prepared", places: "Ints") -> "Ints | None":
    """Groups of the first one's rows, where either spec names them."""
    import numpy as np

    if first.dataset.groups is not None or second.dataset.groups is None:
        return first.dataset.groups
    groups = np.full(first.dataset.rows, -1, dtype=np.int64)
    groups[places[places >= 0]] = second.dataset.groups[places >= 0]
    return groups


def _verdict(low: float, high: float, metric: "Metric") -> str:
    """NaN and an interval that touches 0 tell nothing."""
    if not (low > 0 or high < 0):
        return "cannot tell"
    return "better" if (low > 0) == (metric.direction == "maximize") else "worse"


def _notes(
    one: _Side, other: _Side, metric: str, same_folds: bool, rows: int | None
) -> Iterator[str]:
    if one.name == other.name:
        yield "both are the same trial"
        return
    if not same_folds:
        yield "they were scored under different folds: the interval is wider for it"
    if rows is not None:
        yield f"compared on the {rows} rows that both have searched"
    counts = [f"{each.view.counts['completed']} trials" for each in (one, other)]
    if one.view.id == other.view.id:
        yield f"one chosen as the best of {counts[0]} on these folds is optimistic"
    elif one.winner and other.winner:
        yield f"each is the best of its sweep ({counts[0]}, {counts[1]}): both scores flatter"
    for each in (one, other):
        found = each.view.finals.estimate
        if each.winner and found is not None and each.view.metric == metric:
            ends = f"{found.interval.low:.4f} to {found.interval.high:.4f}"
            yield f"{each.view.id} on fresh folds: {found.score:.4f} ({ends})"
