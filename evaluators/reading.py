"""From a file, a URL, a function or a table in memory to a raw pandas table.

Formats go by the file's name: .csv and .tsv (plain or .gz, .bz2, .xz, .zip), .parquet (also
.parquet.brotli and the like), .arrow, .feather, .npz. Nothing that is read can run code
(``allow_pickle=False``), other than the function the user names.
"""

import csv
import difflib
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from evaluators.errors import DataError, QuintainError

Source = str | os.PathLike[str] | pd.DataFrame | tuple[Any, Any]
Table = tuple[pd.DataFrame, "pd.Series[Any] | None"]

_REFERENCE = re.compile(r"(?P<place>[^:]+\.py|[A-Za-z_][\w.]*):[A-Za-z_]\w*")
#: What a recorded spec calls a source that was an object.
_IN_MEMORY = "(in memory)"
_PACKED = (".gz", ".bz2", ".xz", ".zip")
_FORMATS = "csv, tsv (also .gz), parquet, arrow, feather, npz"
_SNIFFED_BYTES = 1 << 16
_COMMA_DECIMAL = re.compile(r"-?\d+,\d+")
_POINT_DECIMAL = re.compile(r"-?\d+\.\d+")


def nearest(word: str, allowed: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"`` where a word is close, else the empty text."""
    by_lower = {other.lower(): other for other in allowed}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[close[0]]!r}?)" if close else ""


def listed(words: Sequence[str], most: int = 20) -> str:
    """The words with commas, the tail counted."""
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"


def describe(source: Source) -> str:
    """What messages call the source."""
    if isinstance(source, pd.DataFrame):
        return "the DataFrame"
    if isinstance(source, tuple):
        return "(X, y)"
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else "the source"


def read_frame(source: Source, folder: Path = Path(".")) -> Table:
    """The raw table, and the target apart where the source gives (X, y).

    Args:
        source: path or fsspec URL; "module:function" or "file.py:function", which is called
            without arguments; a DataFrame; or (X, y). The columns of an unnamed X are x0, x1, ...
        folder: what relative paths are relative to.

    Raises:
        DataError: the source does not exist, is not of a known format, or cannot be read.
        CodeError: the function cannot be loaded.
    """
    if isinstance(source, pd.DataFrame):
        return source, None
    if isinstance(source, tuple):
        return _pair(source, describe(source))
    if not isinstance(source, (str, os.PathLike)):
        raise DataError(
            f"data of type {type(source).__name__} cannot be read; allowed are a path, a URL, "
            f'"file.py:function", a pandas DataFrame or a tuple (X, y)'
        )
    text = os.fspath(source)
    if _REFERENCE.fullmatch(text):
        return _called(text, folder)
    return _file(text, folder)


def _called(reference: str, folder: Path) -> Table:
    """What the user's function returns."""
    from evaluators.code import load_object

    function = load_object(reference, folder)
    if not callable(function):
        raise DataError(f"{reference}: is a {type(function).__name__}, not a function to call")
    try:
        table = function()
    except QuintainError:
        raise
    except Exception as error:
        raise DataError(f"{reference}: raised {type(error).__name__}: {_line(error)}") from error
    if isinstance(table, pd.DataFrame):
        return table, None
    if isinstance(table, tuple):
        return _pair(table, reference)
    raise DataError(
        f"{reference}: returned {type(table).__name__}; it must return a pandas DataFrame or "
        f"a tuple (X, y)"
    )


def _pair(pair: tuple[Any, ...], where: str) -> Table:
    """(X, y) as a table and its target."""
    if len(pair) != 2:
        raise DataError(f"{where}: a tuple of {len(pair)} parts; a tuple of two, (X, y), is meant")
    features, target = pair
    if not isinstance(features, pd.DataFrame):
        if hasattr(features, "toarray"):
            raise DataError(f"{where}: X is sparse, which is not supported; give X.toarray()")
        if isinstance(features, np.ndarray) and features.ndim != 2:
            raise DataError(f"{where}: X has shape {features.shape}; rows and columns are needed")
        try:
            features = pd.DataFrame(features).infer_objects()
        except (ValueError, TypeError) as error:
            raise DataError(f"{where}: X is no table: {_line(error)}") from error
        if isinstance(features.columns, pd.RangeIndex):
            features.columns = pd.Index([f"x{place}" for place in range(features.shape[1])])
    if np.ndim(target) != 1:
        if np.ndim(target) != 2 or np.shape(target)[1] != 1:
            raise DataError(f"{where}: y has shape {np.shape(target)}; give one label per row")
        target = target.iloc[:, 0] if isinstance(target, pd.DataFrame) else np.ravel(target)
    labels = target if isinstance(target, pd.Series) else pd.Series(np.asarray(target))
    if len(labels) != len(features):
        raise DataError(f"{where}: X has {len(features)} rows and y has {len(labels)}")
    return features, labels


def _file(text: str, folder: Path) -> Table:
    """A file or URL by the format its name tells."""
    remote = "://" in text
    place = text if remote else os.fspath(folder / Path(text).expanduser())
    if not remote:
        _must_exist(text, Path(place))
    name = text.rsplit("/", 1)[-1].lower()
    packing = next((ending for ending in _PACKED if name.endswith(ending)), "")
    suffixes = Path(name.removesuffix(packing)).suffixes
    readers = {
        ".csv": _csv,
        ".tsv": _csv,
        ".txt": _csv,
        ".arrow": _arrow,
        ".feather": _arrow,
        ".npz": _npz,
    }
    try:
        if ".parquet" in suffixes or suffixes[-1:] == [".pq"]:
            return pd.read_parquet(place), None  # .parquet.brotli: packed inside, not around
        reader = readers.get(suffixes[-1] if suffixes else "")
        if reader is None:
            raise DataError(f"{text}: unknown format {name!r}; known by their ending: {_FORMATS}")
        return reader(place, bool(packing), text)
    except QuintainError:
        raise
    except pd.errors.EmptyDataError:
        raise DataError(
            f"{text}: the file is empty; a table with named columns is needed"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # every library here has its own kinds; all mean "not readable"
        raise DataError(
            f"{text}: cannot be read: {type(error).__name__}: {_line(error)}"
        ) from error


def _must_exist(text: str, path: Path) -> None:
    if path.exists():
        return
    if text == _IN_MEMORY:
        raise DataError(
            "the sweep's table was given in memory and is not kept: from Python, give it again as "
            "data= to quintain.compare, quintain.resume or quintain.holdout.look"
        )
    if not path.parent.is_dir():
        raise DataError(f"{text}: there is no folder {os.fspath(path.parent)!r}")
    names = sorted(entry.name for entry in path.parent.iterdir())
    guess = nearest(path.name, names)
    raise DataError(f"{text}: no such file in {os.fspath(path.parent.resolve())!r}{guess}")


def _opened(place: str, packed: bool) -> IO[bytes]:
    import fsspec

    opened: IO[bytes] = fsspec.open(place, "rb", compression="infer" if packed else None).open()
    return opened


def _csv(place: str, packed: bool, where: str) -> Table:
    with _opened(place, packed) as stream:
        head = stream.read(_SNIFFED_BYTES)
    if not head.strip():
        raise pd.errors.EmptyDataError
    try:
        frame = _parsed(place, packed, head, "utf-8-sig", where)
    except UnicodeDecodeError:  # every byte has a meaning in latin-1
        frame = _parsed(place, packed, head, "latin-1", where)
    trailing = [
        name for name in frame.columns if name.startswith("Unnamed: ") and frame[name].isna().all()
    ]
    return frame.drop(columns=trailing), None


def _parsed(place: str, packed: bool, head: bytes, encoding: str, where: str) -> pd.DataFrame:
    lines = head.decode(encoding, "replace").splitlines()
    if len(head) == _SNIFFED_BYTES and len(lines) > 1:
        lines.pop()  # cut in the middle
    separator, decimal, names = _dialect(lines)
    refuse_twins([name.strip() for name in names if name.strip()], where)
    with _opened(place, packed) as stream:
        frame = pd.read_csv(
            stream,
            sep=separator,
            decimal=decimal,
            encoding=encoding,
            skipinitialspace=True,
            low_memory=False,
        )
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(
            f"{where}: its lines have more fields than the {len(names)} names of the first line; "
            f"name every column"
        )
    return frame.rename(columns=str.strip)


def _dialect(lines: Sequence[str]) -> tuple[str, str, list[str]]:
    """Separator, decimal sign and column names, from the first lines.

    The separator is the one of comma, semicolon and tab that cuts the first line into most
    fields. The decimal sign is a comma only where the separator is none, and numbers are
    written so and none with a point.
    """

    def cut(sign: str) -> Iterator[list[str]]:
        return (row for row in csv.reader(lines, delimiter=sign, skipinitialspace=True) if row)

    separator = max(",;\t", key=lambda sign: len(next(cut(sign), [])))
    names, *rows = list(cut(separator)) or [[]]
    fields = [field.strip() for row in rows for field in row]
    commas = separator != "," and any(_COMMA_DECIMAL.fullmatch(field) for field in fields)
    points = any(_POINT_DECIMAL.fullmatch(field) for field in fields)
    return separator, "," if commas and not points else ".", names


def refuse_twins(names: Iterable[str], where: str) -> None:
    """Raises DataError naming the columns that share a name."""
    twins = [name for name, times in Counter(names).items() if times > 1]
    if twins:
        raise DataError(f"{where}: column names stand twice: {listed(twins)}; rename one of each")


def _arrow(place: str, packed: bool, where: str) -> Table:
    """An Arrow IPC file (feather) or stream."""
    import pyarrow as pa
    from pyarrow import feather

    with _opened(place, packed) as stream:
        content = io.BytesIO(stream.read())
    try:
        table = feather.read_table(content)
    except pa.ArrowInvalid:
        content.seek(0)
        table = pa.ipc.open_stream(content).read_all()
    refuse_twins(table.column_names, where)
    frame: pd.DataFrame = table.to_pandas()
    return frame, None


def _npz(place: str, packed: bool, where: str) -> Table:
    """Arrays X and y (any others are left), or one array per column."""
    with _opened(place, packed) as stream, np.load(stream, allow_pickle=False) as archive:
        if {"X", "y"} <= set(archive.files):
            return _pair((archive["X"], archive["y"]), where)
        arrays = {name: archive[name] for name in archive.files}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        found = listed([f"{name} {array.shape}" for name, array in arrays.items()])
        raise DataError(
            f"{where}: needs arrays X and y, or one array per column, all of one length; "
            f"found {found or 'nothing'}"
        )
    return pd.DataFrame(arrays), None


def _line(error: BaseException) -> str:
    """The error's text on one line, cut to a readable length."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:297] + "..."
