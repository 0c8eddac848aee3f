"""What a report says of cost: the front of score against it, and limits that were broken."""

from collections.abc import Iterator

from rich.console import Group
from rich.text import Text

from search.constraints import UNITS
from search.report_tables import columns, compact, megabytes, number, plain_table, score, titled
from search.view import SweepView
from search.view_rows import TrialView

#: Rows of the table at most.
ROWS = 8


def front_table(view: SweepView) -> Group | None:
    """Score against cost; None where one trial is best in everything."""
    front = view.front
    if len(front) < 2:
        return None
    shown, good_enough = _some(front), view.cheapest_alike
    rows = plain_table()
    columns(rows, "trial", "score", "fit s", "ms / 1k rows", "peak MB")
    rows.add_column("model and parameters", overflow="fold", ratio=1)
    for trial in shown:
        won = view.best is not None and trial.trial == view.best.trial
        style = "bold green" if won else "bold" if trial is good_enough else ""
        rows.add_row(
            Text(f"{'> ' * won}{'*' * (trial is good_enough)}{trial.trial}", style),
            score(trial.score),
            number(trial.fit_s), number(trial.predict_ms_per_1k), megabytes(trial.peak_mb),
            Text(trial.model) + Text(f" {compact(trial.params)}", "dim"),
        )  # fmt: skip
    note = "no other trial scores as much for clearly less time to fit, time to predict or memory"
    if good_enough is not None:
        note += "; * the quickest to fit within one standard error of the best selection score"
    part = f", {len(shown)} of {len(front)}" if len(shown) < len(front) else ""
    return titled(f"Score against cost{part}, > the winner", rows, note)


def _some(front: list[TrialView]) -> list[TrialView]:
    """Both ends, and others evenly between."""
    if len(front) <= ROWS:
        return front
    return [front[round(place * (len(front) - 1) / (ROWS - 1))] for place in range(ROWS)]


def constraint_lines(view: SweepView) -> Iterator[str]:
    """Of each constraint that completed trials break: how many, and the least that there was."""
    scored = [trial for trial in view.trials if trial.state == "completed"]
    for name, limit in view.constraints.items():
        over = [trial for trial in scored if getattr(trial, name) > limit]
        if over:
            least = min(scored, key=lambda trial: float(getattr(trial, name)))
            yield (
                f"{len(over)} of {len(scored)} over {name} {limit:g} {UNITS[name]}, "
                f"least {getattr(least, name):.4g} (trial {least.trial})"
            )
