"""What a trial's out-of-fold file weighs, and how far ROC AUC moves for being read from it.

Outputs are made up in the shapes that real models give: even probabilities, ones squeezed against
zero as with rare positives, ones that pile up as with shallow trees, decision values with outliers.
Limits: 2 bytes a row, output and repeat, and 1e-4 in AUC (DESIGN, "Records are the truth").
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from evaluators.oof import decode, encode
from evaluators.types import Floats, FoldResult, Ints, Resources, ScoreKind, Split

FOLDS = 5
BYTES, ERROR = 2.0, 1e-4

Shape = Callable[[Floats], Floats]

#: From a latent score to an output.
SHAPES: Mapping[str, tuple[ScoreKind, Shape]] = {
    "even probabilities": ("proba", lambda latent: 1 / (1 + np.exp(-latent))),
    "squeezed to zero": ("proba", lambda latent: 1 / (1 + np.exp(7 - 0.5 * latent))),
    "64 distinct values": ("proba", lambda latent: np.round(32 + 8 * latent).clip(0, 63) / 64),
    "decision, outliers": ("decision", lambda latent: latent**3),
}


def splits_of(rows: int, rng: np.random.Generator) -> list[Split]:
    """Five folds of all rows."""
    fold = rng.integers(0, FOLDS, rows)
    return [Split(np.flatnonzero(fold != n), np.flatnonzero(fold == n)) for n in range(FOLDS)]


def measured(
    splits: list[Split], target: Ints, output: Floats, kind: ScoreKind
) -> dict[str, float]:
    """Bytes an output, the largest AUC error of any class on any fold, seconds both ways."""
    folds = [
        FoldResult(n, {}, (), Resources(), output[split.test], kind)
        for n, split in enumerate(splits)
    ]
    began = time.perf_counter()
    kept = encode(splits, folds)
    wrote = time.perf_counter()
    rows, numbers, back = decode(kept)
    read = time.perf_counter()
    errors = []
    for n in range(FOLDS):
        mine = rows[numbers == n]
        before, after = output[mine], back[numbers == n]
        if output.ndim == 1:
            pairs = [(target[mine] == 1, before, after)]
        else:
            classes = range(output.shape[1])
            pairs = [(target[mine] == c, before[:, c], after[:, c]) for c in classes]
        errors += [abs(roc_auc_score(t, one) - roc_auc_score(t, two)) for t, one, two in pairs]
    return {
        "bytes_an_output": len(kept) / output.size,
        "auc_error": float(max(errors)),
        "write_s": wrote - began,
        "read_s": read - wrote,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="of the binary tables")
    parser.add_argument("--rows-of-ten", type=int, default=400_000, help="of those of ten classes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    chosen = parser.parse_args()
    print(f"{'outputs':<22}{'rows':>10}{'classes':>8}{'bytes':>8}{'AUC error':>11}{'write s':>9}")
    found = []
    for classes, rows in ((2, chosen.rows), (10, chosen.rows_of_ten)):
        rng = np.random.default_rng(chosen.seed)
        splits = splits_of(rows, rng)
        target = rng.integers(0, 10, rows) if classes == 10 else (rng.random(rows) < 0.02) * 1
        for name, (kind, shape) in SHAPES.items():
            size = rows if classes == 2 else (rows, 10)
            true = target if classes == 2 else np.eye(10)[target]
            output = shape(rng.normal(size=size) + 1.5 * true)
            row = measured(splits, target, output, kind)
            told = f"{row['bytes_an_output']:>8.2f}{row['auc_error']:>11.1e}{row['write_s']:>9.1f}"
            print(f"{name:<22}{rows:>10,}{classes:>8}{told}", flush=True)
            found.append({"outputs": name, "rows": rows, "classes": classes, **row})
    worst = max(each["auc_error"] for each in found), max(each["bytes_an_output"] for each in found)
    held = worst[0] < ERROR and worst[1] <= BYTES
    print(f"{'held' if held else 'NOT held'}: error {worst[0]:.1e} of {ERROR:g}, {worst[1]:.2f} B")
    if chosen.output:
        chosen.output.write_text(json.dumps({"held": held, "rows": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
