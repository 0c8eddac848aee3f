"""What a sweep has learnt so far: the sampler's view, the incumbent, the pace of each model.

All of it is derived from trials that ended, and rebuilt from the record on resume.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluators.race import Bar
from evaluators.types import Configuration, Resources
from search.bodies import number
from search.choice import alike
from search.entries import Entry
from search.packing import Pace, Peaks
from search.policy import Policy
from search.race import Race
from search.strategy import Strategy
from search.trials import Trial, Trials

#: Trials asked together under ``deterministic``: a constant, so that no machine differs.
GENERATION = 8
#: Trials without a gain worth speaking of after which a search may be over, at least.
STEADY = 20


class Learning:
    """Tells the strategy what ended, and keeps the best.

    Under ``deterministic`` trials are asked in generations of eight; what has ended is learnt when
    a whole generation has, in the order of asking, so that neither time nor the number of workers
    takes part in a decision. Otherwise it is learnt at once.

    Attributes:
        best: the completed trial with the best score that breaks no constraint, the first of
            equals.
        since_best: completed or pruned trials learnt since.
        failed: failed trials learnt.
        learnt: completed and pruned trials learnt.
    """

    def __init__(self, policy: Policy, strategy: Strategy, trials: Trials) -> None:
        self.pace = Pace()
        self.peaks = Peaks(policy.foreseen_mb)
        self.race = None if policy.race is None else Race(policy.race, policy.direction)
        self.best: Trial | None = None
        self.since_best = 0
        self.failed = 0
        self.learnt = 0
        self._bests: list[tuple[int, Trial]] = []  # when each incumbent came, and which it was
        self._policy = policy
        self._strategy = strategy
        self._trials = trials
        self._untold: list[Trial] = []

    def ask(self) -> Configuration | None:
        """The configuration of the next trial; None when the space has run out."""
        return self._strategy.ask(len(self._trials))

    @property
    def origin(self) -> str:
        """Who proposed the latest configuration, for the record."""
        return self._strategy.name

    def must_wait(self) -> bool:
        """Whether the generation before has to end first."""
        at_boundary = len(self._trials) % GENERATION == 0
        return self._policy.deterministic and at_boundary and self._trials.live > 0

    def ended(self, trial: Trial) -> None:
        """A trial has reached its end."""
        self._untold.append(trial)
        if not self._policy.deterministic:
            self.learn()

    def looked_at(self, trial: Trial) -> None:
        """A trial of the opening has a score at rung 0, and waits."""
        self._strategy.looked_at(trial.number, trial.configuration, trial.path[0])

    def reached(self, trial: Trial, used: Resources) -> None:
        """A trial has reached the end that it had in an earlier sweep, where it took ``used``."""
        if trial.state != "failed":
            self.measured(trial.configuration.model, used.wall_s, used.peak_mb)
        self.ended(trial)

    def measured(self, model: str, wall_s: float, peak_mb: float) -> None:
        """What a trial without a failure took."""
        self.pace.learn(model, wall_s)
        self.peaks.learn(model, peak_mb)

    def ran_out(self, trial: Trial, body: Mapping[str, Any]) -> None:
        """A trial has failed for want of memory; ``body``: of its entry, with what it reached.

        One that was given more and still had too little says what its model takes at least.
        """
        reached_mb = number(body.get("resources", {}).get("peak_mb"))
        if trial.memory_mb:
            # NaN is not above anything: then what it was given stands
            self.peaks.learn(trial.configuration.model, max(trial.memory_mb, reached_mb))

    def at_boundary(self, exhausted: bool) -> bool:
        """Whether a generation is complete, or the last one is as complete as it can be."""
        trials = self._trials
        full = len(trials) % GENERATION == 0 or trials.ended >= self._policy.budget or exhausted
        return not trials.live and full

    def learn(self) -> None:
        """Everything that ended and was not learnt yet, in the order of asking."""
        for trial in sorted(self._untold, key=lambda t: t.number):
            self._strategy.tell(trial.number, trial.configuration, self._told(trial), trial.verdict)
            self.failed += trial.state == "failed"
            said = trial.state in ("completed", "pruned")
            self.learnt, self.since_best = self.learnt + said, self.since_best + said
            if trial.state == "completed" and trial.score is not None:
                if self.race is not None:
                    self.race.learn(trial)
                best = self.best.score if self.best else None
                if not trial.infeasible and self._policy.better(trial.score, best):
                    self.best, self.since_best = trial, 0
                    self._bests.append((self.learnt, trial))
        self._untold.clear()

    def steady_for(self) -> int:
        """Over how many of the latest trials the incumbent gained no more than its folds' noise.

        A third of all that were learnt, at least ``STEADY``; 0 where it gained more, and before
        there are twice as many. The noise is one standard error of the mean difference between the
        folds of then and now (``search.choice.alike``).
        """
        window = max(STEADY, self.learnt // 3)
        before = [trial for learnt, trial in self._bests if learnt <= self.learnt - window]
        if self.learnt < 2 * window or not before or self.best is None:
            return 0
        then, now = before[-1], self.best
        pairs = list(zip(now.folds, then.folds, strict=False))
        return window if then is now or alike(pairs, 1 / max(1, len(pairs) - 1)) else 0

    def _told(self, trial: Trial) -> float | None:
        """What the sampler hears: the score; of a pruned trial where it would have ended."""
        if trial.state == "pruned" and self.race is not None:
            return self.race.foreseen(trial)
        return trial.score

    def bar(self, model: str) -> Bar | None:
        """What a further trial of a model has to score on its way."""
        best = None if self.best is None else self.best.score
        return None if self.race is None or best is None else self.race.bar(model, best)

    def relearn(self, entries: Sequence[Entry]) -> None:
        """The earlier record, as if it had happened here."""
        ended = [entry for entry in entries if entry.kind == "ended"]
        for entry in ended:
            trial = self._trials[entry.trial]
            if trial.state in ("completed", "pruned"):
                used = entry.body["resources"]
                self.measured(trial.configuration.model, used["wall_s"], used.get("peak_mb", 0.0))
            elif trial.cause == "out_of_memory":
                self.ran_out(trial, entry.body)
        if self._policy.deterministic:
            self._replay()
            return
        for entry in entries:
            if entry.kind == "paused":
                trial, seen = self._trials[entry.trial], number(entry.body["path"][0])
                self._strategy.looked_at(trial.number, trial.configuration, seen)
        for entry in ended:
            self.ended(self._trials[entry.trial])
        for trial in self._trials:
            if trial.live:
                self._strategy.remember(trial.number, trial.configuration)

    def _replay(self) -> None:
        """Ask and tell in the order of the first time, so that the stream goes on where it was."""
        for trial in self._trials:
            if trial.number % GENERATION == 0:
                self.learn()
            asked = self._strategy.ask(trial.number)
            if asked != trial.configuration:  # another version of the sampler's library
                if asked is not None:
                    self._strategy.tell(trial.number, asked, None, "cancelled")
                self._strategy.remember(trial.number, trial.configuration)
            if not trial.live:
                self._untold.append(trial)
