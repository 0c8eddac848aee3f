"""What a client asks for, made into a sweep that can be queued, or refused with every reason."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from evaluators.model_table import libraries
from quintain.service.bundle import is_code, is_file
from quintain.service.ground import Ground, imported
from quintain.service.uploads import Uploads, refused
from search.errors import SpecError
from search.spec import Spec, read_spec

#: Keys that hold a secret where their value is a text.
_SECRET_KEYS = re.compile(
    r"(?i)^(.*[_-])?(password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)$"
)
#: Texts that are one, whatever their key.
_SECRETS = (
    re.compile(r"[a-zA-Z][\w+.-]*://[^/\s:@]*:[^/\s@]+@"),  # user:password@host
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"\b(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|hf_|sk-|qtn_)[\w-]{16,}"),
    re.compile(r"(?i)[?&](password|token|secret|sig|signature|access_?key)=[^&\s]+"),
)
_HOW = "a secret has no place in a spec, which is kept and shown: "
_WAY_OUT = _HOW + "give it to the service's environment or its credentials file"


def admitted(
    told: Mapping[str, Any], folder: str | None, ground: Ground,
    files: Mapping[str, str] | None = None, uploads: Uploads | None = None,
) -> tuple[Spec, dict[str, Any]]:  # fmt: skip
    """The spec, and the header that its sweep is queued with.

    Args:
        told: the spec.
        folder: where relative paths start.
        ground: who looks at files and modules where the sweep will run.
        files: what was sent along: the SHA-256 of each by its place; relative paths start there.
        uploads: where these contents are.

    Raises:
        SpecError: every problem in a line of its own, each with its place.
    """
    try:
        json.dumps(told, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SpecError(["$: a text in it holds half of a surrogate pair, which is none"]) from None
    hidden = [f"{place}: {_WAY_OUT}" for place in secrets_in(told)]
    if hidden:
        raise SpecError(hidden)
    spec: Spec = read_spec(told)
    more: dict[str, Any] = {}
    if files:
        assert uploads is not None
        folder = str(_received(files, uploads))
        more = {"files": dict(files)}
    if folder is not None and not Path(folder).is_absolute():
        raise SpecError([f"$.folder: {folder!r} is not the absolute path of a folder"])
    if folder is not None:
        spec = spec.in_folder(Path(folder))
    problems = _problems(spec, folder, ground, files or {}, uploads)
    if problems:
        raise SpecError(problems)
    return spec, {
        "spec": spec.to_json(), "folder": folder or "/", "note": spec.note,
        "metric": spec.evaluate.metric or "", "budget": spec.search.trials,
        "seed": spec.search.seed, "runner": "", **more,
    }  # fmt: skip


def _received(files: Mapping[str, str], uploads: Uploads) -> Path:
    """The folder of what was sent along."""
    problems = refused(files)
    if problems:
        raise SpecError(problems)
    missing = uploads.missing(files)
    if missing:
        raise SpecError([f"$.files.{name}: its content was not sent yet" for name in missing])
    return uploads.tree(files)


def _problems(
    spec: Spec, folder: str | None, ground: Ground, files: Mapping[str, str],
    uploads: Uploads | None,
) -> list[str]:  # fmt: skip
    """What cannot be used where the sweep will run."""
    problems, sources = [], {}
    for place, name in _files(spec):
        file = name.rpartition(":")[0] if is_code(name) else name
        if files.get(PurePosixPath(file).as_posix()) is not None:
            continue
        if "://" in file or "::" in file or Path(file).is_absolute():
            sources[place] = file
        elif files:
            problems.append(f"{place}: {file!r} is not among the files that were sent along")
        elif folder is None:
            problems.append(
                f"{place}: {file!r} is relative and no folder was given: name an absolute path "
                "or a URL"
            )
        else:
            sources[place] = str(Path(folder) / file)
    modules = _modules(spec, files, uploads)
    said = ground.look(dict.fromkeys(sources.values()), modules)
    problems += [f"{place}: {said[file]}" for place, file in sources.items() if file in said]
    return problems + [f"{place}: {said[name]}" for name, place in modules.items() if name in said]


def _modules(spec: Spec, files: Mapping[str, str], uploads: Uploads | None) -> dict[str, str]:
    """Modules that trials will import, each with the place that wants it; own ones left out."""
    wanted: dict[str, str] = {}
    own: set[str] = set()
    for name, digest in files.items():
        inside = PurePosixPath(name)
        if inside.suffix != ".py" or uploads is None:
            continue
        if inside.parts[0] == "code" and len(inside.parts) > 1:
            own.add(inside.parts[1].removesuffix(".py"))
        for module in sorted(imported(uploads.path(digest).read_bytes())):
            wanted.setdefault(module, f"$.files.{name}")
    for number, block in enumerate(spec.model):
        for module in libraries([block.estimator]):
            wanted.setdefault(module, f"$.model[{number}].estimator")
    for place, name in _named(spec):
        if ":" in name and not is_code(name) and "://" not in name:
            wanted.setdefault(name.partition(":")[0], place)
    if not files and spec.code.include:
        return {}  # read where it lies: the driver finds out what it wants
    return {name: place for name, place in wanted.items() if name.partition(".")[0] not in own}


def digest_of(asked: Mapping[str, Any]) -> str:
    """The same for two requests that ask for the same."""
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def secrets_in(value: Any, place: str = "$", key: str = "") -> Iterator[str]:
    """Places of a spec that hold a password, a token or a key."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from secrets_in(each, f"{place}.{name}", str(name))
    elif isinstance(value, (list, tuple)):
        for number, each in enumerate(value):
            yield from secrets_in(each, f"{place}[{number}]", key)
    elif isinstance(value, str) and (
        (value and _SECRET_KEYS.match(key)) or any(each.search(value) for each in _SECRETS)
    ):
        yield place


def _named(spec: Spec) -> Iterator[tuple[str, str]]:
    """What a spec names that may be the user's own: its place and the name."""
    yield "$.data.source", spec.data.source
    yield "$.holdout.source", spec.holdout.source or ""
    yield from ((f"$.model[{n}].estimator", each.estimator) for n, each in enumerate(spec.model))
    yield "$.evaluate.metric", spec.evaluate.metric or ""
    yield "$.evaluate.splitter", spec.evaluate.splitter
    yield from ((f"$.evaluate.metrics[{n}]", m) for n, m in enumerate(spec.evaluate.metrics or ()))


def _files(spec: Spec) -> Iterator[tuple[str, str]]:
    """Those of them that are files, or URLs."""
    for place, name in _named(spec):
        source = place.endswith(".source") and name
        if is_code(name) or (source and (is_file(name) or "://" in name or "::" in name)):
            yield place, name
