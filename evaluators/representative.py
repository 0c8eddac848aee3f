"""Whether a part of a table stands for the table: each test compares it with the REST of the rows.

With many rows p-values reject everything and with few they accept everything (SCIENCE 4.3), so a
test asks two things. The effect must stay below its limit, whatever chance says; and an effect
over half the limit must be one that chance explains (p of 0.01, Holm over columns). Only shares
(labels, missing values) may be past their limit where chance explains it: an honest part of
10,000 rows often is.

Where the rest is smaller than the part, limits grow in proportion: what counts is how far the part
is from the whole, and then the rest is a noisy measure of that.

Weights undo the minority floor before anything is compared; shares of the labels are then the
weights' own, and not tested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import ndtr
from scipy.stats import chi2_contingency, hypergeom, kstwobign, rankdata

from evaluators.subsample import Part
from evaluators.threads import limited
from evaluators.types import Dataset, Floats, Ints

ALPHA = 0.01
#: Effects: difference of shares, KS distance, bits, difference of correlations, AUC off 0.5.
LABEL_SHARE, MISSING_SHARE, KS, BITS, CORRELATION, AUC = 0.005, 0.01, 0.05, 0.01, 0.1, 0.03
#: Of longer sides so many rows are compared, labels apart: it is known to 0.003 then.
_ROWS_TO_COMPARE = 200_000
#: The booster tells at most so many rows of each side apart.
_ROWS_TO_TELL_APART = 10_000
_FOLDS = 5
#: chi-squared needs so many rows expected in a cell; rarer levels are one.
_EXPECTED = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One test. ``what``: the column it is about, or how the figure came about."""

    name: str
    figure: float
    limit: float
    passed: bool
    what: str


@dataclass(frozen=True, slots=True)
class _Effect:
    """How far the sides are apart in one column, and how often chance is so far off."""

    column: str
    size: float
    p: float


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """The part and the rest: positions, the part's weights, and how far limits are widened."""

    part: Ints
    rest: Ints
    weight: Floats
    widened: float

    @property
    def rows(self) -> tuple[float, float]:
        """Rows of each side; of the part what its weights leave of them (Kish 1965)."""
        return float(self.weight.sum() ** 2 / (self.weight**2).sum()), float(len(self.rest))


def judge(dataset: Dataset, part: Part, seed: int = 0) -> tuple[Check, ...]:
    """The tests of ``part`` against all other rows; none where there are no others."""
    rest = np.setdiff1d(np.arange(dataset.rows), part.rows, assume_unique=True)
    if not len(rest):
        return ()
    widened = max(1.0, dataset.rows / (2 * len(rest)))
    generator = np.random.default_rng(seed)
    drawn, rest = (
        np.sort(generator.choice(rows, _ROWS_TO_COMPARE, replace=False, shuffle=False))
        if len(rows) > _ROWS_TO_COMPARE else rows
        for rows in (part.rows, rest)
    )  # fmt: skip
    weight = np.ones(len(drawn))
    if part.weights is not None:
        weight = np.asarray(part.weights)[dataset.target[drawn]]
    sides = _Sides(drawn, rest, weight, widened)
    tests: list[Callable[[], Check | None]] = [
        lambda: _label(dataset, part, sides),
        lambda: _numbers(dataset, sides),
        lambda: _categories(dataset, sides),
        lambda: _missing(dataset, sides),
        lambda: _correlations(dataset, sides),
        lambda: _told_apart(dataset, sides, seed),
    ]
    return tuple(check for test in tests if (check := test()) is not None)


def _label(dataset: Dataset, part: Part, sides: _Sides) -> Check:
    """Share of each class, exactly (hypergeometric); the distribution of a numeric target."""
    if dataset.regression:
        distance = _distance(dataset.target, sides, "the target")
        return _verdict("label", [distance], KS, sides)
    rows = len(part.rows)
    whole, kept = dataset.counts(slice(None)), dataset.counts(part.rows)
    apart = np.abs(kept / rows - (whole - kept) / (dataset.rows - rows))
    if part.weights is not None:
        code = int(np.argmax(apart))
        what = f"class {dataset.classes[code]!r}: the floor changed its share, weights undo it"
        return Check("label", float(apart[code]), LABEL_SHARE * sides.widened, True, what)
    drawn = hypergeom(dataset.rows, whole, rows)
    p = np.minimum(1.0, 2 * np.minimum(drawn.cdf(kept), drawn.sf(kept - 1)))
    effects = [
        _Effect(f"class {name!r}", float(size), float(chance))
        for name, size, chance in zip(dataset.classes, apart, p, strict=True)
    ]
    return _verdict("label", effects, LABEL_SHARE, sides, by_chance=True)


def _numbers(dataset: Dataset, sides: _Sides) -> Check | None:
    """Two-sample Kolmogorov-Smirnov, column by column."""
    effects = [
        _distance(dataset.values[:, place], sides, repr(column.name))
        for place, column in enumerate(dataset.columns)
        if column.levels is None
    ]
    if dataset.time is not None:
        effects.append(_distance(dataset.time, sides, "time"))
    return _verdict("numbers", effects, KS, sides) if effects else None


def _distance(values: Floats, sides: _Sides, name: str) -> _Effect:
    """The KS distance where the part has weights, which scipy's ``ks_2samp`` does not take."""
    drawn, others = values[sides.part], values[sides.rest]
    known = ~np.isnan(drawn)
    weight, drawn, others = sides.weight[known], drawn[known], others[~np.isnan(others)]
    if not len(drawn) or not len(others):
        return _Effect(name, 0.0, 1.0)
    both = np.concatenate([drawn, others])
    step = np.concatenate([weight / weight.sum(), np.full(len(others), -1 / len(others))])
    order = np.argsort(both)
    last = np.append(np.diff(both[order]) > 0, True)
    size = float(np.abs(np.cumsum(step[order])[last]).max())
    rows, rest = weight.sum() ** 2 / (weight**2).sum(), len(others)
    return _Effect(name, size, float(kstwobign.sf(size * sqrt(rows * rest / (rows + rest)))))


def _categories(dataset: Dataset, sides: _Sides) -> Check | None:
    """chi-squared and the Jensen-Shannon divergence in bits, rare levels pooled."""
    effects = [
        _divergence(dataset.values[:, place], len(column.levels), sides, repr(column.name))
        for place, column in enumerate(dataset.columns)
        if column.levels is not None
    ]
    if not effects:
        return None
    return _verdict("categories", effects, BITS, sides, widened=sides.widened**2)


def _divergence(values: Floats, levels: int, sides: _Sides, name: str) -> _Effect:
    codes = np.where(np.isnan(values), levels, values).astype(np.intp)
    part = np.bincount(codes[sides.part], sides.weight, levels + 1)
    rest = np.bincount(codes[sides.rest], minlength=levels + 1).astype(float)
    rows, others = sides.rows
    table = np.array([part * (rows / part.sum()), rest])
    common = table.sum(axis=0) * min(rows, others) / (rows + others) >= _EXPECTED
    table = np.column_stack([table[:, common], table[:, ~common].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return _Effect(name, 0.0, 1.0)
    shares = table / table.sum(axis=1, keepdims=True)
    mean = shares.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = float(np.where(shares > 0, shares * np.log2(shares / mean), 0.0).sum()) / 2
    return _Effect(name, bits, float(chi2_contingency(table, correction=False).pvalue))


def _missing(dataset: Dataset, sides: _Sides) -> Check | None:
    """Shares of missing cells, by the normal approximation."""
    effects = []
    rows, others = sides.rows
    for place, column in enumerate(dataset.columns):
        gaps = np.isnan(dataset.values[:, place])
        if not gaps.any():
            continue
        share = float(np.average(gaps[sides.part], weights=sides.weight))
        size = abs(share - float(gaps[sides.rest].mean()))
        spread = sqrt(gaps.mean() * (1 - gaps.mean()) * (1 / rows + 1 / others))
        chance = 2 * float(ndtr(-size / spread)) if spread else 1.0
        effects.append(_Effect(repr(column.name), size, chance))
    if not effects:
        return None
    return _verdict("missing", effects, MISSING_SHARE, sides, by_chance=True)


def _correlations(dataset: Dataset, sides: _Sides) -> Check | None:
    """The largest difference of two rank correlations (Pearson's hang on a few far rows)."""
    places = [
        place for place, column in enumerate(dataset.columns)
        if column.levels is None
        and all(_varies(dataset.values[rows, place]) for rows in (sides.part, sides.rest))
    ]  # fmt: skip
    if len(places) < 2:
        return None
    both, rows = np.concatenate([sides.part, sides.rest]), len(sides.part)
    ranks = np.column_stack([_ranks(dataset.values[both, place]) for place in places])
    weighted = np.cov(ranks[:rows], rowvar=False, aweights=sides.weight)
    plain = np.corrcoef(ranks[rows:], rowvar=False)
    spread = np.sqrt(np.diag(weighted))
    apart = np.abs(weighted / np.outer(spread, spread) - plain)
    one, other = np.unravel_index(int(np.argmax(apart)), apart.shape)
    limit = CORRELATION * sides.widened
    names = [dataset.columns[places[place]].name for place in (one, other)]
    size = float(apart[one, other])
    return Check("correlations", size, limit, size < limit, f"{names[0]!r} and {names[1]!r}")


def _varies(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    return bool(len(known) and known.min() < known.max())


def _ranks(values: Floats) -> Floats:
    """Ranks, the middle one where a value is missing."""
    missing = np.isnan(values)
    ranks = np.empty(len(values))
    ranks[~missing] = rankdata(values[~missing])
    ranks[missing] = (np.count_nonzero(~missing) + 1) / 2
    return ranks


def _told_apart(dataset: Dataset, sides: _Sides, seed: int) -> Check:
    """AUC with which a small booster, cross-validated, tells rows of the part from the rest.

    Only above 0.5 counts against the part. Below, what four folds teach turns round on the fifth:
    rows were dealt more evenly than chance would, as strata do, and are not to be told apart.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    generator = np.random.default_rng(seed)
    part = generator.permutation(len(sides.part))[:_ROWS_TO_TELL_APART]
    rest = generator.permutation(sides.rest)[:_ROWS_TO_TELL_APART]
    rows = np.concatenate([sides.part[part], rest])
    drawn = np.repeat([1, 0], [len(part), len(rest)])
    weight = None  # equal weights make scikit-learn's binning ten times as slow for nothing
    if np.ptp(sides.weight):
        weight = np.concatenate([sides.weight[part] / sides.weight.mean(), np.ones(len(rest))])
    values = _with_target(dataset, rows)
    folds = min(_FOLDS, len(part), len(rest))
    if folds < 2:
        return Check("told apart", 0.5, AUC * sides.widened, True, "too few rows to tell apart")
    scores = []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(values, drawn):
        booster = HistGradientBoostingClassifier(
            max_iter=20, max_leaf_nodes=8, max_bins=32, early_stopping=False, random_state=seed
        )
        with limited(1):  # fits of a tenth of a second: threads wait for each other on a busy host
            booster.fit(values[train], drawn[train], None if weight is None else weight[train])
            output = booster.predict_proba(values[test])[:, 1]
        tested = None if weight is None else weight[test]
        scores.append(roc_auc_score(drawn[test], output, sample_weight=tested))
    auc = float(np.mean(scores))
    ones, others = len(part) * sides.rows[0] / len(sides.part), len(rest)
    spread = sqrt((ones + others + 1) / (12 * ones * others))  # of the AUC of noise (Mann-Whitney)
    size = max(0.0, auc - 0.5)
    effect = _Effect(f"AUC {auc:.3f} of a small booster", size, 2 * float(ndtr(-size / spread)))
    return _verdict("told apart", [effect], AUC, sides)


def _with_target(dataset: Dataset, rows: Ints) -> Floats:
    """The features and the target side by side: a shift of labels within features shows too."""
    joined: Floats = np.column_stack([dataset.values[rows], dataset.target[rows]])
    return joined


def _verdict(
    name: str,
    effects: Sequence[_Effect],
    limit: float,
    sides: _Sides,
    *,
    widened: float | None = None,
    by_chance: bool = False,
) -> Check:
    """The worst column against the limit; see the module's text.

    Args:
        name: of the test.
        effects: at least one.
        limit: of the effect, before it is widened.
        sides: what is compared.
        widened: by how much, where it is not the sides' own figure.
        by_chance: chance may also explain an effect past the limit.
    """
    limit *= sides.widened if widened is None else widened
    worst, worst_fails = effects[0], False
    ordered = sorted(effects, key=lambda effect: effect.p)
    adjusted = 0.0
    for place, effect in enumerate(ordered):
        adjusted = max(adjusted, min(1.0, (len(ordered) - place) * effect.p))  # Holm 1979
        explained = adjusted >= ALPHA
        fails = effect.size >= limit / 2 and not explained
        fails |= effect.size >= limit and not by_chance
        if (fails, effect.size) > (worst_fails, worst.size) or effect is worst:
            worst, worst_fails = effect, fails
    return Check(name, worst.size, limit, not worst_fails, worst.column)
