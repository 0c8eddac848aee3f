"""One hyperparameter at a time: each round of steps with its band of noise."""

from collections.abc import Iterator, Mapping
from typing import Any

from quintain.notebook.blocks import Block, Picture, Table, Text
from quintain.notebook.drawing import SERIES, Axis, Plot
from search.bodies import number as number_of
from search.report_tables import score
from search.report_vary import diary_line
from search.view import SweepView


def one_at_a_time(view: SweepView) -> Iterator[Block]:
    """The diary of steps from this sweep, in their order; of a sweep of steps its own."""
    for each in view.varied:
        yield Text(f"{each['when'][:10]}, {each['sweep']}: {diary_line(each)}.")
        if (drawn := _picture(each)) is not None:
            yield drawn
        yield _table(each)


def _table(told: Mapping[str, Any]) -> Table:
    rows = [("start", _value(told["from"]), score(number_of(told["start"])), "", "", "")]
    for step in told["steps"]:
        low, high, gap = (number_of(step[name]) for name in ("low", "high", "difference"))
        known = low == low
        rows.append((
            step["verdict"], _value(step["value"]), score(number_of(step["score"])),
            f"{gap:+.4f}" if known else "", f"{low:+.4f} to {high:+.4f}" if known else "",
            f"{number_of(step['p_holm']):.3f}" if known else step["reason"],
        ))  # fmt: skip
    better = "higher" if told["direction"] == "maximize" else "lower"
    marked = frozenset(
        place for place, step in enumerate(told["steps"], start=1)
        if step["verdict"] == "better" and step["value"] == told["kept"]
    )  # fmt: skip
    return Table(
        f"{told['param']} of {told['model']}, from {told['start_at']}",
        ("", told["param"], told["metric"], "difference", "interval", "p (Holm)"),
        rows,
        f"{better} is better; {told['folds']} folds in {told['repeats']} deals that chose nothing, "
        f"paired fold by fold; corrected resampled t; intervals hold together at 95%; "
        f"{told['answer']}",
        frozenset({0, 1, 4}),
        marked,
    )


def _picture(told: Mapping[str, Any]) -> Picture | None:
    """Score by value with the band of noise; None where values are no numbers."""
    steps = [step for step in told["steps"] if number_of(step["score"]) == number_of(step["score"])]
    points = [(told["from"], number_of(told["start"])), *(
        (step["value"], number_of(step["score"])) for step in steps
    )]  # fmt: skip
    noise = number_of(told["noise"])
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x, _ in points)
    if not numbers or len(points) < 3 or noise != noise:
        return None
    points.sort()
    xs, ys = [float(x) for x, _ in points], [y for _, y in points]
    start = number_of(told["start"])
    log = min(xs) > 0 and max(xs) / min(xs) >= 100
    plot = Plot(
        f"{told['metric']} by {told['param']}",
        f"score of each value of {told['param']}; the band is the noise of ±{noise:.4f} around "
        f"the start: a step within it is not told from chance",
        Axis.over(xs, told["param"], log=log),
        Axis.over([*ys, start - noise, start + noise], told["metric"]),
    )
    plot.band(xs, [start - noise] * len(xs), [start + noise] * len(xs), SERIES[1])
    plot.level(start, "the start")
    plot.line(xs, ys, SERIES[0])
    plot.points(xs, ys, SERIES[0], [f"{x:g}: {y:.4f}" for x, y in zip(xs, ys, strict=True)])
    return Picture(plot.title, plot.svg(), plot.told)


def _value(value: Any) -> str:
    if value is None:
        return "default"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
