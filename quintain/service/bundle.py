"""Files of the submitter's machine that travel with a sweep: own code, and data if so asked."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluators.own_code import named
from search.errors import SpecError
from search.spec import Spec

#: Where data from outside of the spec's folder lies in the bundle.
ELSEWHERE = "uploaded"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What to send: the spec, as it reads beside these files, and each file by its place there.

    ``spec`` names what stays on the service's or the cluster's machines by absolute path.
    """

    spec: Mapping[str, Any]
    files: Mapping[str, Path]

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file by its place."""
        return {place: digest_of(path) for place, path in self.files.items()}


def bundle(spec: Spec, upload_data: bool) -> Bundle | None:
    """What goes along with a spec; None where nothing does and its folder is enough.

    Own modules go along always, so that editing them while the sweep waits changes nothing; files
    of code and the data with ``upload_data`` or beside own modules.

    Raises:
        SpecError: what is to go along is not there.
        CodeError: the same of own modules.
    """
    if not spec.code.include and not upload_data:
        return None
    files: dict[str, Path] = {}
    include = []
    for entry in spec.code.include:
        include += [f"code/{name}" for name, path in named(entry, spec.folder)]
        files |= {f"code/{name}": path for name, path in named(entry, spec.folder)}
    told = spec.to_json()
    told["code"]["include"] = ["code"] if include else []
    for section in ("data", "holdout"):
        name = told[section]["source"]
        if name and (is_code(name) or is_file(name)):
            along = upload_data or is_code(name)
            told[section]["source"] = _placed(name, spec, files) if along else _here(name, spec)

    def sent(name: str | None) -> str | None:
        return _placed(name, spec, files) if name and is_code(name) else name

    for block in told["model"]:
        block["estimator"] = sent(block["estimator"])
    evaluate = told["evaluate"]
    evaluate |= {key: sent(evaluate[key]) for key in ("metric", "splitter")}
    if evaluate["metrics"] is not None:
        evaluate["metrics"] = [sent(each) for each in evaluate["metrics"]]
    return Bundle(told, files)


def is_code(name: str) -> bool:
    """Whether it is ``file.py:name``."""
    return re.fullmatch(r".+\.py:\w+", name) is not None


def is_file(name: str) -> bool:
    """Whether a source is the path of a file: no URL, and no ``module:name``."""
    return "://" not in name and "::" not in name and ":" not in name


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def planted(home: Path, files: Mapping[str, str], content: Callable[[str], Path]) -> Path:
    """A folder below ``home`` with each file at its place, linked or copied from its content.

    ``files`` were found good by ``quintain.service.uploads.refused``.
    """
    told = "\n".join(f"{name} {files[name]}" for name in sorted(files))
    place = home / hashlib.sha256(told.encode()).hexdigest()[:32]
    if place.is_dir():
        return place
    home.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=home))
    for name, digest in files.items():
        file = new / name
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(content(digest), file)
        except OSError:  # another disk
            shutil.copyfile(content(digest), file)
    try:
        new.rename(place)
    except OSError:  # another was quicker
        shutil.rmtree(new, ignore_errors=True)
        if not place.is_dir():
            raise
    return place


def _here(name: str, spec: Spec) -> str:
    """The absolute path of a file that stays where it is."""
    return str((spec.folder / Path(name).expanduser()).resolve())


def _placed(name: str, spec: Spec, files: dict[str, Path]) -> str:
    """How a file that goes along is named beside the others."""
    file, colon, function = name.partition(".py:") if is_code(name) else (name, "", "")
    path = Path(_here(file + (".py" if colon else ""), spec))
    home = spec.folder.resolve()
    if not path.is_file():
        raise SpecError([f"{name}: there is no file {path} here to send"])
    inside = path.is_relative_to(home)
    place = path.relative_to(home).as_posix() if inside else f"{ELSEWHERE}/{path.name}"
    if files.setdefault(place, path) != path:
        raise SpecError([f"{name}: two files to send are called {place}: rename one"])
    return f"{place}:{function}" if colon else place
