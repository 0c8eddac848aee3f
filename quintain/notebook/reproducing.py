"""The exact way to a sweep: its spec, seeds, versions, code and machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quintain.notebook.blocks import Block, Code, Facts, Fold, Text
from quintain.notebook.commit import commit_of
from quintain.notebook.toml_text import toml_text
from search.view import SweepView


def reproducing(view: SweepView) -> Iterator[Block]:
    """What to type, on what data, with what; older records know less."""
    header = view.header
    if "searchcv" in header:
        yield Text(
            "A search of quintain.SearchCV: call the same fit in its program; estimator "
            f"{header['searchcv'].get('estimator', 'not recorded')}."
        )
    elif header.get("spec"):
        spec = told_spec(header)
        name = f"{view.name or view.id}.toml"
        yield Code("bash", f"quintain run {name} --runner {view.runner or 'auto'}")
        yield Fold(f"{name}, with every default written out", [Code("toml", spec)])
    else:
        yield Text("This record holds no spec.", "doubt")
    yield Facts(_facts(view))
    deterministic = (header.get("spec") or {}).get("search", {}).get("deterministic")
    if not deterministic and "searchcv" not in header:
        yield Text(
            "Without [search] deterministic = true, which trials are asked depends on which ended "
            "first: the folds and each trial's score come out again, their order may not.", "aside",
        )  # fmt: skip


def _facts(view: SweepView) -> list[tuple[str, str]]:
    """Seeds, data, code, versions and machine."""
    header, machine = view.header, view.header.get("machine") or {}
    facts = [
        ("seed", _known(header.get("seed"))),
        ("seed of the folds", _known(header.get("folds_seed"))),
        ("data", f"fingerprint {_known(header.get('fingerprint'))}"),
        ("folder", _known(header.get("folder") or machine.get("folder"))),
        ("commit", _commit(header, machine)),
    ]
    if header.get("code"):
        facts.append(("your code", "; ".join(f"{f} {d}" for f, d in header["code"].items())))
    versions = machine.get("versions") or {}
    facts += [
        ("versions", ", ".join(f"{name} {told}" for name, told in versions.items()) or "not known"),
        ("Python", _known(machine.get("python"))),
        ("hardware", _hardware(machine)),
        ("runner", f"{view.runner or 'not known'}, {view.resources.max_concurrent or '?'} slots"),
    ]
    return facts


def told_spec(header: Any) -> str:
    """The recorded spec as a file that can be run; folds drawn anew are named by their seed."""
    spec = dict(header["spec"])
    if (spec.get("evaluate") or {}).get("folds_seed") == "new" and "folds_seed" in header:
        spec["evaluate"] = {**spec["evaluate"], "folds_seed": header["folds_seed"]}
    return toml_text(spec)


def _known(value: Any) -> str:
    return "not recorded" if value is None else str(value)


def _commit(header: Any, machine: Any) -> str:
    """Of the folder the sweep was started in; an older record gets today's, and is told so."""
    if "commit" in machine:
        told = machine["commit"]
        return f"{told}, what was not committed is not seen" if told else "not in a repository"
    folder = header.get("folder") or machine.get("folder")
    now = commit_of(Path(folder)) if folder else None
    return f"not recorded; the folder is at {now} now" if now else "not recorded"


def _hardware(machine: Any) -> str:
    if not machine.get("cpus"):
        return "not recorded"
    memory = machine.get("memory_mb")
    told = f"{machine.get('host', 'a host')}, {machine['cpus']} cores"
    told += f", {memory:,.0f} MB" if memory else ""
    return told + (f", {machine['system']}" if machine.get("system") else "")
