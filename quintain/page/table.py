"""The trials of a sweep as a table: filtered, sorted and cut into pages on the server."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from search.report_tables import spread
from search.view import SweepView
from search.view_rows import TrialView

#: Rows of a page.
PER = (25, 50, 100, 250)
STATES = ("completed", "pruned", "failed", "running", "waiting", "cancelled", "cached",
          "infeasible")  # fmt: skip
#: By what can be sorted: the key of a column, its title, and what is looked at.
COLUMNS: tuple[tuple[str, str, Callable[[TrialView], Any]], ...] = (
    ("trial", "trial", lambda t: t.trial),
    ("state", "state", lambda t: t.state),
    ("model", "model", lambda t: t.model),
    ("score", "", lambda t: t.score),
    ("fit", "fit, s", lambda t: t.fit_s),
    ("cpu", "CPU, s", lambda t: t.cpu_s),
    ("memory", "peak, MB", lambda t: t.peak_mb),
    ("predict", "ms per 1,000 rows", lambda t: t.predict_ms_per_1k),
)
_VALUES = {key: value for key, _, value in COLUMNS}
_CONDITION = re.compile(r"([A-Za-z_][\w.]*)(<=|>=|!=|=|<|>)(.+)")
_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b, "=": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see, as the address has it.

    Attributes:
        text: words and conditions, all of which hold: ``xgboost max_depth>5``.
        sort: a column's key, with a minus before it for the largest first; "best": by score.
        page: from 1.
    """

    state: str = ""
    model: str = ""
    text: str = ""
    sort: str = "best"
    page: int = 1
    per: int = 50

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        """Whatever the address says: what makes no sense is left out."""
        key = query.get("sort", "best")
        known = key == "best" or key.removeprefix("-") in _VALUES
        state = query.get("state", "")
        return cls(
            state=state if state in STATES else "", model=query.get("model", "")[:200],
            text=query.get("text", "")[:200], sort=key if known else "best",
            page=_whole(query.get("page"), 1), per=_nearest(_whole(query.get("per"), 50)),
        )  # fmt: skip

    def address(self, **changes: Any) -> str:
        """The part after the question mark, with some of it changed; any change but one of the
        page begins with the first.
        """
        told = {name: getattr(self, name) for name in self.__slots__}
        told |= {"page": 1} | changes
        plain = Asked()
        return urlencode({k: v for k, v in told.items() if v != getattr(plain, k)})

    @property
    def filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.state or self.model or self.text)


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of trials; ``first`` counts from 1, ``total`` those that passed the filter."""

    rows: Sequence[TrialView]
    first: int
    total: int
    page: int
    pages: int


def shown(view: SweepView, asked: Asked) -> Shown:
    """The trials that are asked for."""
    found = [trial for trial in view.trials if _passes(trial, asked)]
    found = _sorted(found, asked.sort, view.direction)
    pages = max(1, math.ceil(len(found) / asked.per))
    page = min(max(1, asked.page), pages)
    first = (page - 1) * asked.per
    return Shown(found[first : first + asked.per], first + 1, len(found), page, pages)


def _sorted(trials: list[TrialView], sort: str, direction: str) -> list[TrialView]:
    """What has no value comes last, either way; of equals the earlier first.

    A score of fewer folds, or one that breaks a constraint, never stands between full ones.
    """
    if sort == "best":
        sort = "-score" if direction == "maximize" else "score"
    if sort.removeprefix("-") != "score":
        return _by(trials, sort)
    groups: tuple[list[TrialView], ...] = ([], [], [], [])
    for trial in trials:
        rank = {"completed": int(bool(trial.infeasible)), "pruned": 2}.get(trial.state, 3)
        groups[rank].append(trial)
    return [trial for group in groups for trial in _by(group, sort)]


def _by(trials: list[TrialView], sort: str) -> list[TrialView]:
    value = _VALUES[sort.removeprefix("-")]
    known = [t for t in trials if value(t) == value(t)]
    rest = [t for t in trials if value(t) != value(t)]
    return sorted(known, key=value, reverse=sort.startswith("-")) + rest


def _passes(trial: TrialView, asked: Asked) -> bool:
    if asked.model and trial.model != asked.model:
        return False
    if asked.state == "cached":
        if not trial.cached:
            return False
    elif asked.state == "infeasible":
        if not trial.infeasible:
            return False
    elif asked.state and trial.state != asked.state:
        return False
    return not asked.text or all(_holds(trial, word) for word in asked.text.split())


def _holds(trial: TrialView, word: str) -> bool:
    """A condition on a parameter, the score or a cost; else a word that stands somewhere."""
    found = _CONDITION.fullmatch(word)
    if found is None:
        told = f"{trial.model} {trial.params} {trial.cause or ''} {trial.reason or ''}"
        return word.lower() in told.lower()
    name, sign, wanted = found.groups()
    if name in trial.params:
        value = trial.params[name]
    elif name in _VALUES:
        value = _VALUES[name](trial)
    else:
        return False
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return _HOLDS[sign](value, float(wanted))
        except ValueError:
            return sign == "!="
    return sign in ("=", "!=") and _HOLDS[sign](str(value).lower(), wanted.lower())


def interval_of(trial: TrialView, view: SweepView) -> tuple[float, float]:
    """Of the mean of its folds, by the corrected t; NaN for a trial that has not all of them."""
    folds = trial.folds.get(view.metric, ())
    number = view.header.get("folds")
    if trial.state != "completed" or not number or number < 2 or len(folds) < 2:
        return math.nan, math.nan
    from evaluators.intervals import corrected_t

    found = corrected_t(folds, 1 / (number - 1), around=trial.score)
    return found.low, found.high


def spread_of(trial: TrialView, view: SweepView) -> str:
    """Standard deviation over its folds."""
    return spread(trial.folds.get(view.metric, ()))


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and re.fullmatch(r"\d{1,9}", text) else otherwise


def _nearest(per: int) -> int:
    return min(PER, key=lambda each: abs(each - per))
