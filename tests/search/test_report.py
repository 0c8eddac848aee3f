"""What a person reads: the first line, the honest words, and tables that fit."""

import io

import pytest
from rich.console import Console

from search.entries import Entry
from search.report import (
    best_table,
    class_table,
    confusion_table,
    failures_table,
    headline,
    report,
    report_text,
    summary,
    trials_table,
)
from search.report_tables import count, number, score, spread
from search.view import SweepView

HEADER = {
    "metric": "average_precision", "direction": "maximize", "positive": ">50K",
    "positive_share": 0.2393, "classes": ["<=50K", ">50K"], "rows_searched": 26049,
    "rows_locked": 6512, "folds": 5, "repeats": 1, "runner": "ray", "budget": 40,
    "machine": {"cpus": 2},
}  # fmt: skip
PARAMS = {"max_depth": 6, "learning_rate": 0.0312345, "booster": "gbtree", "subsample": 0.75}
BASELINE = Entry("baseline", 0.0, {"kind": "prior", "scores": {"average_precision": 0.2393}})
REASON = "ValueError: penalty 'l9' is not known to the solver [lbfgs], allowed are l1, l2 and none"


def ended(trial, value, **body):
    folds = [value - 0.01, value, value + 0.01]
    cost = {"wall_s": 12.5, "cpu_s": 20.0, "peak_mb": 310.4}
    told = {
        "state": "completed", "scores": {"average_precision": value},
        "folds": {"average_precision": folds}, "confusion": [[18000, 1814], [2000, 4235]],
        "resources": cost,
    }  # fmt: skip
    return [
        Entry("asked", 1.0, {"model": "boosted", "params": PARAMS, "origin": "tpe"}, trial),
        Entry("ended", 2.0, told | body, trial, 0),
    ]


def failed(trial, cause="bad_parameters", reason=REASON):
    return ended(trial, 0.5, state="failed", cause=cause, reason=reason)


def view(*entries, state="completed", **header):
    opening = Entry("state", 0.0, {"state": "running", "runner": "ray", "max_concurrent": 2})
    closing = Entry("state", 100.0, {"state": state, "reason": ""})
    flat = [e for each in entries for e in (each if isinstance(each, list) else [each])]
    return SweepView.build(
        "adult-income-7", HEADER | header, [opening, BASELINE, *flat, closing], place="~/a.db"
    )


@pytest.fixture
def whole():
    """Trials that completed, failed and were cancelled, and a warning."""
    warning = {"code": "few_positives", "message": "12 [bold]positives[/bold]", "figure": 12.0}
    return view(
        ended(0, 0.5), ended(1, 0.75), ended(2, 0.6), failed(3), failed(4),
        failed(5, "timeout", "held its worker for 5.1 s"), Entry("warning", 0.0, warning),
    )  # fmt: skip


def text(part, width=80):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(part)
    return console.file.getvalue()


def test_the_first_line_is_the_positive_class(whole):
    """With its share, as the design writes it; then rows, metric, baseline, runner, place."""
    lines = [line.plain for line in headline(whole)]
    assert lines[0] == "positive class: >50K (23.9%)"
    told = "\n".join(" ".join(line.split()) for line in lines)
    for words in (
        "rows: 26,049 searched, 6,512 locked", "metric: average_precision (higher is better)",
        "baseline: 0.2393 (prior", "runner: ray, up to 2 trials", "records: ~/a.db",
        "40 trials, 5 folds", "warning few_positives: 12 [bold]positives[/bold]",
    ):  # fmt: skip
        assert words in told


def test_more_than_two_classes_are_named():
    """There is no positive one among them."""
    found = view(positive=None, positive_share=None, classes=list("abcdefgh"))
    assert headline(found)[0].plain == "classes:        a, b, c, d, e, f and 2 more (8 in all)"


def test_no_holdout_is_said():
    """Zero rows locked is a thing to know."""
    assert "there is no hold-out" in report_text(view(ended(0, 0.5), rows_locked=0))


def test_the_selection_score_is_called_optimistic(whole):
    """With how many it was chosen from."""
    assert "selection score, best of 3 on the same folds: optimistic" in report_text(whole)


@pytest.mark.parametrize(("value", "said"), [(0.2393, True), (0.2, True), (0.3, False)])
def test_a_best_that_does_not_beat_the_baseline_is_said_plainly(value, said):
    """In a line of its own."""
    lines = report_text(view(ended(0, value))).splitlines()
    plain = [line for line in lines if line.startswith("The best trial does not beat the baseline")]
    assert bool(plain) is said


def test_the_best_table_has_score_spread_and_cost_in_one_row(whole):
    """The best first; the spread is said to be one."""
    lines = text(best_table(whole)).splitlines()
    assert lines[1].split()[:11] == [
        "trial", "score", "±", "sd", "wall", "s", "CPU", "s", "peak", "MB", "model",
    ]  # fmt: skip
    assert lines[2].split()[:6] == ["1", "0.7500", "0.0100", "12.5", "20.0", "310"]
    assert "boosted max_depth=6" in lines[2]
    assert "learning_rate=0.0312 " in " ".join(lines).replace("  ", " ")
    assert "± standard deviation over the 3 folds: a spread, not an interval" in lines[-1]
    assert len(text(best_table(whole, rows=1), 200).splitlines()) == 4


def test_the_confusion_matrix_names_its_threshold(whole):
    """Rows are true classes, with the share found of each."""
    lines = [line.split() for line in text(confusion_table(whole)).splitlines()]
    assert "threshold 0.5" in " ".join(lines[0])
    assert lines[1] == ["true", "class", "<=50K", ">50K", "recall"]
    assert lines[2] == ["<=50K", "18,000", "1,814", "90.8%"]
    assert lines[3] == [">50K", "2,000", "4,235", "67.9%"]


def test_the_matrix_at_the_tuned_threshold_stands_beside_it():
    """With its own threshold and its own scores; a number of the spec's is named as such."""
    scores = {"average_precision": 0.5, "f1": 0.4, "f1@tuned": 0.55, "brier": 0.1}
    tuned = {
        "threshold": 0.31234,
        "tuned_confusion": [[17000, 2814], [1000, 5235]],
        "scores": scores,
    }
    found = view(ended(0, 0.5, kind="proba", **tuned), tuned_for="f1")
    told = [" ".join(line.split()) for line in text(confusion_table(found), 120).splitlines()]
    first, second = (n for n, line in enumerate(told) if line.startswith("Confusion of trial 0"))
    assert "(threshold 0.5, not tuned)" in told[first]
    assert told[first + 3] == ">50K 2,000 4,235 67.9%"
    assert told[first + 4] == "f1 0.4000"
    assert "(threshold tuned for f1 on the other folds; the one to use: 0.3123)" in (told[second])
    assert told[second + 3 : second + 5] == [">50K 1,000 5,235 84.0%", "f1@tuned 0.5500"]
    decision = text(confusion_table(view(ended(0, 0.5, kind="decision", **tuned))), 120)
    assert "(decision value 0, not tuned)" in decision
    assert "(decision value tuned for" in decision
    given = text(confusion_table(view(ended(0, 0.5, kind="proba"), threshold=0.2)), 120)
    assert "(threshold 0.2, as the spec says)" in given


def test_each_of_several_classes_has_its_own_values():
    """Rows, precision, recall and F1 from the matrix; a row counts once however many repeats."""
    matrix = [[80, 10, 10], [20, 60, 0], [0, 0, 20]]
    found = view(ended(0, 0.5, confusion=matrix), classes=list("abc"), positive=None, repeats=2)
    lines = [line.split() for line in text(class_table(found)).splitlines()]
    assert lines[1:] == [
        ["class", "rows", "precision", "recall", "F1"],
        ["a", "50", "0.8000", "0.8000", "0.8000"],
        ["b", "40", "0.8571", "0.7500", "0.8000"],
        ["c", "10", "0.6667", "1.0000", "0.8000"],
    ]
    assert class_table(view(ended(0, 0.5))) is None


def test_of_many_classes_the_worst_are_listed():
    """Those with the lowest F1 first."""
    matrix = [[10 * (row == column) for column in range(30)] for row in range(30)]
    matrix[7][7], matrix[7][3] = 2, 8
    found = view(ended(0, 0.5, confusion=matrix), classes=[], positive=None)
    lines = text(class_table(found)).splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["7", "3"]
    assert lines[-1] == "the 8 of 30 classes with the lowest F1"
    assert "Classes of trial 0" in report_text(found)


def test_many_classes_are_told_by_their_worst_confusions():
    """A matrix that no screen holds is not printed."""
    size = 30
    matrix = [[10] * size for _ in range(size)]
    matrix[3][7] = 99
    names = [f"class-{code}" for code in range(size)]
    found = view(ended(0, 0.5, confusion=matrix), classes=names, positive=None)
    shown = text(confusion_table(found))
    assert shown.splitlines()[2].split() == ["class-3", "class-7", "99", "25.4%"]
    assert len(shown.splitlines()) < 12


def test_failures_are_told_by_cause(whole):
    """How many, why, and which."""
    shown = text(failures_table(whole), 160)
    assert shown.splitlines()[0] == "3 trials failed"
    assert shown.splitlines()[2].split()[:2] == ["2", "bad_parameters"]
    assert "[lbfgs]" in shown
    assert "3, 4" in shown


def test_every_trial_is_in_the_trials_table(whole):
    """Failed ones with their cause, score and cost beside each other."""
    shown = text(trials_table(whole))
    assert [line.split()[0] for line in shown.splitlines() if line[:5].strip().isdigit()] == [
        "0", "1", "2", "3", "4", "5",
    ]  # fmt: skip
    assert "timeout: held its worker" in " ".join(shown.split())


def test_the_cost_sets_cpu_beside_the_wall(whole):
    """CPU of all trials over the cores, against the wall time."""
    told = " ".join(report_text(whole).split())
    assert "wall time 100 s" in told
    assert "CPU of all trials 120 s = 60.0 s on each of 2 cores, 60% of the wall time" in told
    assert "scheduler 125 s" in told  # 2 slots x 100 s, less 6 x 12.5 s


@pytest.mark.parametrize(
    ("state", "command"),
    [("interrupted", "quintain resume adult-income-7"), ("stopped", "quintain resume"),
     ("completed", "quintain show adult-income-7 --json"), ("failed", "quintain trials")],
)  # fmt: skip
def test_what_to_type_next_is_told(state, command):
    """Going on comes first where there is something to go on with."""
    lines = report_text(view(ended(0, 0.5), failed(3), state=state)).splitlines()
    steps = lines[lines.index("Next") + 1 :]
    assert any(step.startswith(f"  {command}") for step in steps)
    assert any("--trial 3" in step for step in steps)


def test_a_sweep_with_nothing_yet_has_a_report():
    """Queued, without baseline, trials or machine."""
    empty = SweepView.build("a-1", {"metric": "f1"}, [])
    assert "No trial has completed with a score." in report_text(empty)
    assert best_table(empty) is confusion_table(empty) is failures_table(empty) is None
    assert text(trials_table(empty))
    assert "state:" in text(summary(empty))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_report_fits_its_width_and_has_no_colour_when_piped(whole, width):
    """No line is longer, no control character is printed, nothing of the user's is markup."""
    shown = report_text(whole, width)
    assert max(map(len, shown.splitlines())) <= width
    assert all(char == "\n" or char.isprintable() for char in shown)
    assert "[bold]positives[/bold]" in "".join(shown.split())
    assert text(report(whole), width).split() == shown.split()


def test_numbers_have_as_many_digits_as_one_reads():
    """Scores, seconds, rows and spreads."""
    assert [score(x) for x in (0.75, 0.00012345, -12345.678, float("nan"), 0.0)] == [
        "0.7500", "0.000123", "-12,345.7", "-", "0.0000",
    ]  # fmt: skip
    assert [number(x) for x in (0, 0.0123, 1.234, 12.34, 1234.5)] == [
        "0", "0.012", "1.23", "12.3", "1,234",
    ]  # fmt: skip
    assert [count(x) for x in (1234, 2.5)] == ["1,234", "2.5"]
    assert [spread(x) for x in ((0.5,), (0.5, float("nan")), (0.4, 0.6))] == ["-", "-", "0.1414"]
