"""What benchmarks/records_speed.py measures on is whole, and its laws are told as they are."""

import pytest

from benchmarks.kept_sweeps import kept, spec_of, table
from benchmarks.records_speed import Figure
from quintain.notebook.html import html
from quintain.notebook.making import of_sweep
from search.check import check
from search.records import Records


@pytest.mark.parametrize(
    ("values", "law", "said"),
    [([1.0, 2.0, 90.0], 2.0, "at most 2 holds"), ([1.0, 2.1, 3.0], 2.0, "at most 2 MISSED")],
)
def test_a_law_is_of_the_median(values, law, said):
    """Beside it stand the least and the most."""
    line = Figure("event", "ms", values, law).line()
    assert line.endswith(said)
    assert f"({min(values):.3g} to {max(values):.3g})" in line
    assert Figure("event", "ms", values).holds


def test_a_kept_sweep_is_whole_and_its_page_reads_its_outputs_again(tmp_path):
    """Of two models, with failed and pruned trials, finalists, and the estimate's own folds."""
    table(1500).to_csv(tmp_path / "table.csv", index=False)
    url = str(tmp_path / "r.db")
    with Records.open(url) as store:
        kept(store, spec_of(tmp_path, "page", 80))
        assert check(store).troubles == ()
    page, view = of_sweep("page", records=url)
    assert {trial.model for trial in view.trials} == {"xgboost", "logistic_regression"}
    assert all(view.counts[state] for state in ("completed", "pruned", "failed"))
    pruned = [trial for trial in view.trials if trial.state == "pruned"]
    assert all(len(trial.path) == trial.rung + 1 for trial in pruned)  # up to where it ended
    assert [each.name for each in view.finals.finalists][-1] == "the default configuration"
    shown = html(page)
    assert "No curves" not in shown
    assert "the winner on fresh folds, which chose nothing" in shown
