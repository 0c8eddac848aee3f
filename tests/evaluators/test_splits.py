"""The folds of a sweep."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold, TimeSeriesSplit

from evaluators.errors import CodeError, SplitError
from evaluators.splits import SplitPlan, make_splits, natural_splitter
from evaluators.types import Column, Dataset


def dataset(*counts: int, seed: int = 0) -> Dataset:
    """So many rows of each class, shuffled."""
    target = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    generator = np.random.default_rng(seed)
    generator.shuffle(target)
    return Dataset(
        generator.normal(size=(len(target), 2)), target, (Column("a"), Column("b")),
        tuple("abcdef"[: len(counts)]),
    )  # fmt: skip


def codes(warned) -> list[str]:
    return [warning.code for warning in warned]


def same(splits, pairs) -> None:
    pairs = list(pairs)
    assert len(splits) == len(pairs)
    for split, (train, test) in zip(splits, pairs, strict=True):
        np.testing.assert_array_equal(split.train, train)
        np.testing.assert_array_equal(split.test, test)


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_folds_are_scikit_learns(seed):
    """Stratified folds are scikit-learn's own, so that peers can be compared fold by fold."""
    whole = dataset(120, 60, 30)
    zeros = np.zeros(210)
    kfold = StratifiedKFold(5, shuffle=True, random_state=seed)
    same(make_splits(SplitPlan(seed=seed), whole)[0], kfold.split(zeros, whole.target))
    repeated = RepeatedStratifiedKFold(n_splits=3, n_repeats=4, random_state=seed)
    splits, _ = make_splits(SplitPlan(folds=3, repeats=4, seed=seed), whole)
    same(splits, repeated.split(zeros, whole.target))
    assert [split.repeat for split in splits] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_seeds():
    """One seed gives one set of folds, another seed another; any integer is a seed."""
    whole = dataset(100, 50)
    tests = [
        [tuple(split.test) for split in make_splits(SplitPlan(seed=seed), whole)[0]]
        for seed in (1, 1, 2, 2**63 + 1, -5)
    ]
    assert tests[0] == tests[1]
    assert tests[0] == tests[3]  # the lowest 32 bits count
    assert tests[0] != tests[2]
    assert tests[0] != tests[4]


@settings(deadline=None, max_examples=40)
@given(
    counts=st.lists(st.integers(2, 60), min_size=2, max_size=4),
    seed=st.integers(0, 10),
    repeats=st.integers(1, 2),
)
def test_default_folds(counts, seed, repeats):
    """By default every fold has every class, 5 rows of it where the class has 10, up to 5 folds."""
    whole = dataset(*counts, seed=seed)
    splits, warned = make_splits(SplitPlan(repeats=repeats, seed=seed), whole)
    folds = len(splits) // repeats
    assert folds == min(5, max(2, min(counts) // 5))
    assert ("folds_lowered" in codes(warned)) == (folds < 5)
    assert ("thin_folds" in codes(warned)) == (min(counts) < 10)
    for repeat in range(repeats):
        tested = np.concatenate([split.test for split in splits if split.repeat == repeat])
        np.testing.assert_array_equal(np.sort(tested), np.arange(whole.rows))
    for split in splits:
        assert len(np.intersect1d(split.train, split.test)) == 0
        assert len(split.train) + len(split.test) == whole.rows
        assert set(whole.target[split.train]) == set(whole.target[split.test]) == set(whole.target)


def with_copies(whole: Dataset, copied: np.ndarray) -> Dataset:
    """The table with the rows at ``copied`` appended."""
    return whole.take(np.r_[np.arange(whole.rows), copied])


@settings(deadline=None, max_examples=30)
@given(
    counts=st.lists(st.integers(10, 80), min_size=2, max_size=3),
    seed=st.integers(0, 50),
    heavy=st.integers(1, 300),
)
def test_copies_share_a_fold(counts, seed, heavy):
    """No row has a copy on the other side, and distinct rows of a class are dealt evenly."""
    generator = np.random.default_rng(seed)
    distinct = sum(counts)
    copied = np.r_[generator.integers(0, distinct, distinct // 4), np.zeros(heavy, int)]
    whole = with_copies(dataset(*counts, seed=seed), copied)
    name = np.r_[np.arange(distinct), copied]
    splits, warned = make_splits(SplitPlan(repeats=2, seed=seed), whole)
    assert "duplicates_across_folds" not in codes(warned)
    for split in splits:
        assert not np.intersect1d(name[split.train], name[split.test]).size
    for code in range(len(counts)):
        shares = [len(np.unique(name[s.test][whole.target[s.test] == code])) for s in splits]
        assert max(shares) - min(shares) <= 1
    assert tuple(splits[0].test) not in [tuple(split.test) for split in splits[len(splits) // 2 :]]


def test_copies_teach_nothing():
    """On random labels with every third row copied a memoriser stays at chance."""
    from sklearn.neighbors import KNeighborsClassifier

    whole = with_copies(dataset(300, 300), np.arange(0, 600, 3))
    nearest = KNeighborsClassifier(1)

    def right(splits):
        return np.mean([
            nearest.fit(whole.values[train], whole.target[train]).score(
                whole.values[test], whole.target[test]
            )
            for train, test in splits
        ])  # fmt: skip

    ours = make_splits(SplitPlan(repeats=4), whole)[0]
    assert 0.45 < right([(split.train, split.test) for split in ours]) < 0.55
    assert right(StratifiedKFold(5, shuffle=True).split(whole.values, whole.target)) > 0.6


def test_few_columns_of_few_values_are_no_copies():
    """Where like rows differ in their labels they are different cases: folds are scikit-learn's."""
    generator = np.random.default_rng(0)
    values = generator.integers(0, 3, (800, 3)).astype(float)
    target = (generator.random(800) < 0.1 + 0.2 * values[:, 0]).astype(np.int32)
    names = tuple(Column(name) for name in "abc")
    splits, (warning,) = make_splits(SplitPlan(seed=4), Dataset(values, target, names, ("n", "p")))
    kfold = StratifiedKFold(5, shuffle=True, random_state=4)
    same(splits, kfold.split(values, target))
    assert warning.code == "duplicates_across_folds"
    assert warning.figure == 1
    labelled = Dataset(values, (values[:, 0] > 0).astype(np.int32), names, ("n", "p"))
    together, warned = make_splits(SplitPlan(seed=4), labelled)
    assert warned == ()
    like = np.unique(values, axis=0, return_inverse=True)[1].ravel()
    for split in together:
        assert not np.intersect1d(like[split.train], like[split.test]).size


def test_a_class_of_copies_is_cut_row_by_row():
    """Where a class is one row and its copies, folds with that class need them on both sides."""
    whole = dataset(100, 20)
    one = np.flatnonzero(whole.target == 1)[0]
    rows = np.r_[np.flatnonzero(whole.target == 0), np.full(20, one)]
    splits, warned = make_splits(SplitPlan(), whole.take(rows))
    assert codes(warned) == ["folds_lowered", "duplicates_across_folds"]
    assert len(splits) == 4


def test_lowered_folds_say_the_figure():
    """The warning names the class, its rows and the folds made."""
    (warning,) = make_splits(SplitPlan(), dataset(100, 17))[1]
    assert warning.code == "folds_lowered"
    assert warning.figure == 3
    assert "class; the rarest, 'b', has 17 in all" in warning.message


def test_folds_asked_for_are_made_or_refused():
    """Folds of the user's are never lowered: thin ones warn, impossible ones are refused."""
    splits, (warning,) = make_splits(SplitPlan(folds=10), dataset(100, 17))
    assert len(splits) == 10
    assert warning.code == "thin_folds"
    assert warning.figure == 1
    with pytest.raises(SplitError, match="folds = 10: class 'b' has 7 rows, so at most 7"):
        make_splits(SplitPlan(folds=10), dataset(100, 7))


REFUSED = {
    "unknown": (SplitPlan("statified"), r"'statified' is unknown .did you mean 'stratified'"),
    "one fold": (SplitPlan(folds=1), "folds = 1: at least 2"),
    "no repeat": (SplitPlan(repeats=0), "repeats = 0: at least 1"),
    "no groups": (SplitPlan("group"), "needs data.group_column"),
    "no time": (SplitPlan("time"), "needs data.time_column"),
    "no such class": (SplitPlan("sklearn.model_selection:KFlod"), "KFlod"),
    "no splitter": (SplitPlan("collections:Counter"), "has no split"),
    "no folds taken": (
        SplitPlan("sklearn.model_selection:LeaveOneOut", folds=5), "takes no n_splits"
    ),
    "no seed taken": (
        SplitPlan("sklearn.model_selection:TimeSeriesSplit", repeats=2), "takes no random_state"
    ),
    "raises": (SplitPlan("sklearn.model_selection:GroupKFold"), "raised ValueError: .*groups"),
    "one class": (
        SplitPlan("sklearn.model_selection:LeaveOneOut"), "fold 1 of 60 has no row of class"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_plans_that_cannot_work_get_one_line(case):
    """Each impossible plan is refused in one line that says what is missing or allowed."""
    plan, words = REFUSED[case]
    with pytest.raises((SplitError, CodeError), match=words) as caught:
        make_splits(plan, dataset(40, 20))
    assert "\n" not in str(caught.value)


def test_groups_stay_together():
    """With group folds no group is on both sides, and repeats differ."""
    whole = replace(dataset(300, 100), groups=np.arange(400) // 8)
    splits, warned = make_splits(SplitPlan("group", repeats=2), whole)
    assert len(splits) == 10
    assert warned == ()
    for split in splits:
        assert not set(whole.groups[split.train]) & set(whole.groups[split.test])
    assert set(splits[0].test) not in [set(split.test) for split in splits[5:]]


def test_groups_limit_the_folds():
    """Too few groups with the rarest class lower the default and refuse the user's number."""
    whole = dataset(280, 20)
    seen = np.cumsum(whole.target)  # 7, 7 and 6 of the rarest class
    groups = np.where(whole.target == 1, seen % 3, 10 + np.arange(300) % 30)
    whole = replace(whole, groups=groups)
    splits, warned = make_splits(SplitPlan("group"), whole)
    assert len(splits) == 3
    assert "folds_lowered" in codes(warned)
    with pytest.raises(SplitError, match="folds = 4: class 'b' has 3 groups, so at most 3"):
        make_splits(SplitPlan("group", folds=4), whole)
    one = replace(whole, groups=np.where(whole.target == 1, 0, groups))
    with pytest.raises(SplitError, match="no folds can be made: class 'b' has 1 groups"):
        make_splits(SplitPlan("group"), one)


def test_time_windows_are_scikit_learns_where_moments_differ():
    """Windows in time are TimeSeriesSplit over the rows in order of time."""
    time = np.random.default_rng(3).permutation(200).astype(float)
    whole = replace(dataset(140, 60), time=time)
    splits, warned = make_splits(SplitPlan("time"), whole)
    assert warned == ()
    order = np.argsort(time)
    expected = TimeSeriesSplit(5).split(order)
    same(splits, [(np.sort(order[train]), np.sort(order[test])) for train, test in expected])


@settings(deadline=None, max_examples=30)
@given(moments=st.integers(6, 60), seed=st.integers(0, 20))
def test_time_never_runs_backward(moments, seed):
    """Every training row is earlier than every test row, also where moments repeat."""
    time = np.random.default_rng(seed).integers(0, moments, 400).astype(float)
    whole = replace(dataset(280, 120, seed=seed), time=time)
    for split in make_splits(SplitPlan("time"), whole)[0]:
        assert time[split.train].max() < time[split.test].min()


@settings(deadline=None, max_examples=30)
@given(moments=st.integers(30, 400), seed=st.integers(0, 50), repeats=st.integers(1, 3))
def test_fresh_windows_are_others_and_run_forward(moments, seed, repeats):
    """Fresh windows differ from the search's and among repeats, and keep every law of time."""
    time = np.random.default_rng(seed).integers(0, moments, 400).astype(float)
    whole = replace(dataset(280, 120, seed=seed), time=time)
    plan = SplitPlan("time", repeats=repeats, seed=seed, fresh=True)
    splits, _ = make_splits(plan, whole)
    assert [split.repeat for split in splits] == [n for n in range(repeats) for _ in range(5)]
    for split in splits:
        assert time[split.train].max() < time[split.test].min()
        assert set(whole.target[split.train]) == set(whole.target[split.test]) == {0, 1}
    plain = make_splits(SplitPlan("time"), whole)[0]
    cuts = [
        tuple(len(split.train) for split in part)
        for part in (plain, *(splits[n : n + 5] for n in range(0, len(splits), 5)))
    ]
    assert len(set(cuts)) == repeats + 1
    again = make_splits(plan, whole)[0]
    assert [tuple(split.test) for split in splits] == [tuple(split.test) for split in again]


def test_windows_that_cannot_move_are_refused():
    """Where moments are too few to cut elsewhere, one line says that windows cannot be moved."""
    time = np.repeat(np.arange(6.0), 20)
    whole = replace(dataset(80, 40), time=time)
    with pytest.raises(SplitError, match="cannot be moved: fold 1 of 5 has no row"):
        make_splits(SplitPlan("time", folds=5, repeats=9, fresh=True), whole)


def test_fresh_changes_nothing_where_the_seed_does():
    """Stratified and group folds are fresh by their seed alone."""
    whole = replace(dataset(200, 100), groups=np.arange(300) // 3)
    for splitter in ("stratified", "group"):
        plan = SplitPlan(splitter, folds=4, repeats=2, seed=9)
        plain = make_splits(plan, whole)[0]
        same(
            make_splits(replace(plan, fresh=True), whole)[0],
            [(split.train, split.test) for split in plain],
        )


def test_a_splitter_without_a_seed_has_no_fresh_partition():
    """A splitter of the user's is asked for fresh folds through random_state, or refused."""
    kfold = SplitPlan("sklearn.model_selection:StratifiedKFold", folds=3, seed=5, fresh=True)
    whole = dataset(60, 30)
    same(
        make_splits(kfold, whole)[0],
        StratifiedKFold(3, shuffle=True, random_state=5).split(whole.values, whole.target),
    )
    with pytest.raises(SplitError, match="takes no random_state, so it has no fresh partitions"):
        make_splits(
            SplitPlan("sklearn.model_selection:TimeSeriesSplit", fresh=True), dataset(60, 30)
        )


def test_time_sorted_by_label_is_refused():
    """A class that is in no early window is named, with the fold that lacks it."""
    whole = replace(dataset(100, 100), time=np.arange(200.0), target=np.repeat([0, 1], 100))
    with pytest.raises(SplitError, match="folds = 5: fold 1 of 5 has no row of class 'b' among"):
        make_splits(SplitPlan("time", folds=5), whole)
    with pytest.raises(SplitError, match="no folds can be made: fold 1 of 2"):
        make_splits(SplitPlan("time"), whole)
    with pytest.raises(SplitError, match="repeats = 2: windows in time are the same"):
        make_splits(SplitPlan("time", repeats=2), whole)
    with pytest.raises(SplitError, match="there are 1 moments"):
        make_splits(SplitPlan("time"), replace(whole, time=np.zeros(200)))


def test_time_may_lack_a_third_class_in_a_test_window():
    """Of three classes a test window may lack one; training may not."""
    whole = dataset(100, 100, 40)
    late = np.argsort(whole.target == 2, kind="stable")  # all of the third class at the end
    whole = replace(whole, time=np.argsort(late).astype(float))
    with pytest.raises(SplitError, match=r"no row of class 'c' among its .* training rows"):
        make_splits(SplitPlan("time"), whole)
    early = replace(whole, time=-whole.time)
    splits, warned = make_splits(SplitPlan("time"), early)
    assert len(splits) == 2
    assert "thin_folds" in codes(warned)


def test_what_a_splitter_ignores_is_said():
    """Stratified folds over data with groups or time say what they do not respect."""
    whole = replace(dataset(100, 50), groups=np.arange(150) // 5, time=np.arange(150.0))
    stratified = make_splits(SplitPlan(), whole)[1]
    assert codes(stratified) == ["groups_across_folds", "time_ignored"]
    assert codes(make_splits(SplitPlan("time"), replace(whole, groups=None))[1]) == []


def test_the_columns_choose_the_splitter():
    """Time calls for windows, groups for group folds, else folds are stratified."""
    plain = dataset(10, 10)
    groups = replace(plain, groups=np.arange(20))
    timed = replace(groups, time=np.arange(20.0))
    names = [natural_splitter(whole) for whole in (plain, groups, timed)]
    assert names == ["stratified", "group", "time"]


def test_a_splitter_of_the_users(tmp_path):
    """Any scikit-learn splitter works: by module or file, as class, function or object."""
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold\n"
        "class Halves:\n"
        "    def split(self, X, y, groups=None):\n"
        "        odd = np.arange(len(y)) % 2 == 1\n"
        "        yield odd, ~odd\n"
        "        yield ~odd, odd\n"
        "def made(n_splits):\n    return StratifiedKFold(n_splits)\n"
        "ready = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)\n"
    )
    whole = dataset(60, 30)

    def cut(name, **options):
        return make_splits(SplitPlan(name, folder=tmp_path, **options), whole)[0]

    halves = cut("mine.py:Halves")
    np.testing.assert_array_equal(halves[0].test, np.arange(0, 90, 2))
    same(cut("mine.py:made", folds=4), StratifiedKFold(4).split(whole.values, whole.target))
    assert [split.repeat for split in cut("mine.py:ready")] == [0, 0, 0, 1, 1, 1]
    kfold = "sklearn.model_selection:StratifiedKFold"
    same(cut(kfold, folds=4, seed=3, repeats=2)[:4], (
        (split.train, split.test) for split in make_splits(SplitPlan(folds=4, seed=3), whole)[0]
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("yield [0, 1], [1, 2]", "fold 1 of the splitter trains on rows that it tests on"),
        ("yield [0, 1], [2, 99]", r"fold 1 of the splitter names rows outside 0\.\.89"),
        ("yield [0, 1], [-1]", r"fold 1 of the splitter names rows outside 0\.\.89"),
        ("yield [0.5], [1.5]", "fold 1 of the splitter is no pair of row positions"),
        ("yield [0, 1], []", "fold 1 of 1 has no row of class"),
        ("return iter([])", "the splitter gives no fold"),
    ],
)
def test_a_splitter_that_is_wrong_is_refused(tmp_path, body, words):
    """Folds that overlap, lie outside the table, or are none are refused before any fit."""
    (tmp_path / "mine.py").write_text(
        f"class Wrong:\n    def split(self, X, y, groups=None):\n        {body}\n"
    )
    with pytest.raises(SplitError, match=words):
        make_splits(SplitPlan("mine.py:Wrong", folder=tmp_path), dataset(60, 30))
