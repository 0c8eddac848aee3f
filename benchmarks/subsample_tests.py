"""Do representative parts pass their tests, do skewed ones fail, and are honest ones let through?

On three real tables and at each size: draws by strata and plain random ones, each of which is
stratified or honest by construction, so that a failed test is a false alarm; the first rows of the
table sorted by each of its columns, and rows drawn with a drift in the label, which all have to
fail. "apart" is the mean of the largest KS distance from the rest, for which strata are made; the
last columns are seconds of a draw beside those of reading the table in memory, and of the tests.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from statistics import mean

import numpy as np

from evaluators.data import load
from evaluators.representative import Check, judge
from evaluators.subsample import Part, draw
from evaluators.types import Dataset, Ints
from examples.real_data import adult, bank_marketing, flights

TABLES = {"adult": (adult, "income"), "bank": (bank_marketing, "y"), "flights": (flights, "late")}
#: A row of the positive class is so much likelier to be drawn than another, in the drifted parts.
DRIFT = 1.25


def plain(rows: Ints) -> Part:
    return Part(np.sort(rows), None, (), 0)


def random_part(dataset: Dataset, rows: int, seed: int) -> Part:
    return plain(np.random.default_rng(seed).choice(dataset.rows, rows, replace=False))


def drifted(dataset: Dataset, rows: int, seed: int) -> Part:
    chance = np.where(dataset.target == 1, DRIFT, 1.0)
    generator = np.random.default_rng(seed)
    return plain(generator.choice(dataset.rows, rows, replace=False, p=chance / chance.sum()))


def heads(dataset: Dataset, rows: int) -> list[Part]:
    return [
        plain(np.argsort(dataset.values[:, place], kind="stable")[:rows])
        for place in range(len(dataset.columns))
    ]


def failed(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def apart(checks: tuple[Check, ...]) -> float:
    return next(check.figure for check in checks if check.name == "numbers")


def measured(name: str, rows: int, draws: int) -> dict[str, object]:
    """One line of the table."""
    read, target = TABLES[name]
    frame = read()
    began = time.perf_counter()
    dataset = load(frame, target)
    loaded = time.perf_counter()
    draw(dataset, rows)
    drawn = time.perf_counter()
    judge(dataset, draw(dataset, rows))
    judged = time.perf_counter()
    strata = [judge(dataset, draw(dataset, rows, seed)) for seed in range(draws)]
    honest = [judge(dataset, random_part(dataset, rows, seed)) for seed in range(draws)]
    drift = [judge(dataset, drifted(dataset, rows, seed)) for seed in range(max(1, draws // 5))]
    head = [judge(dataset, part) for part in heads(dataset, rows)]
    return {
        "data": name,
        "of": dataset.rows,
        "rows": rows,
        "draws": draws,
        "strata_failed": mean(bool(failed(checks)) for checks in strata),
        "random_failed": mean(bool(failed(checks)) for checks in honest),
        "random_failed_in": sorted({test for checks in honest for test in failed(checks)}),
        "strata_failed_in": sorted({test for checks in strata for test in failed(checks)}),
        "heads": len(head),
        "heads_failed": mean(bool(failed(checks)) for checks in head),
        "drift_failed": mean(bool(failed(checks)) for checks in drift),
        "strata_apart": mean(map(apart, strata)),
        "random_apart": mean(map(apart, honest)),
        "load_s": loaded - began,
        "draw_s": drawn - loaded,
        "judge_s": judged - drawn,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000])
    parser.add_argument("--draws", type=int, default=100, help="of each kind")
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    chosen = parser.parse_args()
    kinds = ("strata", "random", "sorted", "drift")
    print(
        f"{'':<24}{'share of parts that fail':^36}{'apart':^18}{'seconds':^24}\n"
        f"{'data':<9}{'rows':>8}{'':7}" + "".join(f"{kind:>9}" for kind in kinds)
        + f"{'strata':>9}{'random':>9}{'load':>8}{'draw':>8}{'judge':>8}"
    )  # fmt: skip
    found = []
    for name in chosen.tables:
        for rows in chosen.rows:
            line = measured(name, rows, chosen.draws)
            shares = [line[f"{kind}_failed"] for kind in ("strata", "random", "heads", "drift")]
            print(
                f"{name:<9}{rows:>8}{'':7}" + "".join(f"{share:>9.1%}" for share in shares)
                + f"{line['strata_apart']:>9.4f}{line['random_apart']:>9.4f}{line['load_s']:>8.2f}"
                f"{line['draw_s']:>8.2f}{line['judge_s']:>8.2f}", flush=True,
            )  # fmt: skip
            found.append(line)
    if chosen.output:
        machine = {"cores": os.cpu_count(), "python": platform.python_version()}
        versions = {package: version(package) for package in ("scikit-learn", "numpy")}
        written = {"machine": machine, "versions": versions, "rows": found}
        chosen.output.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
