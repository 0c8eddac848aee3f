"""The commit a folder stands at, read from the repository's own files: no git is started."""

import re
from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def commit_of(folder: Path) -> str | None:
    """The hash of HEAD; None where the folder is in no repository, or it has no commit yet.

    What is changed and not committed is not seen.
    """
    try:
        git = next((place / ".git" for place in (folder, *folder.parents)
                    if (place / ".git").exists()), None)  # fmt: skip
        return None if git is None else _head(_repository(git))
    except OSError:
        return None


def _repository(git: Path) -> Path:
    """A worktree and a submodule have a file there that says where it is."""
    if git.is_dir():
        return git
    told = git.read_text(encoding="utf-8", errors="replace").partition("gitdir:")[2].strip()
    return git.parent / told


def _head(repository: Path) -> str | None:
    told = (repository / "HEAD").read_text(encoding="utf-8", errors="replace").strip()
    if not told.startswith("ref:"):
        return told if _HASH.fullmatch(told) else None
    name = told.partition(":")[2].strip()
    common = repository / "commondir"
    places = [repository]
    if common.is_file():
        places.append(repository / common.read_text(encoding="utf-8").strip())
    for place in places:
        loose = place / name
        if loose.is_file():
            found = loose.read_text(encoding="utf-8", errors="replace").strip()
            return found if _HASH.fullmatch(found) else None
        packed = place / "packed-refs"
        if packed.is_file():
            for line in packed.read_text(encoding="utf-8", errors="replace").splitlines():
                commit, _, ref = line.partition(" ")
                if ref == name and _HASH.fullmatch(commit):
                    return commit
    return None
