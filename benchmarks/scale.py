"""Scale: a thousand simulated workers and a hundred thousand trials; real workers that sleep.

Laws (issue 5): over 3,000 events a second through the sweep with random suggestions; under 6 KB
of own memory for each trial with Optuna in memory; 1,000 simulated workers at least 95% busy on
trials of 60 s; no growth of an event's cost from trial 1,000 to the last. What is simulated, and
how decisions are charged to the virtual clock, stands in ``benchmarks.scale_core``.
"""

import argparse
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.scale_core import Case, Recorded, apart
from benchmarks.scale_real import RealCase, real
from quintain.prepare import spec_of
from search.records import Records
from search.spec import space_of

#: An event of the last trials may cost so many times one of the early ones: noise of the clock.
GROWTH = 1.25


def recorded(sweep: str, url: str | None) -> Recorded:
    """A sweep of the records."""
    with Records.open(url, create=False) as store:
        found = store.resolve(sweep)
        header = store.header(found)
        entries = store.entries(found)
    space = space_of(spec_of(header))
    return Recorded(entries, space, header["metric"], header["direction"])


def cases(asked: argparse.Namespace) -> list[Case]:
    """What is simulated."""
    trials = 10_000 if asked.quick else asked.trials
    tpe = 2_500 if asked.quick else asked.tpe_trials
    return [
        Case("random", trials, 1000, 60.0),
        Case("random", trials, 1000, 6.0),
        Case("tpe", tpe, 1000 if not asked.quick else 200, 60.0),
    ]


def real_cases(asked: argparse.Namespace) -> list[RealCase]:
    """What is run: as many workers as the machine bears."""
    if asked.quick:
        return [RealCase("local", 8, 80, 1.0)]
    few, many = asked.ray_workers, asked.local_workers
    return [
        RealCase("local", many, 20 * many, 2.0),
        RealCase("local", many, 40 * many, 0.0),
        RealCase("ray", few, 20 * few, 2.0),
        RealCase("ray", few, 40 * few, 0.0),
    ]


def show_simulated(row: dict[str, Any]) -> None:
    """One line."""
    print(
        f"{row['sampler']:<8}{row['workers']:>8}{row['trials']:>8}{row['trial_s']:>8.0f}"
        f"{row['events_per_s']:>10.0f}{row['us_per_event_at_1000']:>9.0f}"
        f"{row['us_per_event_at_end']:>9.0f}{row['bytes_per_trial']:>9.0f}"
        f"{100 * row['busy']:>8.1f}{100 * row['busy_but_for_waiting']:>9.1f}"
        f"{row['wait_ms']:>9.1f}{row['cpu_s']:>8.0f}",
        flush=True,
    )


def show_real(row: dict[str, Any]) -> None:
    """One line."""
    print(
        f"{row['runner']:<8}{row['workers']:>8}{row['trials']:>8}{row['trial_s']:>8.1f}"
        f"{row['trials_per_s']:>12.1f}{100 * row['busy']:>8.1f}{row['search_s']:>10.1f}"
        f"{row['whole_s']:>13.1f}",
        flush=True,
    )


def passes(rows: list[dict[str, Any]]) -> dict[str, bool]:
    """The laws, each over all rows it speaks of."""
    of_60 = [row for row in rows if row["trial_s"] == 60.0]
    random = [row for row in rows if row["sampler"] == "random"]
    tpe = [row for row in rows if row["sampler"] == "tpe"]
    return {
        "events": all(row["events_per_s"] > 3000 for row in random),
        "memory": all(row["bytes_per_trial"] < 6000 for row in rows),
        "busy": all(_busy(row) >= 0.95 for row in of_60),
        "no_growth": all(
            row["us_per_event_at_end"] <= GROWTH * row["us_per_event_at_1000"] for row in random
        ),
        "no_growth_tpe": all(
            row["us_per_event_at_end"] <= GROWTH * row["us_per_event_at_1000"] for row in tpe
        ),
    }


def _busy(row: dict[str, Any]) -> float:
    """Of all worker time; in a short run without its start and its end, which are then a tenth."""
    long = row["trials"] >= 50 * row["workers"]
    busy: float = row["busy"] if long else row["busy_but_for_waiting"]
    return busy


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller work, under two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    parser.add_argument("--trials", type=int, default=100_000, help="with random suggestions")
    parser.add_argument("--tpe-trials", type=int, default=100_000)
    parser.add_argument("--local-workers", type=int, default=32)
    parser.add_argument("--ray-workers", type=int, default=16)
    parser.add_argument("--only", choices=("random", "tpe", "local", "ray"))
    parser.add_argument("--replay", metavar="SWEEP", help="its trials, in place of synthetic ones")
    parser.add_argument("--records", metavar="URL", help="where that sweep is")
    return parser.parse_args()


def main() -> None:
    """Simulated sweeps, then real ones."""
    asked = arguments()
    replayed = recorded(asked.replay, asked.records) if asked.replay else None
    print("simulated; an event's cost is CPU of the sweep alone; CPU s in all has the record too")
    print(
        f"{'sampler':<8}{'workers':>8}{'trials':>8}{'trial s':>8}{'events/s':>10}{'us@1000':>9}"
        f"{'us@end':>9}{'B/trial':>9}{'busy %':>8}{'no wait':>9}{'wait ms':>9}{'CPU s':>8}"
    )
    rows, ran = [], []
    for case in cases(asked):
        if asked.only in (None, case.sampler):
            rows.append(apart(case, replayed))
            show_simulated(rows[-1])
    print("\nreal workers that sleep; more of them than cores")
    print(
        f"{'runner':<8}{'workers':>8}{'trials':>8}{'trial s':>8}{'trials/s':>12}{'busy %':>8}"
        f"{'search s':>10}{'with start s':>13}"
    )
    for each in real_cases(asked):
        if asked.only in (None, each.runner):
            ran.append(real(each))
            show_real(ran[-1])
    held = passes(rows)
    print("\n" + ", ".join(f"{law}: {'holds' if yes else 'MISSED'}" for law, yes in held.items()))
    if asked.json:
        machine = (
            f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        )
        told: dict[str, Any] = {
            "machine": machine,
            "optuna": version("optuna"),
            "ray": version("ray"),
        }
        told |= {"simulated": rows, "real": ran, "passes": held}
        asked.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
