"""A plan is measured on the user's data before anything runs, and says what would fit."""

from dataclasses import replace
from itertools import pairwise

import pytest

from cluster.pilots import Candidates, pilot
from evaluators.pilot import WARM_ROWS, parts
from quintain.model_costs import measured
from quintain.plan_text import lines
from quintain.planning import asked_limits, plan, planned
from quintain.prepare import prepare
from search.errors import PlanError
from search.plan import Limits, Node
from search.spec import read_spec

from .conftest import table

BIG = Node(2, 16_000)


def prepared(rows, model, trials=2000):
    data = {"source": "(in memory)", "target": "default"}
    spec = {"name": "loans", "data": data, "search": {"trials": trials}, "model": [model]}
    return prepare(read_spec(spec), table(rows))


@pytest.fixture(scope="module")
def loans():
    """4,000 rows, one model, measured for two seconds."""
    ready = prepared(4000, {"estimator": "logistic_regression"})
    return ready, measured(ready, 2.0, lambda line: None)


def test_a_plan_has_what_was_promised(loans):
    """Seconds, concurrency, memory and advice; the curve ends at the rows a fold learns from."""
    found = planned(*loans, Limits((BIG,)))
    told = found.to_json()
    assert 0 < told["p50_s"] <= told["p90_s"]
    assert (told["max_concurrent"], told["fits"], told["advice"]) == (2, True, [])
    assert told["peak_mb"] > told["worker_mb"] > told["per_model"]["logistic_regression"]["base_mb"]
    low, high = told["per_model"]["logistic_regression"]["fold_s"][1:]
    assert low < told["per_model"]["logistic_regression"]["fold_s"][0] < high
    assert any("it fits" in line for line in lines(found))


def test_what_does_not_fit_is_told_with_what_would(loans):
    """The advice, planned again, is within the deadline; so is the deadline that it names."""
    ready, piloted = loans
    short = planned(ready, piloted, Limits((BIG,))).plan.p90_s * 0.8
    found = planned(ready, piloted, Limits((BIG,), deadline_s=short))
    assert not found.fits
    cut = next(each for each in found.cut if each.what == "trials")
    assert cut.plan.p90_s <= short
    assert any(f"trials {cut.to:,} in place of 2,000" in line for line in lines(found))
    again = Limits((BIG,), deadline_s=found.plan.p90_s)
    assert planned(ready, piloted, again).fits


def test_a_deadline_shorter_than_one_fit_is_refused_with_the_smallest_that_would_do(loans):
    """One line, with seconds for one trial and for all."""
    with pytest.raises(PlanError, match=r"shorter than one fit .* smallest .* \d+s for all 2000"):
        planned(*loans, Limits((BIG,), deadline_s=1e-4))


def test_memory_below_one_worker_is_refused_with_the_smallest_that_would_do(loans):
    """The figure it names is enough for one worker."""
    with pytest.raises(PlanError, match=r"100M of memory is less .* (\d+)M$") as refused:
        planned(*loans, Limits((Node(2, 100),)))
    named = float(str(refused.value).rpartition(" ")[2][:-1])
    assert planned(*loans, Limits((Node(2, named),))).plan.max_concurrent == 1


def test_a_fit_that_never_ends_is_ended_and_what_came_before_counts(tmp_path):
    """A model that hangs on more than 400 rows: the smaller fit is known, and why no more is."""
    (tmp_path / "stuck.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\n"
        "import time\n"
        "class Stuck(GaussianNB):\n"
        "    def fit(self, X, y):\n"
        "        time.sleep(0.05 if len(X) <= 400 else 600)\n"
        "        return super().fit(X, y)\n"
    )
    ready = prepared(6000, {"estimator": f"{tmp_path}/stuck.py:Stuck", "space": {}})
    name = next(iter(ready.assignment.recipes))
    pieces = parts(ready.dataset, ready.splits[:1])
    found = pilot(
        (ready.assignment, ready.dataset), pieces, name, Candidates({}, {}, None), seconds=1.5
    )
    assert [fit.rows for fit in found.fits][:1] == [pieces[1].rows]
    assert all(fit.rows <= 400 for fit in found.fits)
    assert "no end after" in found.said
    assert found.wall_s < 10


def test_one_disturbed_fit_of_three_bends_no_curve(tmp_path):
    """A model that takes half a second more in its fourth fit only: no figure has it."""
    (tmp_path / "uneven.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\n"
        "import time\n"
        "class Uneven(GaussianNB):\n"
        "    made = 0\n"
        "    def fit(self, X, y):\n"
        "        Uneven.made += 1\n"
        "        time.sleep(0.6 if Uneven.made == 4 else 0.1)\n"
        "        return super().fit(X, y)\n"
    )
    ready = prepared(3000, {"estimator": f"{tmp_path}/uneven.py:Uneven", "space": {}})
    name = next(iter(ready.assignment.recipes))
    pieces = parts(ready.dataset, ready.splits[:1])
    found = pilot(
        (ready.assignment, ready.dataset), pieces, name, Candidates({}, {}, None), seconds=30.0
    )
    assert [fit.rows for fit in found.fits] == [piece.rows for piece in pieces[1:]]
    assert len(found.fits) >= 2
    assert all(0.1 <= fit.fit_s < 0.6 for fit in found.fits)


def test_parts_lie_inside_each_other_with_the_share_of_the_whole():
    """Growing, nested, of the fold alone, and every class in proportion."""
    ready = prepared(4000, {"estimator": "logistic_regression"})
    split, data = ready.splits[0], ready.dataset
    pieces = parts(data, [split])
    assert pieces[0].rows == WARM_ROWS
    assert pieces[-1].rows == len(split.train)
    for one, next_one in pairwise(pieces):
        assert set(one.splits[0].train) < set(next_one.splits[0].train) <= set(split.train)
        assert set(one.splits[0].test) < set(next_one.splits[0].test) <= set(split.test)
    share = data.target[split.train].mean()
    assert all(abs(data.target[piece.splits[0].train].mean() - share) < 0.02 for piece in pieces)


def test_a_fold_smaller_than_any_part_is_a_part_itself():
    """With 200 rows there is nothing to grow: the fold is measured as it is."""
    ready = prepared(200, {"estimator": "logistic_regression"})
    (piece,) = parts(ready.dataset, ready.splits[:1])
    assert piece.splits[0].train.tolist() == ready.splits[0].train.tolist()
    assert piece.splits[0].test.tolist() == ready.splits[0].test.tolist()


def test_a_model_that_cannot_be_fitted_is_told_by_its_own_reason():
    """Where no pilot fit ends there is no plan, and the model's words say why."""
    ready = prepared(600, {"estimator": "logistic_regression"})
    none = replace(measured_nothing(ready), said="worker exited with 1")
    with pytest.raises(PlanError, match="worker exited with 1"):
        planned(ready, [none], Limits((BIG,)))


def measured_nothing(ready):
    from cluster.pilots import Piloted

    return Piloted(next(iter(ready.assignment.recipes)), 0.0, (), "", 0.0)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("soon", None), "--deadline.*2h"),
        (("-1", None), "--deadline"),
        ((None, "8"), "--memory.*8G"),
    ],
)
def test_no_length_of_time_and_no_size_are_refused_at_once(typed, said):
    """The option named, and what was allowed, before any row is read."""
    with pytest.raises(PlanError, match=said):
        asked_limits(*typed)


def test_what_was_typed_is_seconds_and_megabytes():
    """Words as in a spec; a bare number is seconds."""
    assert asked_limits("1h30m", "8G") == (5400, 8192)
    assert asked_limits("90", None) == (90, None)
    assert asked_limits("1ms", "1.5g") == (0.001, 1536)


@pytest.mark.parametrize("nothing", ["0", "0s", "0.0 h", "0ms"])
def test_no_time_at_all_is_answered_with_the_least_that_would_do(loans, nothing):
    """It is not refused as no length of time: whoever asks it wants to know what is needed."""
    deadline_s, _ = asked_limits(nothing, None)
    assert deadline_s == 0.0
    with pytest.raises(PlanError, match=r"deadline of 0s is shorter .* would do: \d+s for one"):
        planned(*loans, Limits((BIG,), deadline_s=deadline_s))


@pytest.mark.parametrize("nothing", ["0M", "0.0 G"])
def test_no_memory_at_all_is_answered_with_the_least_that_would_do(loans, nothing):
    """As with time."""
    _, memory_mb = asked_limits(None, nothing)
    assert memory_mb == 0.0
    with pytest.raises(PlanError, match=r"0M of memory is less .* for all 3233 rows: \d+M$"):
        planned(*loans, Limits((Node(2, memory_mb),)))


def test_more_threads_than_cores_cannot_be_planned():
    """Refused before a pilot fit, with the key to change."""
    data = {"source": "(in memory)", "target": "default"}
    spec = {
        "name": "loans", "data": data, "resources": {"cpus_per_trial": 5000},
        "model": [{"estimator": "dummy"}],
    }  # fmt: skip
    with pytest.raises(PlanError, match=r"resources\.cpus_per_trial"):
        plan(spec, table(600))
