"""What of a sweep was known before it ran: which trials, from where, what that saved."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from search.view_rows import TrialView


@dataclass(frozen=True, slots=True)
class KnownView:
    """Trials that ended in earlier sweeps.

    Attributes:
        trials: how many of this sweep's; ``sweeps``: by the sweep that each was run in.
        of: trials that reached an end, these included.
        saved_cpu_s: CPU seconds that trials and finalists took there.
        replays: the sweep that this one only tells again; None where it has run by itself.
        finalists: runs of finalists that were told again.
        warm: sweeps that the sampler was told of: each {sweep, trials, outside}.
    """

    trials: int = 0
    of: int = 0
    sweeps: Mapping[str, int] = field(default_factory=dict)
    saved_cpu_s: float = 0.0
    replays: str | None = None
    finalists: int = 0
    warm: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of_trials(
        cls, trials: Iterable[TrialView], finalists: Iterable[TrialView],
        header: Mapping[str, Any], warm: Iterable[Mapping[str, Any]],
    ) -> "KnownView | None":  # fmt: skip
        """Of these trials and finalists' runs; None where nothing was known."""
        every = [trial for trial in trials if trial.state in ("completed", "pruned", "failed")]
        known = [trial for trial in every if trial.cached_from is not None]
        runs = [row for row in finalists if row.cached_from is not None]
        froms = Counter(each.cached_from[0] for each in known if each.cached_from)
        saved_s = sum(each.saved_cpu_s for each in (*known, *runs))
        found = cls(
            len(known), len(every), dict(froms.most_common()), saved_s, header.get("replays"),
            len(runs), tuple(warm),
        )  # fmt: skip
        return found if known or found.replays or found.warm else None

    def lines(self) -> list[str]:
        """For a report, a sentence each."""
        told = []
        saved = f"{self.saved_cpu_s:,.1f} CPU seconds"
        if self.replays is not None:
            runs = f"{self.finalists} run{'s' * (self.finalists != 1)} of finalists"
            told.append(
                f"0 fits: {self.replays} was this very sweep; its {self.trials} trials and {runs} "
                f"took {saved} then (--fresh runs them again)"
            )
        elif self.trials:
            some = [f"{name} ({count})" for name, count in self.sweeps.items()]
            more = f" and {len(some) - 3} sweeps more" if len(some) > 3 else ""
            told.append(
                f"{self.trials} of {self.of} trials were known from {', '.join(some[:3])}{more}: "
                f"{saved} saved (--fresh runs them again)"
            )
        for each in self.warm:
            outside = f", {each['outside']} others lie outside" if each["outside"] else ""
            told.append(
                f"warm start: learnt from {each['trials']} trials of {each['sweep']}{outside}"
            )
        return told

    def to_json(self) -> dict[str, Any]:
        """The object under "known"."""
        return {
            "trials": self.trials, "saved_cpu_s": self.saved_cpu_s, "from": dict(self.sweeps),
            "replays": self.replays, "finalists": self.finalists,
            "warm_start": [dict(each) for each in self.warm],
        }  # fmt: skip
