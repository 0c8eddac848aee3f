"""The ledger of locked rows: what is kept from a new sweep, how many looks are used up, and what
the next one is answered.

Nothing here reads or writes a store. Rows are known by their identities, so that looks count
whichever sweep took them, at whatever size its hold-out had and from whatever file it was read.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.fingerprint import Hashes
from evaluators.identity import digest_of
from evaluators.ladder import Rung, climb, interval_of, one_test_set, rounded, step_of
from evaluators.metrics import Metric
from evaluators.out_of_fold import OutOfFold
from evaluators.prior import corrected
from evaluators.types import Floats, Interval, Ints, ScoreKind
from search.records import HoldoutRecord, LookRecord


def packed(identities: Hashes) -> bytes:
    """Eight bytes a row, sorted. Hashes are noise: no compression makes them smaller."""
    return np.sort(identities).astype("<u8").tobytes()


def unpacked(data: bytes) -> Hashes:
    """What ``packed`` wrote."""
    return np.frombuffer(data, "<u8").astype(np.uint64)


def holdout_of(identities: Hashes, names: str, sweep: str) -> HoldoutRecord:
    """Rows as they are locked."""
    return HoldoutRecord(
        digest_of(identities), names, len(identities), packed(identities), sweep, 0.0
    )


def barred(identities: Hashes, holdouts: Iterable[HoldoutRecord]) -> NDArray[np.bool_]:
    """(rows,) which of a table's rows some hold-out has locked."""
    found = np.zeros(len(identities), bool)
    for each in holdouts:
        found |= np.isin(identities, unpacked(each.identities))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class LockedRows:
    """Locked rows that are to be looked at, in the order of their sorted identities.

    Attributes:
        identities: (rows,) sorted.
        target: (rows,) class codes.
        classes: labels by code.
        name: of the target.
        groups: (rows,) or None.
    """

    identities: Hashes
    target: Ints
    classes: tuple[str, ...]
    name: str
    groups: Ints | None = None

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.identities)


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """What a model says of rows.

    Attributes:
        output: (rows,) of the positive class if binary, else (rows, classes).
        kind: how to read it.
        labels: (rows,) class codes, at the threshold in force; ``output`` if it is of numbers.
        classes: labels by code; none of numbers.
        shift: what takes its probabilities back to the true shares (``evaluators.prior``).
    """

    output: Floats
    kind: ScoreKind
    labels: NDArray[Any]
    classes: tuple[str, ...]
    shift: tuple[float, ...] | None = None

    def to_bytes(self) -> bytes:
        """A line of JSON, then the outputs as 32-bit numbers and the labels, compressed.

        Predicted numbers have no labels, and all their 64 bits: a target may be large and vary
        little.
        """
        head = {
            "kind": self.kind, "classes": self.classes, "outputs": self.output.shape[1:],
            "shift": self.shift,
        }  # fmt: skip
        if self.kind == "value":
            content = self.output.astype("<f8").tobytes()
        else:
            content = self.output.astype("<f4").tobytes() + self.labels.astype("<u2").tobytes()
        return json.dumps(head).encode() + b"\n" + zlib.compress(content)

    @classmethod
    def from_bytes(cls, data: bytes, rows: int) -> "Submission":
        """What ``to_bytes`` wrote."""
        line, _, rest = data.partition(b"\n")
        head, content = json.loads(line), zlib.decompress(rest)
        if head["kind"] == "value":
            numbers = np.frombuffer(content, "<f8").astype(np.float64)
            return cls(numbers, "value", numbers, ())
        labels = np.frombuffer(content[-2 * rows :], "<u2").astype(np.int64)
        output = np.frombuffer(content[: -2 * rows], "<f4").astype(np.float64)
        shape, shift = (rows, *head["outputs"]), head["shift"]
        return cls(
            output.reshape(shape), head["kind"], labels, tuple(head["classes"]),
            None if shift is None else tuple(shift),
        )  # fmt: skip

    def under(self, classes: tuple[str, ...]) -> "Submission | None":
        """The same with other codes for its classes; None where they are not the same labels.

        Two sweeps may differ in which label is the positive one.
        """
        if self.classes == classes:
            return self
        if set(self.classes) != set(classes):
            return None
        place = [self.classes.index(label) for label in classes]  # old code by new code
        labels = np.argsort(place)[self.labels]
        shift = None if self.shift is None else tuple(self.shift[code] for code in place)
        if self.output.ndim == 2:
            output = self.output[:, place]
        else:
            output = 1 - self.output if self.kind == "proba" else -self.output
        return Submission(output, self.kind, labels, classes, shift)

    def part(self, index: Ints) -> "Submission":
        """Some of the rows."""
        return Submission(
            self.output[index], self.kind, self.labels[index], self.classes, self.shift
        )


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a look is answered.

    Attributes:
        look: its number on these rows, 1 the first.
        score: what is told.
        interval: around it, at the look's level.
        told: whether ``score`` is this model's; else it is the best so far, and this model was
            not shown to be better. None where a later look had nothing to be compared with, as
            one for another target.
        exact: this model's score, which only the ledger keeps.
        rows: how many the score rests on; the best so far may have been asked about fewer.
    """

    look: int
    score: float
    interval: Interval
    told: bool | None
    exact: float
    rows: int


def used(identities: Hashes, looks: Sequence[LookRecord], rows: Mapping[str, Hashes]) -> int:
    """How many looks at these rows are used up: the sum over looks of the share of the rows that
    they saw, rounded up, so that rows nobody has seen bring fresh looks.

    ``rows``: the identities of each hold-out, by its digest.
    """
    seen = sum(int(np.isin(identities, rows[look.holdout]).sum()) for look in looks)
    return -(-seen // len(identities))


def budget(
    identities: Hashes, looks: Sequence[LookRecord], rows: Mapping[str, Hashes], asked: int
) -> int:
    """Looks that these rows bear: as asked, but no more than an earlier look at them had.

    Else a later spec could lift the limit that the first one set.
    """
    known = [
        int(look.body["look"] + look.body["remaining"])
        for look in looks
        if np.isin(identities, rows[look.holdout]).any()
    ]
    return min([asked, *known])


def answer(
    metric: Metric,
    test: LockedRows,
    new: Submission,
    looks: Sequence[LookRecord],
    rows: Mapping[str, Hashes],
) -> Answer:
    """What a look at ``test`` is answered after the earlier ``looks``.

    The first is answered exactly. Later ones go through the ladder, which is climbed anew over
    the outputs of every earlier look at these rows, by this look's metric: a look with one metric
    is a look for all others.
    """
    number = used(test.identities, looks, rows) + 1
    scored = as_scored(metric, np.arange(test.rows), test.target, new)
    exact = scored.score(metric)
    rung: Rung | None = None
    for turn, (index, earlier) in enumerate(_comparable(test, looks, rows), start=1):
        rung, _ = climb(
            metric, rung, as_scored(metric, index, test.target[index], earlier), turn, test.groups
        )
    if number == 1:
        interval = interval_of(metric, scored, number, test.groups)
        return Answer(number, exact, interval, True, exact, test.rows)
    alone = rung is None
    rung, told = climb(metric, rung, scored, number, test.groups)
    interval = interval_of(metric, rung.scored, number, test.groups)
    # the ends would give away what the rounding hides
    unit, rests_on = step_of(metric, scored), len(rung.scored.rows)
    low, high = (rounded(end, rests_on, unit) for end in (interval.low, interval.high))
    score = rounded(rung.score, rests_on, unit) if told else rung.score
    found = Interval(low, high, interval.level, f"ladder, {interval.method}")
    return Answer(number, score, found, None if alone else told, exact, rests_on)


def _comparable(
    test: LockedRows, looks: Sequence[LookRecord], rows: Mapping[str, Hashes]
) -> Iterable[tuple[Ints, Submission]]:
    """Earlier looks at some of these rows, for the same target: which rows, and the outputs."""
    for look in looks:
        seen = rows[look.holdout]
        index = np.flatnonzero(np.isin(test.identities, seen))
        if not len(index) or look.body["target"] != test.name:
            continue
        earlier = Submission.from_bytes(look.outputs, len(seen)).under(test.classes)
        if earlier is None:
            continue
        yield index, earlier.part(np.searchsorted(seen, test.identities[index]))


def as_scored(metric: Metric, rows: Ints, target: Ints, model: Submission) -> OutOfFold:
    """What a model says, as ``metric`` reads it; ``rows`` are the numbers of the rows."""
    output = corrected(model.output, model.shift) if metric.needs == "proba" else model.output
    return one_test_set(rows, target, output, model.kind, model.labels)


def look_body(answered: Answer, **told: Any) -> dict[str, Any]:
    """What the ledger keeps of a look."""
    interval = answered.interval
    return {
        **told, "look": answered.look, "score": answered.score, "low": interval.low,
        "high": interval.high, "level": interval.level, "method": interval.method,
        "told": answered.told, "exact": answered.exact, "rows": answered.rows,
    }  # fmt: skip
