"""What somebody gains who looks at one test set again and again: exact answers beside the Ladder.

    python -m benchmarks.attack

Labels are a fair coin, so every model's true accuracy is one half and all that looks gain is
flattery. Two attackers, each with so many looks:

- ``vote`` submits random labels and keeps, in a majority vote, those whose answer was good: the
  boosting attack of Blum & Hardt (2015);
- ``climb`` changes a few labels a time and keeps what was answered to be better.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from evaluators.ladder import Rung, climb, one_test_set
from evaluators.metrics import resolve
from evaluators.types import Ints

Attack = Literal["vote", "climb"]
Answers = Literal["exact", "ladder"]

#: Labels that ``climb`` changes at a time.
CHANGED = 10

#: Labels in, and out: the accuracy that is told, and whether it is told of these labels.
Ask = Callable[[Ints], tuple[float, bool]]


@dataclass(frozen=True, slots=True)
class Gain:
    """What an attack gained over the truth of one half.

    Attributes:
        told: the best accuracy that was told, less one half.
        reached: accuracy on the test rows of the labels the attacker ends with, less one half.
    """

    told: float
    reached: float


def attacked(attack: Attack, answers: Answers, looks: int, rows: int, seed: int) -> Gain:
    """One attack on ``rows`` random labels; looks are not limited by a budget here."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, 2, rows)
    ask = _exactly(target) if answers == "exact" else _through_ladder(target)
    attacker = _vote if attack == "vote" else _climb
    told, labels = attacker(ask, looks, rows, generator)
    return Gain(told - 0.5, float((labels == target).mean()) - 0.5)


def _exactly(target: Ints) -> Ask:
    return lambda labels: (float((labels == target).mean()), True)


def _through_ladder(target: Ints) -> Ask:
    metric, rows = resolve("accuracy", binary=True), np.arange(len(target))
    rung: Rung | None = None
    look = 0

    def ask(labels: Ints) -> tuple[float, bool]:
        nonlocal rung, look
        look += 1
        output = labels.astype(float)
        new = one_test_set(rows, target, output, "proba", labels)
        rung, told = climb(metric, rung, new, look)
        return rung.score, told

    return ask


def _vote(
    ask: Ask, looks: int, rows: int, generator: np.random.Generator
) -> tuple[float, Ints]:  # fmt: skip
    """Random labels vote, against themselves where they were answered to be worse than a coin."""
    votes, best = np.zeros(rows), 0.0
    for _ in range(looks - 1):
        labels = generator.integers(0, 2, rows)
        answer, told = ask(labels)
        best = max(best, answer)
        if told:
            votes += np.sign(answer - 0.5) * (2 * labels - 1)
    labels = (votes > 0).astype(np.int64)
    return max(best, ask(labels)[0]), labels


def _climb(
    ask: Ask, looks: int, rows: int, generator: np.random.Generator
) -> tuple[float, Ints]:  # fmt: skip
    kept = generator.integers(0, 2, rows)
    best = ask(kept)[0]
    for _ in range(looks - 1):
        labels = kept.copy()
        labels[generator.choice(rows, CHANGED, replace=False)] ^= 1
        answer, _ = ask(labels)
        if answer > best:
            kept, best = labels, answer
    return best, kept


def main() -> None:
    """Print the mean gains over the seeds as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--looks", type=int, default=500)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    found = {}
    attacks: tuple[Attack, ...] = ("vote", "climb")
    ways: tuple[Answers, ...] = ("exact", "ladder")
    for attack in attacks:
        for way in ways:
            gains = [
                asdict(attacked(attack, way, asked.looks, asked.rows, seed))
                for seed in range(asked.seeds)
            ]
            found[f"{attack}, {way}"] = {
                name: round(float(np.mean([gain[name] for gain in gains])), 4) for name in gains[0]
            }
    print(json.dumps(vars(asked) | {"mean gain": found}, indent=2))


if __name__ == "__main__":
    main()
