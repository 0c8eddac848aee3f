"""How many configurations travel together: about a second of predicted work."""

from collections import defaultdict, deque

#: Enough to follow a model whose fits grow dearer as the search moves.
REMEMBERED = 32


class Pace:
    """Wall seconds of a trial, by model, learnt from the latest that completed."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def learn(self, model: str, seconds: float) -> None:
        """One more completed trial of this model."""
        self._seconds[model].append(seconds)

    def predict(self, model: str) -> float | None:
        """Mean of the latest trials in seconds; None before the first."""
        known = self._seconds.get(model)
        return sum(known) / len(known) if known else None

    def remaining(self, trials: int) -> float | None:
        """Seconds of work in so many further trials of the present mix of models."""
        means = [sum(known) / len(known) for known in self._seconds.values()]
        if not means:
            return None
        weights = [len(known) for known in self._seconds.values()]
        mean = sum(m * w for m, w in zip(means, weights, strict=True)) / sum(weights)
        return trials * mean
