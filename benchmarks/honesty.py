"""Whether the scores are honest: on pure noise, against the truth of held-back rows, under attack.

    scripts/bench honesty noise|truth|attack|all --repeats N --jobs 2

Each replicate is a whole sweep by the front door, or a whole attack. Its line is kept in --folder
as soon as it is made, so that an interrupted run goes on; delete the folder to begin anew, as
after a change of the code. Figures stand with their standard errors beside what is required.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks import honesty_attack, honesty_noise, honesty_truth
from benchmarks.honesty_portions import made

PARTS = {part.name: part for part in (honesty_noise.PART, honesty_truth.PART, honesty_attack.PART)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=[*PARTS, "all"])
    defaults = ", ".join(f"{part.name} {part.repeats}" for part in PARTS.values())
    parser.add_argument("--repeats", type=int, help=f"replicates; default: {defaults}")
    parser.add_argument("--jobs", type=int, default=1, help="processes of one thread each")
    parser.add_argument("--folder", type=Path, default=Path("data/honesty"), help="of the lines")
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    chosen = parser.parse_args()
    written = {}
    for name in PARTS if chosen.part == "all" else [chosen.part]:
        part = PARTS[name]
        lines = made(part, chosen.repeats or part.repeats, chosen.folder, chosen.jobs, _told)
        claims = part.claims(lines)
        print(f"\n{name}: {len(lines)} replicates, {sum(each['seconds'] for each in lines):.0f} s")
        print("\n".join(map(str, claims)), flush=True)
        written[name] = {"replicates": len(lines), "claims": [asdict(each) for each in claims]}
    if chosen.output:
        machine = {"cores": os.cpu_count(), "python": platform.python_version()}
        versions = {package: version(package) for package in ("scikit-learn", "xgboost", "numpy")}
        figures = {"machine": machine, "versions": versions, **written}
        chosen.output.write_text(json.dumps(figures, indent=2) + "\n")


def _told(line: str) -> None:
    """How far it is, on standard error."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
