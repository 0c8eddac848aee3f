"""Other shares of the classes among the training rows of a fold.

    random_over    rows of the rarer classes stand several times
    random_under   rows of the larger classes are left out
    smote          new rows of the rarer classes between two of theirs (Chawla et al. 2002)
    smote_enn      smote, then rows are left out of which one of three neighbours is of another
                   class (Batista, Prati & Monard 2004)

These four earned their place on 12 KEEL data sets with five models: smote with Tomek links scored
as smote did, and borderline SMOTE below it in AUC with four of the five models.

The ratio is rows of a class over rows of the largest, afterwards. Growing lifts every class below
it; random_under cuts every class to rows of the rarest over the ratio. Which rows are drawn and
cleaned is imbalanced-learn's. Only FoldModel calls this, with training rows: resampled before the
folds are cut, noise has a ROC AUC of 1 (SCIENCE 1.8).

SMOTE is written out. Without gaps it makes the rows of imbalanced-learn's SMOTE on standardised
columns, with categories those of SMOTENC, to which its tests hold it. On 30,000 rows of 6 numbers
and 8 categories SMOTENC takes 4.4 s and 0.8 GB, this 0.5 s and 0.02 GB (one thread); SMOTENC also
refuses data without numbers. Two things differ, for a model must not be able to tell made rows
from real ones:

- cells are interpolated as they stand, not scaled and scaled back, so that a value that both ends
  share stays exactly that value;
- where an end lacks a number, the cell of the end that is nearer is taken, a gap or not: medians
  stand in for gaps only to find neighbours.
"""

import importlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.code import nearest
from evaluators.errors import ModelError, ResamplingError
from evaluators.preprocess import Encoded
from evaluators.types import Column, Floats, Ints

NONE = "none"
METHODS = (NONE, "random_over", "random_under", "smote", "smote_enn")

#: These make rows that nobody saw, and so rows without a weight.
MAKING = ("smote", "smote_enn")

#: Neighbours of its class that a row is joined to: imbalanced-learn's default.
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Resampling:
    """What a ``[[model]]`` block asks for.

    Attributes:
        method: one of METHODS; None where each configuration says.
        ratio: above 0, at most 1; None for 1, or where each configuration says.
    """

    method: str | None = NONE
    ratio: float | None = None

    def __post_init__(self) -> None:
        if self.method is not None and self.method not in METHODS:
            listed = ", ".join(METHODS)
            guess = nearest(str(self.method), METHODS)
            raise ModelError(f"no resampling {self.method!r}{guess} (allowed: {listed})")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise ModelError(f"resample_ratio is {self.ratio!r}; allowed: above 0, at most 1")

    def settled(self, method: str | None, ratio: float | None) -> tuple[str, float]:
        """Method and ratio of a configuration, which says these of them."""
        Resampling(method, ratio)
        return method or self.method or NONE, ratio or self.ratio or 1.0


#: Rows stay as they are.
NOTHING = Resampling()


def weightless(methods: Sequence[str]) -> list[str]:
    """Which of these methods weighted rows rule out, one line each."""
    return [
        f'"{method}" makes new rows, which have no weight ($.data.weight_column); '
        'allowed: "random_over", "random_under", "none"'
        for method in methods
        if method in MAKING
    ]


def load_library(asked: Resampling) -> None:
    """Import what resampling needs, so that the first fit is not charged for it."""
    if asked.method != NONE:
        for module in ("imblearn.over_sampling", "imblearn.under_sampling", "sklearn.neighbors"):
            importlib.import_module(module)


@dataclass(frozen=True, slots=True, eq=False)
class Resampler:
    """One configuration's resampling of one dataset's rows; same rows and seed, same answer."""

    method: str
    ratio: float
    columns: Sequence[Column]
    labels: Sequence[str]
    seed: int

    def resample(
        self, values: Floats, target: Ints, weight: Floats | None
    ) -> tuple[Floats, Ints, Floats | None]:
        """(rows, columns) matrix, (rows,) class codes and row weights, or None, with other rows.

        Raises:
            ResamplingError: too few rows of a class, or weights that made rows would lack.
        """
        wanted = self._wanted(target)
        if weight is not None and (said := weightless([self.method])):
            raise ResamplingError(f"resample = {said[0]}")
        if not wanted:
            # no figure of this fold in it: a trial tells one text once
            warnings.warn(
                f"resample_ratio = {self.ratio:g} is not above the ratio of the training rows: "
                f"{self.method} left them as they are",
                stacklevel=2,
            )
            return values, target, weight
        if self.method in MAKING:
            values, target = self._with_made(values, target, wanted)
            if self.method != "smote_enn":
                return values, target, None
            kept = self._clean(values, target)
        else:
            kept = self._drawn(target, wanted)
        return values[kept], target[kept], None if weight is None else weight[kept]

    def _wanted(self, target: Ints) -> dict[int, int]:
        """Rows that a class shall have, by code; only of classes that change."""
        counts = np.bincount(target)
        present = [int(code) for code in np.flatnonzero(counts)]
        if self.method == "random_under":
            most = round(float(counts[present].min()) / self.ratio)
            return {code: most for code in present if counts[code] > most}
        least = round(self.ratio * float(counts.max()))
        return {code: least for code in present if counts[code] < least}

    def _drawn(self, target: Ints, wanted: Mapping[int, int]) -> Ints:
        """Positions of rows drawn at random, ascending."""
        from imblearn.over_sampling import RandomOverSampler
        from imblearn.under_sampling import RandomUnderSampler

        kind = RandomOverSampler if self.method == "random_over" else RandomUnderSampler
        sampler = kind(sampling_strategy=dict(wanted), random_state=self.seed)
        sampler.fit_resample(np.arange(len(target)).reshape(-1, 1), target)
        return np.sort(sampler.sample_indices_)

    def _with_made(
        self, values: Floats, target: Ints, wanted: Mapping[int, int]
    ) -> tuple[Floats, Ints]:
        """The rows as they are, and behind them the made ones."""
        space = _space(values, self.columns)
        rows, codes = [values], [target]
        for code, count in wanted.items():
            own = np.flatnonzero(target == code)
            if len(own) < 2:
                raise ResamplingError(
                    f'resample = "{self.method}" makes a row between two of a class, and class '
                    f"{self.labels[code]!r} has 1 training row; allowed: "
                    '"random_over", "random_under", "none", or fewer folds'
                )
            near = own[_neighbours(space[own], min(_NEIGHBOURS, len(own) - 1))]
            rows.append(self._made(values, own, near, count - len(own)))
            codes.append(np.full(count - len(own), code, dtype=target.dtype))
        return np.concatenate(rows), np.concatenate(codes)

    def _made(self, values: Floats, own: Ints, near: Ints, count: int) -> Floats:
        """(count, columns) rows, each between one of the rows ``own`` and one ``near`` it."""
        random = np.random.RandomState(self.seed)  # draws as imbalanced-learn does
        drawn = random.randint(near.size, size=count)
        step = random.uniform(size=count)[:, np.newaxis]
        start, which = np.divmod(drawn, near.shape[1])
        ends = values[own[start]], values[near[start, which]]
        between = ends[0] + step * (ends[1] - ends[0])
        nearer = np.where(step < 0.5, *ends)
        made = np.where(np.isnan(between), nearer, between).astype(values.dtype)
        for place, column in enumerate(self.columns):
            if column.levels is not None:
                made[:, place] = _voted(values[near[start], place], random)
        return made

    def _clean(self, values: Floats, target: Ints) -> Ints:
        """Positions of the rows all of whose three neighbours are of their own class."""
        from imblearn.under_sampling import EditedNearestNeighbours

        cleaner = EditedNearestNeighbours(sampling_strategy="all")
        cleaner.fit_resample(_space(values, self.columns), target)
        kept = np.sort(cleaner.sample_indices_)
        lost = np.setdiff1d(target, target[kept])
        if len(lost):
            raise ResamplingError(
                f'resample = "{self.method}" left no row of class {self.labels[lost[0]]!r}; '
                'allowed: "smote", "random_over", "random_under", "none"'
            )
        return kept


def _space(values: Floats, columns: Sequence[Column]) -> Floats:
    """(rows, dimensions) in which near rows are alike.

    Numbers have deviation 1 here, and two categories that differ are as far apart as that: what
    SMOTENC does with the median deviation. At most 50 levels of a category are told apart.
    """
    shown: Floats = Encoded(columns, impute=True, scale=True).fit_transform(values)
    numbers = [place for place, column in enumerate(columns) if column.levels is None]
    gaps = np.isnan(values[:, numbers]).any(axis=0).sum()
    shown[:, len(numbers) + gaps :] /= np.sqrt(2)  # both levels of a pair contribute
    return shown


def _neighbours(space: Floats, count: int) -> Ints:
    """(rows, count) positions of the rows nearest to each row, itself left out."""
    from sklearn.neighbors import NearestNeighbors

    found: Ints = NearestNeighbors(n_neighbors=count + 1).fit(space).kneighbors(space)[1]
    return found[:, 1:]


def _voted(codes: Floats, random: np.random.RandomState) -> Floats:
    """(rows,) the most frequent of each row's (rows, neighbours) codes, ties by lot; NaN counts."""
    votes = np.nan_to_num(codes, nan=-1)
    counts = (votes[:, :, np.newaxis] == votes[:, np.newaxis, :]).sum(axis=2)
    winner = np.argmax(counts + random.uniform(size=counts.shape), axis=1)
    voted: Floats = codes[np.arange(len(codes)), winner]
    return voted
