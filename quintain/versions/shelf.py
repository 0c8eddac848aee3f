"""Where versions stand: beside the store, in the folder of their sweep, numbered from 1."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluators.errors import QuintainError
from quintain.versions.fitted_file import card_of
from search.records import Records

SUFFIX = ".quintain"
_NAME = re.compile(r"(.+)/v(\d+)")


@dataclass(frozen=True, slots=True)
class Version:
    """One version: its name, as ``adult-income-7/v2``, its file and its card."""

    name: str
    path: Path
    card: dict[str, Any]


def put(store: Records, sweep: str, data: bytes) -> tuple[str, Path]:
    """The next version of a sweep: its name and its file. A number is given once, to one writer.

    Raises:
        QuintainError: the place cannot be written.
    """
    folder = store.folder / sweep / "models"
    aside = folder / f".{os.getpid()}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(data)
        number = max((each for each, _ in _numbered(folder)), default=0)
        while True:
            number += 1
            path = folder / f"v{number}{SUFFIX}"
            try:
                os.link(aside, path)  # fails where another writer was quicker
            except FileExistsError:
                continue
            return f"{sweep}/v{number}", path
    except OSError as error:
        raise QuintainError(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)


def versions(store: Records, sweep: str | None = None) -> list[Version]:
    """All of a store, or of one sweep: sweeps as they were created, versions rising."""
    ids = [each.id for each in reversed(store.sweeps())] if sweep is None else [sweep]
    return [
        Version(f"{each}/v{number}", path, card_of(path.read_bytes(), str(path)))
        for each in ids
        for number, path in sorted(_numbered(store.folder / each / "models"))
    ]


def found(store: Records, text: str) -> tuple[str, Path]:
    """What a person means: SWEEP/vN, a sweep or its name (its last version).

    Raises:
        QuintainError: no such sweep, or no such version of it.
    """
    named = _NAME.fullmatch(text)
    sweep = store.resolve(named[1] if named else text)
    there = dict(_numbered(store.folder / sweep / "models"))
    if not there:
        raise QuintainError(f"{sweep} has no saved model: quintain model save {sweep}")
    number = int(named[2]) if named else max(there)
    if number not in there:
        known = ", ".join(f"v{each}" for each in sorted(there))
        raise QuintainError(f"{sweep} has no version v{number}; it has {known}")
    return f"{sweep}/v{number}", there[number]


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in folder.glob(f"v*{SUFFIX}"):
        number = path.name.removesuffix(SUFFIX)[1:]
        if number.isdecimal():
            yield int(number), path
