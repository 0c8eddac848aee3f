"""Cross-validation of one configuration: every fold fitted, scored and measured."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from evaluators.assignment import Assignment
from evaluators.few_rows import few_of
from evaluators.fold_model import FoldModel
from evaluators.kept import Kept
from evaluators.limits import usable_cores, usable_memory_mb
from evaluators.metrics import Metric
from evaluators.models import build, classify_failure, load_library
from evaluators.number_model import NumberModel
from evaluators.oof import encode
from evaluators.race import Bar, rounds_watched
from evaluators.rows import Rows, by_reference, cuts_of
from evaluators.scoring import TrialRows, notices, outputs, score_fold, score_trial
from evaluators.thresholds import tuned
from evaluators.types import (
    Configuration,
    Dataset,
    Failure,
    Floats,
    FoldResult,
    Interval,
    Ints,
    Outcome,
    Split,
)
from evaluators.under_way import Run, overrun
from evaluators.watchdog import Overrun, guarded

#: A library may warn on every fit; a record needs to know only what it said.
WARNINGS_KEPT = 5


class Evaluator:
    """Scores configurations on fixed partitions of one dataset, in this process.

    ``partitions`` holds the folds of each: 0 is searched on, the others are not, or again with the
    cuts of each fold.

    After an outcome with ``spent`` set, a fit that could not be interrupted still runs here:
    the process has to end before anything else is evaluated.
    """

    def __init__(
        self, assignment: Assignment, dataset: Dataset, partitions: Sequence[Sequence[Split]]
    ) -> None:
        self.assignment = assignment
        self.dataset = dataset
        self.partitions = partitions
        self.spent = False
        # as many folds as there are, with two ways of weighing their rows, what some hold out, and
        # shared cuts
        self.kept = Kept(3 * len(partitions[0]) + assignment.shared_cuts)
        self._cuts = cuts_of(partitions[0], dataset) if assignment.shared_cuts else None
        self._share_mb = usable_memory_mb() * assignment.threads / usable_cores()
        for recipe in assignment.recipes.values():
            load_library(recipe)

    def evaluate(
        self, configuration: Configuration, partition: int = 0, folds: int | None = None, *,
        interval: bool = False, memory_mb: float | None = None, bar: Bar | None = None,
        part: Sequence[int] = (), kept: Sequence[FoldResult] = (),
    ) -> Iterator[FoldResult | Outcome]:  # fmt: skip
        """Each fold as it ends, then one Outcome; nothing a model does escapes as an exception.

        ``folds``: only the first so many of the partition. The limit of seconds, meant for the
        folds that are searched on, grows in proportion where there are more, or where they have
        more rows. ``interval``: the outcome carries one of the objective. ``memory_mb``: own
        memory it may take, in units of 2**20 bytes; None for no limit. ``bar``: what ends it before
        its last fold (see ``evaluators.race``). ``part``: these folds alone; the outcome has their
        results and no score (see ``put_together``). ``kept``: folds that were done before, whose
        seconds count and which meet the bar, as if they had been fitted now.
        """
        if self.spent:
            raise RuntimeError(
                "this process is spent: a fit that passed its limit still runs in it"
            )
        splits = self.partitions[partition][:folds]
        numbers, done = part or range(len(splits)), {result.fold: result for result in kept}
        race = self.assignment.race if partition == 0 and 0 in numbers else None
        run = Run(splits, self._limit(partition, len(numbers)), memory_mb, race, bar)
        run.cuts = self._cuts if partition == 0 else None
        held_mb = self._share_mb if memory_mb is None else memory_mb
        self.kept.begin(held_mb, partition, len(numbers) / max(1, len(splits)))
        for number in numbers:
            if number in done:
                self._take_over(run, done[number])
            else:
                with run.clock():
                    result = self._guarded_fold(configuration, number, run)
                if isinstance(result, Failure):
                    yield self._failed(run, result)
                    return
                if run.given_up != 0:
                    yield result
            if run.given_up is not None:
                yield self._pruned(run)
                return
        if part:
            yield Outcome(resources=run.cost(), warnings=tuple(run.said), parts=tuple(run.folds))
        else:
            yield self._concluded(run, configuration, interval)

    def put_together(
        self, configuration: Configuration, partition: int, folds: int | None,
        parts: Sequence[Outcome], *, interval: bool = False,
    ) -> Outcome:  # fmt: skip
        """What ``evaluate`` would have said, from outcomes of parts that are all of its folds.

        Its cost is theirs together, as if one worker had done it all.
        """
        race = self.assignment.race if partition == 0 else None
        run = Run(self.partitions[partition][:folds], None, None, race)
        results = (result for done in parts for result in done.parts)
        for result in sorted(results, key=lambda each: each.fold):
            self._take_over(run, result)
        run.said = dict.fromkeys(line for done in parts for line in done.warnings)
        run.busy_s = sum(done.resources.wall_s for done in parts)
        return self._concluded(run, configuration, interval)

    def _concluded(self, run: Run, configuration: Configuration, interval: bool) -> Outcome:
        """All folds are done: their scores, and what it took."""
        run.measure()
        with run.clock(), run.meter, run.meter.phase("score"):
            try:
                scored = self._scored(run)
                if interval and scored.failure is None:
                    self.kept.clear()  # of the last folds there are: draws take the room
                    scored = replace(scored, interval=self._interval(run, scored))
            except Exception as error:
                scored = self._failed(run, self._classified(error, configuration))
        return replace(scored, resources=run.cost())

    def _fold_and_rung(self, configuration: Configuration, number: int, run: Run) -> FoldResult:
        """One fold, and what is known then."""
        result = self._fold(configuration, number, run)
        self._add(run, result)
        return result

    def _take_over(self, run: Run, result: FoldResult) -> None:
        """One fold more, which was done elsewhere."""
        run.take_over(result)
        self._add(run, result)

    def _add(self, run: Run, result: FoldResult) -> None:
        """One fold more; those that are done are scored as a rung, unless they are all."""
        done = run.add(result)
        if run.race is not None and run.given_up is None and done < len(run.splits):
            scores, *_ = score_trial(
                [run.race], TrialRows(self.dataset.target, run.splits, run.folds)
            )
            run.reach(done, scores[run.race.name])

    def _watch(self, model: FoldModel | NumberModel, number: int, run: Run) -> None:
        """Have a booster's first fold looked at after a few rounds."""
        estimator, race = model.model, run.race
        rounds = rounds_watched(estimator) if number == 0 and race is not None else None
        if rounds is None or race is None:
            return
        estimator.stop_after(
            rounds, lambda: run.reach(0, self._at_rung(model, run.splits[0], race))
        )

    def _limit(self, partition: int, folds: int) -> float | None:
        """Seconds that so many folds may take."""
        limit = self.assignment.fit_seconds
        if limit is None:
            return None
        dearer = self.assignment.fresh_dearer if partition else 1.0
        return limit * dearer * max(1.0, folds / len(self.partitions[0]))

    def _classified(self, error: BaseException, configuration: Configuration) -> Failure:
        """What the model, or the user's metric, raised."""
        recipe = self.assignment.recipes[configuration.model]
        return classify_failure(error, user_code=recipe.target is not None)

    def _guarded_fold(
        self, configuration: Configuration, number: int, run: Run
    ) -> FoldResult | Failure:
        """One fold under the trial's limits; a failure still carries what it cost."""
        limit = run.limit_s
        run.measure()
        try:
            result = guarded(
                lambda: self._fold_and_rung(configuration, number, run),
                seconds=None if limit is None else max(limit - run.busy_s, 0.001),
                megabytes=run.memory_mb,
            )
        except (Exception, SystemExit) as error:  # a model may call sys.exit
            return self._classified(error, configuration)
        if isinstance(result, Overrun):
            self.spent = True
            return overrun(result, number, run)
        return result

    def _fold(self, configuration: Configuration, number: int, run: Run) -> FoldResult:
        """Fit on the training rows of one fold, score its test rows."""
        split, data, task = run.splits[number], self.dataset, self.assignment
        with run.meter as meter, run.listening():
            with meter.phase("load"):
                model = self._built(configuration, split.train, split)
                self._watch(model, number, run)
            if ended := self._after_few_rows(model, configuration, number, run):
                model = ended
            else:
                self._fit(model, split.train, run)
            with meter.phase("load"):
                test_values = self._rows(model, split.test)
            with meter.phase("score"):
                began = time.perf_counter()
                output, kind = outputs(model, test_values, len(data.classes))
                predict_s = time.perf_counter() - began
                shift = model.log_prior_shift
                scores, confusion = score_fold(
                    task.metrics, data.target[split.test], output, kind, cut=task.cut,
                    log_prior_shift=shift,
                )  # fmt: skip
        used = replace(meter.resources, predict_ms_per_1k=1e6 * predict_s / len(split.test))
        early = math.nan if number else run.early
        return FoldResult(number, scores, confusion, used, output, kind, task.cut, shift, early)

    def _built(
        self, configuration: Configuration, index: Ints, split: Split
    ) -> FoldModel | NumberModel:
        """A model to learn from these rows, not fitted."""
        task, data = self.assignment, self.dataset
        return build(
            task.recipes[configuration.model], configuration.params, data.columns, data.classes,
            data.target[index], threads=task.threads,
            seed=task.seed + (split.repeat if task.reseeded else 0),
        )  # fmt: skip

    def _fit(self, model: FoldModel | NumberModel, index: Ints, run: Run) -> None:
        """On these rows, whose copy goes before others are loaded to test on."""
        data = self.dataset
        with run.meter.phase("load"):
            values = self._rows(model, index, run.cuts)
            weight = None if data.weight is None else data.weight[index]
        with run.meter.phase("fit"):
            model.fit(values, data.target[index], sample_weight=weight)

    def _after_few_rows(
        self, whole: FoldModel | NumberModel, configuration: Configuration, number: int, run: Run
    ) -> FoldModel | NumberModel | None:
        """Rung 0 of what is not fitted in rounds: the model as it is there, if the trial ends.

        Whatever goes wrong with so few rows says nothing of all of them: then there is no rung 0,
        and the trial's warnings say why. Nobody waits there for others: it has yet to be seen
        whether its ranks can be believed.
        """
        split, data, race = run.splits[0], self.dataset, run.race
        if number or race is None or not run.few_rows or hasattr(whole.model, "stop_after"):
            return None
        few = few_of(split.train, data.target, len(data.classes))
        if few is None:
            return None
        model = self._built(configuration, few, split)
        try:
            self._fit(model, few, run)
            with run.meter.phase("score"):
                ended = run.reach(0, self._at_rung(model, split, race), waits=False)
        except Exception as error:
            reason = self._classified(error, configuration).reason
            run.said.setdefault(f"no rung 0 on {len(few)} rows: {reason}")
            return None
        return model if ended else None

    def _at_rung(self, model: FoldModel | NumberModel, split: Split, race: Metric) -> float:
        """What a fold's model scores in what trials race by."""
        data = self.dataset
        output, kind = outputs(model, self._rows(model, split.test), len(data.classes))
        scores, _ = score_fold(
            (race,), data.target[split.test], output, kind, cut=self.assignment.cut,
            log_prior_shift=model.log_prior_shift,
        )  # fmt: skip
        return scores[race.name]

    def _rows(
        self, model: FoldModel | NumberModel, index: Ints, cuts: Ints | None = None
    ) -> Floats | Rows:
        """Rows for a model, copied unless it takes them by reference."""
        values = self.dataset.values
        return Rows(values, index, self.kept, cuts) if by_reference(model) else values[index]

    def _scored(self, run: Run) -> Outcome:
        """Pool or average the folds; an undefined objective is a failure, not a zero."""
        task, target, folds = self.assignment, self.dataset.target, run.folds
        rows = TrialRows(target, run.splits, folds)
        scores, by_fold, confusion = score_trial(task.metrics, rows)
        if task.tune is not None:
            run.tuned = tuned(task.tune, target, run.splits, folds, task.metrics)
            scores, by_fold = scores | run.tuned.scores, by_fold | run.tuned.by_fold
        found = notices(task.metrics, rows, tuned=task.tune is not None)
        del rows  # of millions of rows what was pooled counts
        told = [*(f"{each.code}: {each.message}" for each in found), *run.said]
        objective = task.objective.name
        failure = None
        if not np.isfinite(scores[objective]):
            values = enumerate(by_fold[objective], start=1)
            undefined = [str(number) for number, score in values if not np.isfinite(score)]
            where = f" on fold {', '.join(undefined)}" if undefined else ""
            failure = Failure("numeric", f"{objective} is undefined{where}")
        return Outcome(
            scores,
            by_fold,
            confusion,
            oof=encode(run.splits, folds) if task.keep_oof else None,
            warnings=tuple(told[:WARNINGS_KEPT]),
            failure=failure,
            kind=folds[0].kind,
            threshold=None if run.tuned is None else run.tuned.final,
            tuned_confusion=() if run.tuned is None else run.tuned.confusion,
            path=tuple(run.path),
        )

    def _interval(self, run: Run, outcome: Outcome) -> Interval:
        """Of the objective."""
        from evaluators.bootstrap import out_of_fold
        from evaluators.estimate import estimate_interval  # scipy's functions are for one job only

        task, data, labels = self.assignment, self.dataset, None
        if task.tuned_objective and run.tuned is not None:
            labels = np.concatenate(run.tuned.labels)
        score, by_fold = outcome.scores[task.objective.name], outcome.folds[task.objective.name]
        scored = out_of_fold(data.target, run.splits, run.folds, labels)
        return estimate_interval(task.objective, score, by_fold, scored, run.splits, data.groups)

    def _pruned(self, run: Run) -> Outcome:
        """A trial that its bar ended: what it scored on the way, which is no score of a trial."""
        kept = encode(run.splits, run.folds) if self.assignment.keep_oof else None
        return replace(self._failed(run, None), oof=kept)

    def _failed(self, run: Run, failure: Failure | None) -> Outcome:
        """What is known of a trial that did not finish, the failing fold's cost included."""
        return Outcome(
            {}, run.by_fold(self.assignment.metrics), (), run.cost(), None,
            tuple(run.said)[:WARNINGS_KEPT], failure, path=tuple(run.path), given_up=run.given_up,
        )  # fmt: skip
