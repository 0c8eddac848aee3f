"""Which folds a spec asks for: equal texts, equal folds on the same data."""

import hashlib
import json

from search.spec import Spec


def folds_key(spec: Spec) -> str:
    """A stable text, equal for specs whose folds are the same on the same data.

    With the data's fingerprint it gives the folds their seed when ``folds_seed`` is "auto". It
    depends on what decides which rows there are and how they are dealt, as written: columns and
    rows of [data], the hold-out's share, splitter, folds and repeats. It does not depend on where
    the file lies, nor on metrics, direction, threshold or looks: two sweeps for different metrics
    are compared on the same folds.
    """
    # named one by one: a key that Data gets later must not change the folds of earlier sweeps
    columns = ("target", "positive", "group_column", "time_column", "weight_column", "rows")
    parts = {
        "data": {name: getattr(spec.data, name) for name in columns}
        | {"drop": sorted(spec.data.drop)},
        "holdout": spec.holdout.test_size,
        "splitter": spec.splitter,
        "folds": spec.evaluate.folds,
        "repeats": spec.evaluate.repeats,
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"folds 1 {text}".encode()).hexdigest()[:32]
