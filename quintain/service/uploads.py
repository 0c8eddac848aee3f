"""What submitters have sent: each content once, by its SHA-256, and trees of them for sweeps.

A name that came over the network is only ever used below a tree's own folder, after ``refused``
has found nothing in it; contents are written under their digest.
"""

import os
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from quintain.service.bundle import planted
from quintain.service.errors import RefusedError

#: Files of one sweep at most, and characters of a name.
MOST_FILES, LONGEST = 2_000, 300
_DIGEST = re.compile(r"[0-9a-f]{64}")

#: How the API's document tells of a digest, and of files by their names; ``refused`` tells more.
SHA256: dict[str, Any] = {"pattern": f"^{_DIGEST.pattern}$"}
BY_NAME: dict[str, Any] = {"additionalProperties": {"type": "string", **SHA256}}


def refused(files: Mapping[str, str]) -> list[str]:
    """What is wrong with names and digests of a sweep's files, each with its place."""
    if len(files) > MOST_FILES:
        return [f"$.files: {len(files)} files, and {MOST_FILES} may go along with a sweep"]
    problems = []
    for name, digest in files.items():
        parts = PurePosixPath(name).parts
        plain = name and len(name) <= LONGEST and name.isprintable() and "\\" not in name
        if not plain or name.startswith("/") or ".." in parts or "/".join(parts) != name:
            problems.append(f"$.files: {name[:80]!r} is no relative path below the sweep's folder")
        elif not _DIGEST.fullmatch(digest):
            problems.append(f"$.files.{name}: {digest[:80]!r} is no SHA-256 in hexadecimal digits")
    names = {PurePosixPath(name) for name in files}
    problems += [
        f"$.files: {name} is a file and a folder"
        for name in sorted(names) if any(name in other.parents for other in names)
    ]  # fmt: skip
    return problems


class Uploads:
    """The contents that one service keeps, below its folder of files."""

    def __init__(self, folder: Path, limit: int) -> None:
        """``limit``: bytes of one file at most."""
        self._contents = folder / "uploads" / "contents"
        self._trees = folder / "uploads" / "trees"
        self.limit = limit

    @property
    def folder(self) -> Path:
        """Everything that was sent."""
        return self._contents.parent

    def path(self, digest: str) -> Path:
        """Where the content of a digest lies, or would."""
        return self._contents / digest

    def missing(self, digests: Mapping[str, str]) -> list[str]:
        """Those of a sweep's files whose content was not sent yet, by name."""
        return [name for name, digest in digests.items() if not self.path(digest).is_file()]

    async def keep(self, digest: str, pieces: AsyncIterator[bytes]) -> None:
        """Write what is sent, whole and as announced, or not at all.

        Raises:
            RefusedError: it is larger than the limit, or not what the digest says.
        """
        if not _DIGEST.fullmatch(digest):
            raise RefusedError(422, "no_digest", "name the content by its SHA-256")
        self._contents.mkdir(parents=True, exist_ok=True)
        found, size = sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self._contents, delete=False) as file:
            try:
                async for piece in pieces:
                    size += len(piece)
                    if size > self.limit:
                        raise _too_large(self.limit)
                    found.update(piece)
                    file.write(piece)
                if found.hexdigest() != digest:
                    raise RefusedError(422, "other_content", "what came is not what was announced")
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, self.path(digest))
            except BaseException:
                os.unlink(file.name)
                raise

    def tree(self, files: Mapping[str, str]) -> Path:
        """A folder with a sweep's files at their places; the same files give the same folder."""
        return planted(self._trees, files, self.path)


def _too_large(limit: int) -> RefusedError:
    return RefusedError(
        413, "too_large", f"a file over {limit / 1e6:,.0f} MB does not travel by upload: put it "
        "where the service or the cluster reads it and name its path or URL, or raise "
        "quintain serve --upload-limit",
    )  # fmt: skip
