"""One trial in full, for a terminal. Import it late: rich costs 0.1 s."""

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from search.report_tables import STYLES, columns, compact, megabytes, number, plain_table, score
from search.view import SweepView
from search.view_rows import TrialView
from search.view_trial import Attempt, last_line

#: Columns of a label.
_LABEL = len("attempt 10: ")


def trial_report(view: SweepView, trial: TrialView, tried: Sequence[Attempt]) -> Group:
    """How it came about, what it scored and took, and why it failed."""
    parts: list[RenderableType] = [
        _line("trial", f"{trial.trial} of {view.id}, asked by {trial.origin}"),
        _line("model", f"{trial.model} {compact(trial.params)}".strip()),
        _line("state", Text(trial.state, STYLES.get(trial.state, ""))),
    ]
    if trial.cached_from is not None:
        sweep, number_of = trial.cached_from
        parts.append(
            _line("known", f"from trial {number_of} of {sweep}: quintain show {sweep} "
                  f"--trial {number_of} tells how it ran")
        )  # fmt: skip
    if trial.cause:
        parts.append(_line("cause", Text(f"{trial.cause}: {trial.reason}", "red")))
    if last_line(trial):
        parts.append(_line("last line", last_line(trial)))
    if not math.isnan(trial.score):
        parts.append(_line(view.metric, score(trial.score)))
    cost = f"{number(trial.wall_s)} s, CPU {number(trial.cpu_s)} s, peak {megabytes(trial.peak_mb)}"
    parts.append(_line("took", f"{cost} MB"))
    for each in tried:
        parts += [Text(), *_attempt(each, view.metric)]
    for text in trial.warnings:
        parts.append(_line("warned", text))
    if trial.traceback:
        parts += [Text(), Text("Traceback", "bold"), Text(trial.traceback.rstrip())]
    return Group(*parts)


def _attempt(attempt: Attempt, metric: str) -> list[RenderableType]:
    """One try at it, with what each fold took."""
    given = "" if attempt.memory_mb is None else f" with {attempt.memory_mb:,.0f} MB"
    began = "" if math.isnan(attempt.began_s) else f", {attempt.began_s:.1f} s after it was asked"
    where = attempt.worker or "no worker is known"
    kept = ", ".join(map(str, attempt.kept))
    began += f", with fold {kept} of the attempt before" if kept else ""
    head = _line(
        f"attempt {attempt.number + 1}", f"{where}{given}{began}: {attempt.ended or 'under way'}"
    )
    if not attempt.trace:
        return [head]
    table = plain_table()
    table.add_column("", no_wrap=True)
    columns(table, "after s", metric, "wall s", "CPU s", "peak MB")
    for each in attempt.trace:
        table.add_row(
            each.what, number(each.at_s), score(each.score), number(each.wall_s),
            number(each.cpu_s), megabytes(each.peak_mb),
        )  # fmt: skip
    return [head, table]


def _line(label: str, told: str | Text) -> Text:
    return Text.assemble((f"{f'{label}:':<{_LABEL}} ", "bold"), told)
