"""Representative parts, and the tests that tell them from others."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from evaluators.data import load
from evaluators.fingerprint import row_hashes
from evaluators.representative import judge
from evaluators.subsample import Part, draw


def table(rows: int = 6000, seed: int = 0) -> pd.DataFrame:
    """A tenth of yes that hangs on age and town, one useless number, gaps in income."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": generator.integers(18, 90, rows),
            "income": generator.lognormal(size=rows).round(3),
            "noise": generator.normal(size=rows).round(4),
            "town": generator.choice(["Ulm", "Bern", "Graz", "Linz", "Wels"], rows),
        }
    )
    logit = (frame["age"] - 54) / 15 + 2 * (frame["town"] == "Ulm") - 3
    frame["bought"] = np.where(generator.random(rows) < 1 / (1 + np.exp(-logit)), "yes", "no")
    frame.loc[generator.random(rows) < 0.2, "income"] = np.nan
    return frame


@pytest.fixture(scope="module")
def dataset():
    return load(table(), "bought")


def part_of(rows) -> Part:
    return Part(np.sort(rows), None, (), 0)


def failed(checks) -> set[str]:
    return {check.name for check in checks if not check.passed}


def test_parts_lie_inside_each_other(dataset):
    """With one seed every smaller part is inside every larger one, of exactly the rows asked."""
    parts = [draw(dataset, size).rows for size in (4, 37, 500, 501, 502, 3000, 6000)]
    assert [len(part) for part in parts] == [4, 37, 500, 501, 502, 3000, 6000]
    for smaller, larger in pairwise(parts):
        assert set(smaller) < set(larger)


def test_strata_keep_their_shares(dataset):
    """Label, key features and their quarters keep their shares closer than chance would."""
    part = draw(dataset, 600)
    assert set(part.features) >= {"age", "town"}
    assert "noise" not in part.features
    assert abs(dataset.target[part.rows].sum() - 0.1 * dataset.target.sum()) <= 1
    town, age = dataset.values[:, 3], dataset.values[:, 0]
    off, by_chance = [], []
    for cell in [town == code for code in range(2)] + [age < limit for limit in (36, 54, 72)]:
        off.append(cell[part.rows].mean() - cell.mean())
        by_chance.append(np.sqrt(cell.mean() * (1 - cell.mean()) / 600))
    assert np.abs(off).mean() < 0.5 * np.mean(by_chance)


def test_a_part_is_of_contents_and_not_of_places():
    """A shuffled table gives the same rows, the key features' quarters included."""
    frame = table(2000)
    shuffled = frame.sample(frac=1, random_state=0)
    drawn = [
        frame.iloc[draw(load(frame, "bought"), 300).rows],
        shuffled.iloc[draw(load(shuffled, "bought"), 300).rows],
    ]
    pd.testing.assert_frame_equal(*(part.sort_index() for part in drawn))


def test_copies_are_drawn_one_by_one():
    """Of six rows with a thousand copies each about a tenth of the copies comes, in any order of
    rows the same ones: not all copies of some.
    """
    counts = []
    frame = pd.DataFrame({"x": [0, 1, 2] * 2000, "y": [0, 0, 0, 1, 1, 1] * 1000})
    for order in (frame, frame.sample(frac=1, random_state=0)):
        dataset = load(order, "y")
        drawn = Counter(row_hashes(dataset.take(draw(dataset, 600).rows)))
        assert len(drawn) == 6
        assert max(drawn.values()) < 150
        counts.append(drawn)
    assert counts[0] == counts[1]


def test_the_floor_and_what_undoes_it():
    """50 rows of a rare class are kept; weights give the whole's counts back; tests use them."""
    frame = table(6000, seed=1)
    frame["bought"] = np.where(np.arange(6000) < 60, "yes", "no")
    frame.loc[:59, "age"] = 80
    dataset = load(frame, "bought")
    part = draw(dataset, 1200)
    kept = dataset.counts(part.rows)
    assert kept[1] == 50
    assert kept * np.array(part.weights) == pytest.approx(dataset.counts(slice(None)))
    assert failed(judge(dataset, part)) == set()
    unweighted = judge(dataset, part_of(part.rows))
    assert "label" in failed(unweighted)
    assert draw(dataset, 5000).weights is None or kept[1] < 60


def test_a_numeric_target_keeps_its_tenths():
    """Each tenth of the target has its tenth of the part, whose test of it is a KS distance."""
    frame = table().assign(price=lambda f: f["age"] ** 2 + f["noise"])
    dataset = load(frame, "price")
    assert dataset.regression
    part = draw(dataset, 500)
    assert part.weights is None
    tenths = np.quantile(dataset.target, np.arange(1, 10) / 10)
    assert np.ptp(np.bincount(np.searchsorted(tenths, dataset.target[part.rows]))) <= 2
    checks = {check.name: check for check in judge(dataset, part)}
    assert checks["label"].passed
    assert checks["label"].limit == 0.05
    dear = part_of(np.argsort(dataset.target)[-1000:])
    assert {"label", "numbers", "told apart"} <= failed(judge(dataset, dear))


def test_time_is_drawn_in_its_quarters():
    """Each quarter of a time column has a quarter of the rows, whatever else is in the strata."""
    frame = table(4000).assign(day=np.arange(4000.0))
    dataset = load(frame, "bought", time_column="day")
    drawn = draw(dataset, 400).rows
    assert np.abs(np.bincount(drawn // 1000) - 100).max() <= 10
    early = part_of(np.arange(1000))
    numbers = next(check for check in judge(dataset, early) if check.name == "numbers")
    assert (numbers.what, numbers.passed) == ("time", False)


@pytest.mark.parametrize(
    ("skew", "test"),
    [
        (lambda f: np.argsort(f["age"], kind="stable")[:2000], "numbers"),
        (lambda f: np.flatnonzero(f["town"] != "Ulm")[:2000], "categories"),
        (lambda f: np.r_[np.flatnonzero(f["bought"] == "yes")[:400], 0:1600], "label"),
        (lambda f: np.flatnonzero(f["income"].notna())[:2000], "missing"),
        (lambda f: np.flatnonzero((f["age"] > 54) == (f["noise"] > 0))[:2000], "correlations"),
        (lambda f: np.flatnonzero((f["age"] > 54) == (f["noise"] > 0))[:2000], "told apart"),
    ],
)
def test_each_test_sees_its_own_skew(dataset, skew, test):
    """A part skewed in one way fails the test that is there for it."""
    assert test in failed(judge(dataset, part_of(np.unique(np.asarray(skew(table()))))))


def test_honest_parts_pass(dataset):
    """Random parts of 2,000 rows pass nearly always, of 5,900 too: the few others are few."""
    generator = np.random.default_rng(0)
    honest = [part_of(generator.choice(6000, size, replace=False)) for size in [2000, 5900] * 3]
    verdicts = [failed(judge(dataset, part)) for part in honest]
    assert sum(map(bool, verdicts)) <= 1, verdicts


def test_nothing_is_said_of_all_rows(dataset):
    """The whole has no rest to be compared with."""
    assert judge(dataset, draw(dataset, 6000)) == ()


def test_a_spec_searches_the_same_rows(dataset):
    """``load`` with ``rows`` takes the rows of the first draw."""
    part = load(table(), "bought", rows=400)
    np.testing.assert_array_equal(part.identity, dataset.identity[draw(dataset, 400).rows])
