"""What the winner does, what the score hangs on, and what it all cost."""

import math
from collections.abc import Iterator

from quintain.notebook import pictures
from quintain.notebook.blocks import Block, Facts, Fold, Pictures, Table, Text
from quintain.notebook.drawing import SERIES
from quintain.notebook.evidence import Evidence
from quintain.notebook.importances import FEWEST, importances
from quintain.notebook.parallel import parallel
from search.report_cost import cost_lines
from search.report_front import constraint_lines
from search.report_tables import compact, count, megabytes, number, score
from search.view import SweepView
from search.view_rows import Matrix, TrialView

#: Classes of a matrix at most; rows of the front.
CLASSES, FRONT = 12, 12


def recognised(found: Evidence) -> Iterator[Block]:
    """Confusion at each threshold; for numbers, predicted against true."""
    view = found.view
    row, of = view.best, "out-of-fold rows of the folds searched on"
    if view.finals.estimate is not None and view.finals.estimate.row is not None:
        row, of = view.finals.estimate.row, "out-of-fold rows of fresh folds"
    if row is None:
        return
    if row.confusion is not None:
        yield _confusion(view, row, row.confusion, f"Confusion, {of}, {_rule(view, row)}")
        if row.tuned_confusion is not None and view.threshold is not None:
            told = f"tuned on the other folds; the one to use: {score(view.threshold)}"
            yield _confusion(view, row, row.tuned_confusion, f"Confusion, {of}, threshold {told}")
    elif found.outputs is not None and found.outputs.kind == "value":
        target, output = found.outputs.target.tolist(), found.outputs.output.tolist()
        unit = str(view.header.get("target", "value"))
        yield pictures.predicted(target, output, found.of, unit)


def _confusion(view: SweepView, row: TrialView, matrix: Matrix, title: str) -> Table:
    names = [str(name) for name in view.header.get("classes", ())]
    if len(names) != len(matrix):
        names = [str(code) for code in range(len(matrix))]
    folds, own = int(view.header.get("folds") or 0), len(row.folds.get(view.metric, ()))
    deals = own // folds if folds and own > folds else 1
    note = "a row for each true class, a column for each predicted one"
    if deals > 1:
        note += f"; each row of the data counts {deals} times, once a deal of the folds"
    if len(matrix) > CLASSES:
        pairs = [
            (mistaken, true, taken) for true, of in enumerate(matrix)
            for taken, mistaken in enumerate(of) if true != taken and mistaken
        ]  # fmt: skip
        worst = [
            (names[true], names[taken], count(mistaken), _share(mistaken, sum(matrix[true])))
            for mistaken, true, taken in sorted(pairs, reverse=True)[:CLASSES]
        ]
        columns = ("true class", "predicted", "rows", "of the class")
        return Table(title, columns, worst, "the pairs mistaken most often", frozenset({0, 1}))
    taken = [sum(of[code] for of in matrix) for code in range(len(matrix))]
    every = [
        (names[code], *(count(n) for n in of), _share(of[code], sum(of)),
         _share(of[code], taken[code]))
        for code, of in enumerate(matrix)
    ]  # fmt: skip
    heads = ("true class", *(f"as {name}" for name in names), "recall", "precision")
    return Table(title, heads, every, note, frozenset({0}))


def _rule(view: SweepView, row: TrialView) -> str:
    if len(row.confusion or ()) > 2:
        return "the most probable class wins"
    given = view.header.get("threshold")
    if given is not None:
        return f"threshold {given:g}, as the spec says"
    return "decision value 0" if row.kind == "decision" else "threshold 0.5, not tuned"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def curves(found: Evidence) -> Iterator[Block]:
    """ROC and precision-recall of the winner."""
    if found.curves:
        shown = list(found.curves)
        if len(shown) > len(SERIES):
            shown = sorted(shown, key=lambda each: each.roc.area)[: len(SERIES)]
            yield Text(f"The {len(SERIES)} classes with the smallest area of {len(found.curves)}.")
        of = f"the winner on {found.of}"
        yield Pictures([pictures.roc(shown, of), pictures.pr(shown, of)])
        yield Text(
            "Rows of all folds in one ranking. Bands: 95% of 200 bootstraps of rows at each place, "
            "whole groups where rows come in groups; the model is taken as it is.", "aside",
        )  # fmt: skip
    elif found.missing:
        yield Text(f"No curves: {found.missing}.", "aside")


def knobs(view: SweepView) -> Iterator[Block]:
    """Importances and parallel coordinates of each model, the winner's first."""
    found = {each.model: each for each in importances(view.trials)}
    models = list(dict.fromkeys(trial.model for trial in view.trials))
    if view.best is not None and view.best.model in models:
        models.sort(key=lambda model: model != view.best.model if view.best else False)
    for place, model in enumerate(models):
        blocks: list[Block] = []
        known = found.get(model)
        if known is not None:
            blocks.append(pictures.importance(known, view.metric))
            doubt = "" if known.r2 > 0.1 else (
                " These forests hardly foresee a score: do not read these bars as importances."
            )  # fmt: skip
            blocks.append(Text(
                f"Random forests over {known.trials} completed trials; whiskers: lowest and "
                "highest of five folds of trials. A sampler that learns crowds where scores are "
                f"good: importances are of that neighbourhood.{doubt}", "aside",
            ))  # fmt: skip
        drawn = parallel(view, model, [each.name for each in known.each] if known else ())
        blocks += [] if drawn is None else [drawn]
        if blocks and place:
            yield Fold(f"Parameters of {model}", blocks)
        else:
            yield from blocks
    if not found and view.trials:
        yield Text(
            f"No importances: they take {FEWEST} completed trials of one model that differ.",
            "aside",
        )


def price(view: SweepView) -> Iterator[Block]:
    """Score against cost, and limits that were broken."""
    if (drawn := pictures.front(view)) is not None:
        yield drawn
    front = view.front
    if front:
        step = max(1, math.ceil(len(front) / FRONT))
        shown = front[::step]
        rows = [
            (str(t.trial), score(t.score), number(t.fit_s), number(t.predict_ms_per_1k),
             megabytes(t.peak_mb), f"{t.model} {compact(t.params)}".strip())
            for t in shown
        ]  # fmt: skip
        won = frozenset(
            at for at, t in enumerate(shown) if view.best and t.trial == view.best.trial
        )
        columns = ("trial", view.metric, "fit s", "ms for 1,000 rows", "peak MB", "configuration")
        note = "no other trial scores as much for clearly less time to fit, to predict, or memory"
        yield Table(
            f"The front, {len(shown)} of {len(front)}", columns, rows, note, frozenset({5}), won
        )
    for line in constraint_lines(view):
        yield Text(line, "doubt")


def capacity(found: Evidence) -> Iterator[Block]:
    """Who worked when, and what held it up."""
    view = found.view
    if (drawn := pictures.timeline(found.stays)) is not None:
        yield drawn
    cost = view.resources
    facts = [("slots", str(cost.max_concurrent or "not known"))]
    if not math.isnan(cost.busy_share):
        facts.append(("slots at work", f"{cost.busy_share:.0%} of their time"))
    facts.append(("idle, starting, scheduling", f"{number(cost.overhead_s)} s over all slots"))
    facts += [("measured", line) for line in cost_lines(cost)]
    yield Facts(facts)


def planned(view: SweepView) -> Iterator[Block]:
    """The plan and what became of it."""
    plan = view.plan
    if plan is None:
        yield Text("Nothing was planned: the search was foreseen to be short.", "aside")
        return
    foreseen, part = plan.foreseen, ""
    if foreseen.trials is not None and plan.ended < foreseen.trials:
        part = f", for {plan.ended} of {foreseen.trials} trials"
    yield Facts([
        ("the sweep was foreseen to take",
         f"{number(foreseen.p50_s)} s, and at most {number(foreseen.p90_s)} s nine times in ten"),
        ("it took", f"{number(plan.took_s)} s{part}"),
    ])  # fmt: skip
    rows = [
        (each.model, str(each.trials), number(each.foreseen_s), number(each.took_s),
         megabytes(each.foreseen_mb), megabytes(each.reached_mb))
        for each in plan.models
    ]  # fmt: skip
    columns = ("model", "trials", "foreseen s", "took s", "to plan for MB", "reached MB")
    note = "of a trial: the middle of what was foreseen, the mean of what they took"
    yield Table("By model", columns, rows, note, frozenset({0}))


def racing(view: SweepView) -> Iterator[Block]:
    """Who was given up early, and whether rungs can be believed."""
    race = view.race
    if race is None:
        return
    for line in race.lines():
        yield Text(line[0].upper() + line[1:] + ".")
    rungs = max((len(ranks) for ranks in race.ranks.values()), default=0)
    if rungs:
        rows = [
            (model, str(max(race.counts[model])),
             *(f"{r:.2f}" if r == r else "-" for r in (*ranks, *[math.nan] * (rungs - len(ranks)))))
            for model, ranks in race.ranks.items()
        ]  # fmt: skip
        names = ["a few rounds", *(f"{n} fold{'s' * (n > 1)}" for n in range(1, rungs))]
        note = "Spearman's correlation of the score after each rung with the score at the end"
        yield Table(
            "Can rungs be believed?", ("model", "trials", *names), rows, note, frozenset({0})
        )
