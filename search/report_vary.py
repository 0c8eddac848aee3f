"""One hyperparameter in steps, as a terminal draws it: scores, the start, and the band of noise."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.text import Text

from search.bodies import number as number_of
from search.report_tables import score
from search.view import SweepView
from search.wording import shown

#: Columns of the picture.
_WIDE = 33
#: Parameters whose importance is told.
_TOLD = 4
_STYLES = {"better": "bold green", "worse": "red", "may be noise": "dim", "cannot tell": "dim"}


def steps_picture(told: Mapping[str, Any]) -> Group:
    """The steps of one parameter: ``told`` as `quintain vary --json`."""
    better = "higher" if told["direction"] == "maximize" else "lower"
    title = Text.assemble(
        (f"{told['param']} of {told['model']}, one step at a time", "bold"),
        f"\n{told['metric']} ({better} is better), from {_value(told['from'])}: {told['start_at']}",
    )
    rows = [*_rows(told)]
    notes = [
        f"● score, ─ its interval, │ the start, ░ the band of noise, ±{_figure(told['noise'])}",
        f"{told['folds']} folds in {told['repeats']} deals that chose nothing, paired; corrected "
        f"resampled t, Holm over {sum(each['p'] is not None for each in told['steps'])} steps",
    ]
    lines = [title, *rows, *(Text(each, "dim") for each in notes), Text(_capital(told["answer"]))]
    lines.append(Text(_kept(told), "bold"))
    if (weighed := _importances(told)) is not None:
        lines.append(weighed)
    return Group(*lines)


def diary(view: SweepView) -> Iterator[str]:
    """A line for each parameter that went through steps from this sweep, in their order."""
    for each in view.varied:
        yield f"{each['when'][:10]}  {each['sweep']}: {diary_line(each)}"


def diary_line(told: Mapping[str, Any]) -> str:
    """What one round of steps came to."""
    kept = next((step for step in told["steps"] if _is_kept(step, told)), None)
    tried = ", ".join(_value(step["value"]) for step in told["steps"])
    start = f"{told['param']} {_value(told['from'])}"
    if kept is None:
        return f"{start} stays; {tried}: none is better by more than noise"
    gained = _signed(number_of(kept["difference"]))
    return (
        f"{start} becomes {_value(kept['value'])}, {told['metric']} {gained} "
        f"(p {_p(kept['p_holm'])} with {len(told['steps'])} steps)"
    )


def _rows(told: Mapping[str, Any]) -> Iterator[Text]:
    """A line for each value, the start's among them where values have an order."""
    steps: list[Mapping[str, Any]] = [*told["steps"]]
    start = {"value": told["from"], "score": told["start"], "verdict": "", "start": True}
    every = [start, *steps]
    values = [each["value"] for each in every]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        every.sort(key=lambda each: each["value"])
    middle, noise = number_of(told["start"]), number_of(told["noise"])
    ends = [middle - noise, middle + noise, middle]
    ends += [number_of(each["score"]) for each in every]
    known = [each for each in ends if each == each]
    low, high = min(known, default=0.0), max(known, default=1.0)
    pad = 0.06 * (high - low) or 0.01
    scale = _Scale(low - pad, high + pad)
    wide = max(len(_value(value)) for value in values)
    yield Text(f"  {'':<{wide}}  {score(scale.low):<{_WIDE - 8}}{score(scale.high):>8}", "dim")
    for each in every:
        drawn = scale.row(each, middle, noise)
        told_of = _told(each, told)
        mark = ">" if each.get("start") else " "
        yield Text.assemble(
            f"{mark} {_value(each['value']):>{wide}}  ", drawn, "  ",
            (told_of, _STYLES.get(each["verdict"], "")),
        )  # fmt: skip


class _Scale:
    """Scores as columns of the picture."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def at(self, value: float) -> int:
        """The column of a score, within the picture."""
        place = round((value - self.low) / (self.high - self.low) * (_WIDE - 1))
        return max(0, min(_WIDE - 1, place))

    def row(self, step: Mapping[str, Any], middle: float, noise: float) -> str:
        """The band, the start, the step's interval and its score, the last on top."""
        cells = [" "] * _WIDE
        if noise == noise:
            for column in range(self.at(middle - noise), self.at(middle + noise) + 1):
                cells[column] = "░"
        low, high = (number_of(step.get(end)) for end in ("low", "high"))
        if low == low:
            for column in range(self.at(middle + low), self.at(middle + high) + 1):
                cells[column] = "─"
        if middle == middle:
            cells[self.at(middle)] = "│"
        value = number_of(step["score"])
        if value == value:
            cells[self.at(value)] = "●"
        return "".join(cells)


def _told(step: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    value = number_of(step["score"])
    if step.get("start"):
        return f"{score(value)}  the start"
    if step["verdict"] == "cannot tell":
        return f"no score: {step['reason']}" if step["reason"] else "cannot tell"
    kept = ", kept" if _is_kept(step, told) else ""
    return (
        f"{score(value)} {_signed(number_of(step['difference']))}  {step['verdict']}{kept}, "
        f"p {_p(step['p_holm'])}"
    )


def _is_kept(step: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    return bool(step["verdict"] == "better" and step["value"] == told["kept"])


def _kept(told: Mapping[str, Any]) -> str:
    after = f"quintain vary {told['of']} --param ... starts there"
    if told["kept"] == told["from"]:
        return f"{told['param']} stays {_value(told['from'])}; the next {after}"
    return f"{told['param']} becomes {_value(told['kept'])}; the next {after}"


def _importances(told: Mapping[str, Any]) -> Text | None:
    """What each parameter weighs over the whole sweep, beside what the steps say of one."""
    found: Sequence[Mapping[str, Any]] = told["importances"]
    if not found:
        return None
    *every, noise = found
    shown_ones = [f"{each['name']} {each['mean']:.2f}" for each in every[:_TOLD]]
    own = next((i for i, each in enumerate(every) if each["name"] == told["param"]), None)
    if own is not None and own >= _TOLD:
        shown_ones.append(f"{told['param']} {every[own]['mean']:.2f}")
    doubt = "" if told.get("importances_r2", 0.0) > 0.1 else ", on forests that foresee hardly any"
    return Text(
        f"Over all of {told['of']}, loss of R² without it: {', '.join(shown_ones)}; random "
        f"numbers {noise['mean']:.2f}{doubt}", "dim",
    )  # fmt: skip


def _value(value: Any) -> str:
    if value is None:
        return "default"
    return f"{value:.5g}" if isinstance(value, float) else shown(value)


def _signed(value: float) -> str:
    return f"{value:+.4f}"


def _figure(value: Any) -> str:
    return f"{number_of(value):.4f}"


def _p(value: Any) -> str:
    p = number_of(value)
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
