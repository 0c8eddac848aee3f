"""What a client asks for, made into a sweep that can be queued, or refused with every reason."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
    told: Mapping[str, Any], folder: str | None, roots: Sequence[Path]
) -> tuple[Spec, dict[str, Any]]:
    """The spec, and the header that its sweep is queued with.

    ``folder``: where relative paths start; ``roots``: where files must lie, if there are any.

    Raises:
        SpecError: every problem in a line of its own, each with its place.
    """
    hidden = [f"{place}: {_WAY_OUT}" for place in secrets_in(told)]
    if hidden:
        raise SpecError(hidden)
    spec: Spec = read_spec(told)
    problems = []
    if folder is not None and not Path(folder).is_absolute():
        problems.append(f"$.folder: {folder!r} is not the absolute path of a folder")
    elif folder is not None:
        spec = spec.in_folder(Path(folder))
    if not problems:
        for place, name in _files(spec):
            said = _unusable(name, folder, roots)
            problems += [f"{place}: {said}"] if said else []
    if problems:
        raise SpecError(problems)
    return spec, {
        "spec": spec.to_json(), "folder": folder or "/", "note": spec.note,
        "metric": spec.evaluate.metric or "", "budget": spec.search.trials,
        "seed": spec.search.seed, "runner": "",
    }  # fmt: skip


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


def _files(spec: Spec) -> Iterator[tuple[str, str]]:
    """What a spec names that is, or may be, a file: its place and the name."""
    yield "$.data.source", spec.data.source
    if spec.holdout.source:
        yield "$.holdout.source", spec.holdout.source
    for number, block in enumerate(spec.model):
        yield f"$.model[{number}].estimator", block.estimator
    if spec.evaluate.metric:
        yield "$.evaluate.metric", spec.evaluate.metric
    for number, metric in enumerate(spec.evaluate.metrics or ()):
        yield f"$.evaluate.metrics[{number}]", metric
    yield "$.evaluate.splitter", spec.evaluate.splitter


def _unusable(name: str, folder: str | None, roots: Sequence[Path]) -> str | None:
    """Why a file cannot be used here; None where it can, or where ``name`` is no file's."""
    if "://" in name or "::" in name:
        here = any(each.startswith(("file:", "local:")) for each in name.split("::"))
        outside = here and roots
        return (
            f"{name!r} is a file of this machine: name its path, without file://"
            if (outside)
            else None
        )
    code = re.fullmatch(r"(.+\.py):\w+", name)
    if code is None and (":" in name or not re.search(r"[/.]", name)):
        return None  # a registered name, or one in an installed package
    path = Path(code[1] if code else name)
    if not path.is_absolute() and folder is None:
        return f"{name!r} is relative and no folder was given: name an absolute path or a URL"
    path = (Path(folder or "/") / path).resolve()
    if roots and not any(path.is_relative_to(root.resolve()) for root in roots):
        allowed = ", ".join(str(root) for root in roots)
        return f"{path} is outside of what the service may read: {allowed}"
    try:
        if not path.is_file():
            return f"there is no file {path} on the service's machine"
        with path.open("rb"):
            return None
    except OSError as error:
        return f"{path} cannot be read by the service: {error.strerror}"
