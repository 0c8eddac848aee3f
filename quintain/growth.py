"""A table that has grown: which of its rows are new, and whether an old claim held on them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluators.fingerprint import Hashes

Verdict = Literal["held", "did not hold", "cannot tell"]

#: Rows of the rarest class below which new rows say too little.
ENOUGH_ROWS = 10


def surplus(identities: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """(rows,) which rows ``known`` does not have; of equal rows those beyond as many as it has.

    Args:
        identities: (rows,) in any order.
        known: of the rows known before, sorted; a row that stood there twice stands here twice.
    """
    order = np.argsort(identities, kind="stable")
    risen = identities[order]
    before = np.arange(len(risen)) - np.searchsorted(risen, risen, "left")  # equal rows ahead
    had = np.searchsorted(known, risen, "right") - np.searchsorted(known, risen, "left")
    new = np.empty(len(risen), bool)
    new[order] = before >= had
    return new


class Scored(NamedTuple):
    """A score with the ends of its interval, NaN where undefined."""

    score: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a claim held.

    Attributes:
        change: the score on new rows less the claimed one, in the metric's own direction.
        noticeable: how much worse it would have to be for chance not to explain it.
        reason: of the verdict, in words.
    """

    verdict: Verdict
    change: float
    noticeable: float
    reason: str


def judge(
    claim: Scored, fresh: Scored, direction: str, counts: Sequence[int], of_class: str = ""
) -> Judgement:
    """Whether what was claimed holds on rows that came later.

    It did not where the interval of the difference lies on the worse side of zero. That interval
    is made of the two scores' own, which need not be symmetric: square-and-add (MOVER; Zou &
    Donner 2008, after Newcombe 1998). It held where the score is not below the claimed interval;
    in between the rows cannot tell.

    Args:
        claim: the estimate.
        fresh: the same model on rows it never saw.
        direction: "maximize" or "minimize".
        counts: scored rows by class, or of all in regression.
        of_class: words for the rarest class, as " of class 'yes'".
    """
    worse, better = ("lower", "higher") if direction == "maximize" else ("higher", "lower")
    c, f = (claim, fresh) if direction == "maximize" else (_turned(claim), _turned(fresh))
    change = f.score - c.score
    noticeable = math.hypot(f.high - f.score, c.score - c.low)
    told = change if direction == "maximize" else -change

    def because(verdict: Verdict, reason: str) -> Judgement:
        return Judgement(verdict, told, noticeable, reason)

    fewest = min(counts)
    if fewest < ENOUGH_ROWS:
        wanted = f"{fewest} new rows{of_class} can be scored, and {ENOUGH_ROWS} are needed"
        return because("cannot tell", f"only {wanted}" if fewest else wanted)
    if math.isnan(f.score):
        return because("cannot tell", "the metric is undefined on the new rows")
    if any(map(math.isnan, c)):
        return because("cannot tell", "no estimate with an interval was claimed")
    if math.isnan(noticeable):
        return because("cannot tell", "the score on the new rows has no interval")
    if change + noticeable < 0:
        reason = f"{worse} by {-change:.4f}, where chance explains {noticeable:.4f}"
        return because("did not hold", reason)
    if f.score >= c.low:
        where = f"{better} than" if f.score > c.high else "within"
        reason = (
            f"{where} what was claimed; a score {worse} by less than {noticeable:.4f} would not "
            f"have shown"
        )
        return because("held", reason)
    reason = f"{worse} than what was claimed, but chance explains {noticeable:.4f}"
    return because("cannot tell", reason)


def _turned(scored: Scored) -> Scored:
    """With higher as better."""
    return Scored(-scored.score, -scored.high, -scored.low)
