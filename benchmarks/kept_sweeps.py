"""Written sweeps with all that lies beside them: a table, its spec, out-of-fold files.

A page reads these again: the header is the one that ``quintain run`` writes, so the rows and their
folds are found again, and each trial's file has made-up outputs on those folds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.written_sweeps import entries_of
from evaluators.oof import encode
from evaluators.types import Floats, FoldResult, Resources, Split
from quintain.fresh import fresh_partitions
from quintain.locking import register
from quintain.notebook.toml_text import toml_text
from quintain.prepare import prepare
from search.entries import Entry
from search.records import Records
from search.spec import read_spec

#: Two models whose parameters are those of written trials.
MODELS = (
    {
        "estimator": "xgboost",
        "params": {"n_estimators": 20},
        "space": {
            "max_depth": {"int": [2, 12]},
            "learning_rate": {"float": [0.001, 1.0], "log": True},
            "subsample": {"float": [0.5, 1.0]},
            "min_child_weight": {"float": [0.1, 100.0], "log": True},
        },
    },
    {
        "estimator": "logistic_regression",
        "space": {"C": {"float": [0.001, 100.0], "log": True}},
    },
)


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Ten columns of numbers and four of texts, and a target that hangs on some of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 10)).round(4), columns=[f"x{n}" for n in range(10)])
    for name, levels in (("work", 8), ("school", 16), ("state", 40), ("kind", 3)):
        frame[name] = np.array([f"{name} {n}" for n in range(levels)])[
            rng.integers(levels, size=rows)
        ]
    latent = frame.x0 + frame.x1 * frame.x2 + 0.5 * (frame.kind == "kind 1") - 1.3
    frame["income"] = np.where(latent + rng.normal(size=rows) > 0, ">50K", "<=50K")
    return frame


def spec_of(folder: Path, name: str, trials: int) -> Path:
    """A spec's file beside ``table.csv``, with the metrics that written sweeps have."""
    told = {
        "name": name,
        "note": "does depth matter once the threshold is tuned?",
        "data": {"source": "table.csv", "target": "income", "positive": ">50K"},
        "evaluate": {"metric": "average_precision", "metrics": ["roc_auc"]},
        "search": {"trials": trials},
        "model": MODELS,
    }
    path = folder / f"{name}.toml"
    path.write_text(toml_text(told))
    return path


def header_of(store: Records, spec: Path) -> dict[str, Any]:
    """As ``quintain run`` writes it for this spec."""
    return prepare(read_spec(spec), None, store).header("local")


def kept(store: Records, spec: Path, seed: int = 0) -> str:
    """A sweep of the spec's trials that is over, with a file for each that completed; its id.

    Two models or more, trials that were pruned and that failed, five finalists and the defaults,
    an estimate on five deals of fresh folds.
    """
    prepared = prepare(read_spec(spec), None, store)
    search = prepared.spec.search
    sweep = store.create(prepared.spec.name, prepared.header("local"))
    register(store, sweep, prepared.division)
    fresh, _ = fresh_partitions(prepared, store, sweep)
    models = [block.name for block in prepared.spec.model]
    entries = entries_of(search.trials, seed=seed, finalists=5, models=models)
    folder = store.folder / sweep
    folder.mkdir(parents=True)
    target = prepared.dataset.target.astype(np.float64)
    partitions = [prepared.splits, *fresh]
    store.append(sweep, _with_files(entries, partitions, target, folder, seed))
    return sweep


def _with_files(
    entries: Sequence[Entry], partitions: Sequence[Sequence[Split]], target: Floats, folder: Path,
    seed: int,
) -> Iterator[Entry]:  # fmt: skip
    """The same entries; those of a completed trial or finalist name the file of its outputs."""
    rng = np.random.default_rng(seed)
    for entry in entries:
        body = entry.body
        if entry.kind not in ("ended", "rescored") or body["state"] != "completed":
            yield entry
            continue
        partition, name = 0, f"{entry.trial}-{entry.attempt}.oof"
        if entry.kind == "rescored":
            partition = body["partition"]
            name = f"fresh-{partition}-{body['candidate']}.oof"
        splits = partitions[partition][: len(body["folds"]["average_precision"])]
        (folder / name).write_bytes(encode(splits, _outputs(rng, target, splits)))
        yield replace(entry, body={**body, "oof": name})


def _outputs(rng: np.random.Generator, target: Floats, splits: Sequence[Split]) -> list[FoldResult]:
    """Probabilities that tell the classes apart as a fair model does."""
    output = 1 / (1 + np.exp(1.5 - 1.5 * target - rng.normal(size=len(target))))
    return [
        FoldResult(number, {}, (), Resources(), output[split.test], "proba")
        for number, split in enumerate(splits)
    ]
