"""How often `quintain vary` calls a step real where there is nothing, and where there is something.

    scripts/bench vary_nulls --repetitions 100

Each repetition draws a table, runs a sweep, and takes one parameter in steps from its winner, which
was the best of eight by luck. Cases:

seed     ``random_state`` of a forest: every value fits other models, and none is better
noise    ``max_depth`` of a tree on labels that are a fair coin
signal   ``max_depth`` of a tree from 1 on, where deeper is better: how often a step is found

In the first two any step that is called real, for better or worse, is a false alarm; at most 5% of
rounds may have one. The interval is Wilson's.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import quintain
from evaluators.intervals import wilson

ROWS, FEATURES = 300, 6
ALLOWED = 0.05
FOREST = {
    "estimator": "sklearn.ensemble:RandomForestClassifier",
    "params": {"n_estimators": 5, "max_depth": 4},
    "space": {"random_state": list(range(8))},
}
TREE = {
    "estimator": "sklearn.tree:DecisionTreeClassifier",
    "space": {"max_depth": list(range(1, 9))},
}
STUMP = {**TREE, "space": {"max_depth": [1]}}
#: By case: the model, the parameter, the values, and how much the labels hang on the features.
CASES: Mapping[str, tuple[Mapping[str, Any], str, str, float]] = {
    "seed": (FOREST, "random_state", ",".join(map(str, range(8))), 1.0),
    "noise": (TREE, "max_depth", ",".join(map(str, range(1, 9))), 0.0),
    "signal": (STUMP, "max_depth", "1,2,3,4", 2.0),
}


def drawn(seed: int, weight: float) -> tuple[pd.DataFrame, Any]:
    """Normal features, and labels that hang on three of them by ``weight``, none at 0."""
    draw = np.random.default_rng((31415, seed))
    values = draw.normal(size=(ROWS, FEATURES))
    logit = weight * (values[:, 0] + values[:, 1] * (values[:, 2] > 0) + 0.5 * values[:, 2])
    labels = (draw.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(int)
    return pd.DataFrame(values).add_prefix("x"), labels


def round_of_steps(case: str, seed: int, repeats: int) -> Mapping[str, Any]:
    """A sweep, then the steps from its winner; what was said of them."""
    model, param, over, weight = CASES[case]
    data = drawn(seed, weight)
    spec = {
        "name": "null",
        "holdout": {"test_size": False},
        "evaluate": {"metric": "roc_auc", "metrics": []},
        "search": {"trials": 8, "seed": seed, "pruner": "none", "sampler": "random"},
        "model": [model],
    }
    with tempfile.TemporaryDirectory() as folder:
        more = {"runner": "inline", "records": str(Path(folder) / "r.db"), "progress": False}
        quintain.run(spec, data, plan=False, **more)  # type: ignore[arg-type]
        began = time.perf_counter()
        found = quintain.vary("null", param, over=over, repeats=repeats, data=data, **more)  # type: ignore[arg-type]
    told = found.told
    verdicts = [step["verdict"] for step in told["steps"]]
    return {
        "case": case, "seed": seed, "repeats": repeats, "verdicts": verdicts,
        "noise": told["noise"], "kept": told["kept"] != told["from"],
        "seconds": time.perf_counter() - began,
    }  # fmt: skip


def told(case: str, rounds: list[Mapping[str, Any]]) -> tuple[str, bool]:
    """The line of a case, and whether it is as it should be."""
    real = sum(any(each in ("better", "worse") for each in r["verdicts"]) for r in rounds)
    steps = sum(each in ("better", "worse") for r in rounds for each in r["verdicts"])
    ends = wilson(real, len(rounds))
    every = sum(len(r["verdicts"]) for r in rounds)
    noise = float(np.median([r["noise"] for r in rounds]))
    line = (
        f"{case:<7} a real step in {real} of {len(rounds)} rounds, {real / len(rounds):.1%} "
        f"[{ends.low:.1%}, {ends.high:.1%}]; {steps} of {every} steps; median noise ±{noise:.3f}"
    )
    return line, case == "signal" or real / len(rounds) <= ALLOWED


def main() -> None:
    """Run the rounds, and say whether false alarms stay within what is allowed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed of the first repetition")
    parser.add_argument("--repeats", type=int, default=3, help="as of quintain vary")
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    parser.add_argument("--out", type=Path, help="JSON lines; what is there counts too")
    asked = parser.parse_args()
    before = asked.out.read_text().splitlines() if asked.out and asked.out.exists() else []
    rounds: list[Mapping[str, Any]] = [json.loads(line) for line in before]
    for case in asked.case or CASES:
        for seed in range(asked.first, asked.first + asked.repetitions):
            rounds.append(round_of_steps(case, seed, asked.repeats))
            if asked.out:
                with asked.out.open("a") as out:
                    out.write(json.dumps(rounds[-1]) + "\n")
    fine = True
    for case in dict.fromkeys(each["case"] for each in rounds):
        line, well = told(case, [each for each in rounds if each["case"] == case])
        print(line)
        fine = fine and well
    print("false alarms are within 5%" if fine else "FALSE ALARMS ABOVE 5%")


if __name__ == "__main__":
    main()
