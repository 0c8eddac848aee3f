"""Time, memory and score of the registered algorithms from 1,000 to 2,000,000 rows.

NYC flights 2013 (real, 336,776 rows) as far as it goes; beyond that its rows come again with noise
on the numbers, which keeps columns, levels and the share of late flights, but not how the score
would go on growing: past the real rows read seconds and memory only. What is measured and told is
``quintain speed``'s own.
"""

import argparse
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from examples import real_data
from quintain.loglog import write
from quintain.speed_text import lines
from quintain.speeding import speed

#: Two sizes a factor of ten, about.
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000)
QUICK = "logistic_regression,random_forest,xgboost,gaussian_nb"


def flights(rows: int, seed: int = 0) -> pd.DataFrame:
    """So many flights: real ones, then real ones again with noise on their numbers."""
    real = real_data.flights()
    if rows <= len(real):
        return real.sample(rows, random_state=seed).reset_index(drop=True)
    rng = np.random.default_rng(seed)
    table = real.iloc[np.resize(rng.permutation(len(real)), rows)].reset_index(drop=True)
    for name in table.select_dtypes("number"):
        noise = rng.normal(0, 0.02 * float(real[name].std()), rows - len(real))
        numbers = table[name].to_numpy(dtype=np.float64, copy=True)
        numbers[len(real) :] += noise
        table[name] = numbers
    return table


def main() -> None:
    """Measure, print the table, write picture and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=SIZES[-1])
    parser.add_argument("--models", default="", help="names, with commas between; default: all")
    parser.add_argument("--minutes", type=float, default=60.0, help="for all algorithms together")
    parser.add_argument("--picture", type=Path, default=Path("algorithm_speed.svg"))
    parser.add_argument("--quick", action="store_true", help="30,000 rows, four models: a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    asked = parser.parse_args()
    if asked.quick:
        asked.rows, asked.models, asked.minutes = 30_000, QUICK, min(asked.minutes, 0.7)
    sizes = [size for size in SIZES if size < asked.rows]
    found = speed(
        flights(asked.rows), "late", [name for name in asked.models.split(",") if name],
        measured_s=60 * asked.minutes, shares=[*(size / asked.rows for size in sizes), 1.0],
        tell=lambda line: print(line, flush=True),
    )  # fmt: skip
    print("\n".join(lines(found)))
    write(found, asked.picture)
    if asked.json:
        machine = f"{platform.platform()}, {os.cpu_count()} cores"
        versions = {name: version(name) for name in ("scikit-learn", "xgboost", "numpy")}
        report = {"machine": machine, "versions": versions, **found.to_json()}
        asked.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
