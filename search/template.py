"""The text of a new spec: the few lines that are needed, and every default as a comment."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from search.spec_values import is_reference, slug

_COLUMNS_SHOWN = 12

_TEXT = """\
# A sweep for Quintain. Lines with # show the defaults: take the # away to change one.
# The table of all keys is docs/spec.md. `quintain run --check FILE` checks this file.
name = {name}
# note = "what do you want to find out?"      # default: none

[data]
source = {source}
target = {target}
# columns: {columns}
# positive = "yes"            # label of the positive class; default: 1, true or yes, else the rarer
# drop = []                   # columns to leave out
# rows = 100000               # search on a representative part, finalists on all; default: all
# group_column, time_column, weight_column: a column's name; default: none

# [holdout]                   # rows locked away before the search
# test_size = "auto"          # 0.2 if at least 100 positives land in it, else none; or false
# looks = 10

# [evaluate]
# metric = "roc_auc"          # default: average_precision if under 20% are positive, else roc_auc
# metrics = ["f1"]            # recorded beside it; default: a standard set
# folds = 5                   # default: 5, fewer if the rarest class cannot fill them
# repeats = 1
# splitter = "auto"           # stratified; group or time by the columns above

# [search]
# sampler = "tpe"             # tpe, random, grid, sobol
# trials = 100
# timeout = "30m"             # default: none
# trial_timeout = "5m"        # default: none
# max_concurrent = "auto"
# seed = 0

# [resources]
# cpus_per_trial = 1
# memory_per_trial = "auto"   # or "2G"

# [code]
# include = ["src/"]          # own modules, which go along to a cluster; default: none

[[model]]
estimator = "xgboost"
# params = {{}}                 # fixed parameters, never searched
# class_weight = "balanced"   # a number, by class, or a list to choose from; default: none
# resample = ["none", "random_under", "smote"]   # of training rows; default: "none"
# [model.space]               # default: a documented space for each registered model
# max_depth = {{ int = [3, 10] }}
# learning_rate = {{ float = [0.001, 0.3], log = true }}

[[model]]
estimator = "logistic_regression"
# [model.space]
# C = {{ float = [0.001, 100.0], log = true }}
"""

#: What reads otherwise where the target is a number; lines are told by how they begin.
_OF_NUMBERS = {
    "# positive =": '# task = "auto"               # it reads as a number; or "classification"',
    "# test_size =": '# test_size = "auto"          # 0.2 if 100 rows land in it; or false',
    "# metric =": '# metric = "r2"               # or rmse, mae, any scorer of scikit-learn',
    "# metrics =": '# metrics = ["rmse"]          # recorded beside it; default: a standard set',
    "# folds =": "# folds = 5",
    "# splitter =": '# splitter = "auto"           # plain; group or time by the columns above',
    "# class_weight =": None,
    "# resample =": None,
    'estimator = "logistic_regression"': 'estimator = "ridge"',
    "# C =": "# alpha = {{ float = [0.01, 10000.0], log = true }}",
}


def write_spec(
    source: str,
    target: str,
    columns: Sequence[str],
    path: str | Path,
    *,
    regression: bool = False,
) -> str:
    """The text of a spec for ``source``, to be saved at ``path``: eight lines without their #.

    Nothing is read or written. ``columns`` are those of the data, named in a comment. A relative
    ``source`` is one of the current folder, and is written relative to the spec's. The sweep is
    named after the spec's file. ``regression``: the target is a number.
    """
    file = Path(path)
    features = [column for column in columns if column != target]
    more = len(features) - _COLUMNS_SHOWN
    named = [_quoted(column) for column in features[:_COLUMNS_SHOWN]]
    return (_for_numbers(_TEXT) if regression else _TEXT).format(
        name=_quoted(slug(file.stem) or "sweep"),
        source=_quoted(_seen_from(file.parent, source)),
        target=_quoted(target),
        columns=", ".join([*named, f"and {more} more"] if more > 0 else named),
    )


def _for_numbers(text: str) -> str:
    """The text's lines, each replaced or left out as ``_OF_NUMBERS`` says."""
    lines = []
    for line in text.splitlines():
        start = next((start for start in _OF_NUMBERS if line.startswith(start)), None)
        told = line if start is None else _OF_NUMBERS[start]
        lines += [] if told is None else [told]
    return "\n".join(lines) + "\n"


def _seen_from(folder: Path, source: str) -> str:
    if is_reference(source) or "://" in source or os.path.isabs(source):
        return source
    return Path(os.path.relpath(source, folder)).as_posix()


def _quoted(text: str) -> str:
    """``text`` as a TOML string: as JSON writes it, and DEL, which TOML alone forbids."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
