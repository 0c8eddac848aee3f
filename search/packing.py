"""What travels together: about a second of predicted work, of what fits into one worker."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping

#: Enough to follow a model whose fits grow dearer as the search moves.
REMEMBERED = 32
#: Latest trials, of all models, that say how often each one comes.
MIX = 100


class Pace:
    """Wall seconds of a trial, by model, learnt from the latest that completed."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._mix: deque[str] = deque(maxlen=MIX)

    def learn(self, model: str, seconds: float) -> None:
        """One more completed trial of this model."""
        self._seconds[model].append(seconds)
        self._mix.append(model)

    def predict(self, model: str) -> float | None:
        """Mean of the latest trials in seconds; None before the first."""
        known = self._seconds.get(model)
        return sum(known) / len(known) if known else None

    def latest(self) -> dict[str, tuple[float, ...]]:
        """Wall seconds of the latest trials, by model."""
        return {model: tuple(known) for model, known in self._seconds.items()}

    def mix(self) -> dict[str, int]:
        """How many of the latest trials were of each model."""
        return dict(Counter(self._mix))

    def remaining(self, trials: int) -> float | None:
        """Seconds of work in so many further trials of the present mix of models."""
        mix = self.mix()
        if not mix:
            return None
        means = {model: sum(known) / len(known) for model, known in self._seconds.items()}
        return trials * sum(means[model] * came for model, came in mix.items()) / len(self._mix)


#: What a model's trials took is no promise for the next: so much of it is planned for.
PEAK_MARGIN = 1.25
#: Of the trials of a model, how many fit into what is planned; the others are tried again.
PEAK_QUANTILE = 0.9


class Peaks:
    """Own memory that a trial is to be given, by model, in units of 2**20 bytes.

    Nine in ten of the latest peaks, with a margin: the one that takes much more is retried in a
    larger class, and does not keep all others from having neighbours. ``foreseen`` is what a plan
    says of models not measured yet; without it a trial gets the smallest class.
    """

    def __init__(self, foreseen: Mapping[str, float]) -> None:
        self._foreseen = foreseen
        self._peaks: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def learn(self, model: str, megabytes: float) -> None:
        """One more trial of this model that completed, or that had too little with so much."""
        self._peaks[model].append(megabytes)

    def predict(self, model: str) -> float:
        """What to give a trial of this model; 0 where nothing is known."""
        known = sorted(self._peaks.get(model, ()))
        if not known:
            return self._foreseen.get(model, 0.0)
        return PEAK_MARGIN * known[int(PEAK_QUANTILE * (len(known) - 1) + 0.5)]
