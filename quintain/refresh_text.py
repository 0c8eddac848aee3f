"""What ``quintain refresh`` says to a person before the search goes on."""

from collections.abc import Mapping
from typing import Any


def sentence(told: Mapping[str, Any]) -> str:
    """The verdict for a person."""

    def shown(part: Mapping[str, Any]) -> str:
        score, low, high = (
            "undefined" if part[key] is None else f"{part[key]:.4f}"
            for key in ("score", "low", "high")
        )
        return "none" if part["score"] is None else f"{score}  [{low}, {high}]"

    locked, scored = told["locked_rows_added"], told["scored_rows"]
    already = told["new_rows"] - scored - locked
    held = f", {locked} are for the hold-out" if locked else ""
    held += f", {already} are hold-out already" if already else ""
    lines = [
        f"new rows:   {told['new_rows']}, of which {scored} are scored{held}",
        f"claimed:    {told['metric']} {shown(told['claim'])}, the estimate of {told['sweep']}",
        f"there now:  {told['metric']} {shown(told['fresh'])}",
        f"the claim:  {told['verdict']}: {told['reason']}",
        f"the winner: {_of_winner(told)}",
    ]
    return "\n".join(
        lines + [f"warning {each['code']}: {each['message']}" for each in told["warnings"]]
    )


def _of_winner(told: Mapping[str, Any]) -> str:
    """Whether it is still the best of the finalists."""
    found, many = told["still_best"], len(told["finalists"])
    if many == 1:
        return "the only finalist"
    if found["verdict"] == "yes":
        return f"still the best of {many} finalists"
    if found["lead"] is None:
        return "nothing can be said of it"
    rival = "the default configuration" if found["rival"] is None else f"trial {found['rival']}"
    ahead = f"by {abs(found['lead']):.4f}  [{found['low']:.4f}, {found['high']:.4f}]"
    if found["verdict"] == "no":
        return f"no longer the best: {rival} is, {ahead}"
    return f"{rival} is ahead {ahead}, which chance explains"
