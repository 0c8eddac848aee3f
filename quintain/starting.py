"""``quintain init``: a first spec for a table that was really read."""

from pathlib import Path

from evaluators.data import load, read_frame
from evaluators.errors import QuintainError
from search.template import write_spec


def write_starting_spec(data: str, target: str, output: Path | None, *, force: bool) -> Path:
    """Read ``data`` (relative to the working directory), check ``target``, write the spec.

    Raises:
        DataError: the table cannot be searched as it is.
        QuintainError: the spec's file exists and ``force`` is not given.
    """
    here = Path.cwd()
    regression = load(data, target, folder=here).regression
    frame, _ = read_frame(data, here)
    stem = Path(data.rsplit("/", 1)[-1]).name.split(".")[0] or "sweep"
    path = output or Path(f"{stem}.toml")
    if path.exists() and not force:
        raise QuintainError(f"{path} exists: choose another with --output, or add --force")
    path.parent.mkdir(parents=True, exist_ok=True)
    source = data
    if "://" not in data and path.resolve().parent != here:
        source = str((here / data).resolve())
    names = [str(name) for name in frame.columns]
    text = write_spec(source, target, names, path, regression=regression)
    aside = path.with_name(path.name + ".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
    return path
