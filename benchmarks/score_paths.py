"""When a search's incumbent reached a level on held-back rows, and how systems compare there."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

#: Of the gain over the baseline that random search has after all its configurations.
SHARE = 0.98
RANDOM = "random"
#: Ours take at most this share of random search's whole time, by work, ...
OF_RANDOM, OF_RANDOM_REAL = 1 / 10, 1 / 4
#: ... and of another peer's time to the level.
OF_PEER = 1 / 3


@dataclass(frozen=True, slots=True)
class Seen:
    """A configuration whose selection score became known. ``at``: seconds since the epoch."""

    at: float
    params: Mapping[str, float]
    score: float


def incumbents(seen: Iterable[Seen]) -> list[Seen]:
    """Those that were the best so far when they became known, by their own scores."""
    path: list[Seen] = []
    for each in sorted(seen, key=lambda each: each.at):
        if not path or each.score > path[-1].score:
            path.append(each)
    return path


@dataclass(frozen=True, slots=True)
class Step:
    """An incumbent. ``s``: seconds since its process began; ``held``: score on held-back rows."""

    s: float
    params: Mapping[str, float]
    selection: float
    held: float


@dataclass(frozen=True, slots=True)
class Run:
    """One search by one system, all seconds since its process began.

    Attributes:
        budget_s: what random search took with this work and seed; itself: its own time.
        start_s: when its search began: imports, data and workers came before.
        end_s: when it gave its answer.
        wall_s: when its process was gone.
        chosen: its answer, empty where nothing had all its folds in time.
        chosen_held: what that scores on the rows held back; without an answer the baseline.
        notes: what it says of itself.
    """

    work: str
    seed: int
    system: str
    budget_s: float
    start_s: float
    end_s: float
    wall_s: float
    baseline: float
    path: Sequence[Step]
    chosen: Mapping[str, float]
    chosen_held: float
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, str]:
        """Which of the runs it is."""
        return self.work, self.seed, self.system

    @property
    def unreached_s(self) -> float:
        """What is counted where the level was never reached."""
        return max(self.budget_s, self.wall_s)

    def reached_s(self, level: float) -> float | None:
        """When an incumbent first was at the level."""
        return next((step.s for step in self.path if step.held >= level), None)

    def answered_s(self, level: float) -> float | None:
        """When it gave its answer, if that is at the level."""
        return self.end_s if self.chosen_held >= level else None

    def to_json(self) -> dict[str, Any]:
        """For the file; ``read`` of it is equal."""
        return asdict(self)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """As it stands in a file."""
        return cls(**{**told, "path": [Step(**each) for each in told["path"]]})


@dataclass(frozen=True, slots=True)
class Times:
    """One run's seconds; where the level was never reached, its budget.

    Attributes:
        level: until an incumbent was at the level, had its user seen it at once.
        bare: the same without what came before the search began.
        answer: until the system answered, finalists included.
    """

    level: float
    bare: float
    answer: float
    reached: bool


def level_of(random: Run) -> float:
    """The score on held-back rows that counts as found."""
    gain = random.chosen_held - random.baseline
    if gain <= 0:
        raise ValueError(f"random search gained nothing on {random.work}, seed {random.seed}")
    return random.baseline + SHARE * gain


def times(run: Run, level: float) -> Times:
    """When this run was where."""
    reached, answered = run.reached_s(level), run.answered_s(level)
    never = run.unreached_s
    return Times(
        level=never if reached is None else reached,
        bare=never if reached is None else max(0.0, reached - run.start_s),
        answer=never if answered is None else answered,
        reached=reached is not None,
    )


def measured(runs: Iterable[Run], work: str) -> dict[str, dict[int, Times]]:
    """Times by system and seed, of the seeds whose random search is there."""
    mine = [run for run in runs if run.work == work]
    levels = {run.seed: level_of(run) for run in mine if run.system == RANDOM}
    found: dict[str, dict[int, Times]] = {}
    for run in mine:
        if run.seed in levels:
            found.setdefault(run.system, {})[run.seed] = times(run, levels[run.seed])
    return found


def spread(numbers: Sequence[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": statistics.median(numbers), "low": min(numbers), "high": max(numbers)}


def laws(found: Mapping[str, Mapping[int, Times]], work: str, ours: str) -> list[dict[str, Any]]:
    """Each peer beside one of ours: medians of the ratios seed by seed, and whether the law holds.

    Random search tells nothing before its end, so that is its time. Halving tells nothing either,
    but is taken as if it told the best of each rung; its whole time is in the table.
    """
    told = []
    for peer, theirs in found.items():
        seeds = [seed for seed in theirs if seed in found.get(ours, {})]
        if peer.startswith("quintain") or not seeds:
            continue
        limit = OF_PEER
        if peer == RANDOM:
            limit = OF_RANDOM if work == "medium" else OF_RANDOM_REAL
        base = {s: theirs[s].answer if peer == RANDOM else theirs[s].level for s in seeds}
        ratio = spread([found[ours][s].level / base[s] for s in seeds])
        answer = spread([found[ours][s].answer / base[s] for s in seeds])
        told.append(
            {"work": work, "ours": ours, "peer": peer, "limit": limit, "seeds": len(seeds),
             "ratio": ratio, "with_finalists": answer, "holds": ratio["median"] <= limit}
        )  # fmt: skip
    return told


def lines(found: Mapping[str, Mapping[int, Times]], work: str) -> list[str]:
    """The table of one work."""
    head = f"{'system':16}{'reached':>8}{'level s':>24}{'no start-up s':>24}{'answer s':>24}"
    told = [f"{work}: seconds to the level, median (least-most)", head]
    for system, by_seed in found.items():
        each = list(by_seed.values())
        shown = [
            _told([getattr(one, name) for one in each]) for name in ("level", "bare", "answer")
        ]
        reached = f"{sum(one.reached for one in each)}/{len(each)}"
        told.append(f"{system:16}{reached:>8}" + "".join(f"{text:>24}" for text in shown))
    return told


def law_line(law: Mapping[str, Any]) -> str:
    """One law in one line."""
    ratio, answer = law["ratio"], law["with_finalists"]
    verdict = "holds" if law["holds"] else "MISSED"
    return (
        f"{law['work']:8} {law['ours']:15} of {law['peer']:10} {ratio['median']:6.2f} "
        f"({ratio['low']:.2f}-{ratio['high']:.2f}), by its answer {answer['median']:.2f} "
        f"({answer['low']:.2f}-{answer['high']:.2f}); at most {law['limit']:.2f}: {verdict}"
    )


def _told(numbers: Sequence[float]) -> str:
    found = spread(numbers)
    return f"{found['median']:.1f} ({found['low']:.1f}-{found['high']:.1f})"
