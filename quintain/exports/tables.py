"""A sweep's trials as Parquet and CSV; ``search.frame`` has the columns.

In a CSV file a text that a spreadsheet or pandas would take for something else has an apostrophe
put before it: one that begins like a formula (``=1+1``), looks like a number, a truth value or a
missing one, is empty, or begins with an apostrophe itself. A cell without one is what it looks
like. So no text of a data set or a message can become a formula, and nothing is lost:

>>> frame = pd.read_csv("loans-1.csv")  # doctest: +SKIP
>>> frame = frame.replace("^'", "", regex=True)  # doctest: +SKIP
"""

import json
from pathlib import Path
from typing import Any, TextIO

from quintain.exports.places import replaced
from search.bodies import plain
from search.frame import frame
from search.view import SweepView

#: How a formula begins: OWASP's page on CSV injection; the wide forms are read alike.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: What pandas reads as missing by default, in lower case.
_MISSING = {
    "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "n/a",
    "na", "nan", "none", "null",
}  # fmt: skip


def write_csv(view: SweepView, out: TextIO) -> int:
    """The trials as CSV; how many they are."""
    found = frame([view])
    for name in found.columns:
        if found[name].dtype == object or found[name].dtype == "str":
            found[name] = found[name].map(_cell, na_action="ignore")
    # RFC 4180; and the writer quotes only those line breaks that it ends lines with
    found.to_csv(out, index=False, lineterminator="\r\n")
    return len(found)


def csv_file(view: SweepView, path: Path, *, force: bool = False) -> int:
    """The same in a file, in UTF-8."""
    with (
        replaced(path, force=force) as aside,
        aside.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out,
    ):
        return write_csv(view, out)


def parquet_file(view: SweepView, path: Path, *, force: bool = False) -> int:
    """The trials as Parquet; how many they are.

    A column of several types becomes text, JSON where a value is none. The file's metadata has the
    sweep as `quintain show --json` prints it, under the key "quintain".
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = frame([view])
    for name in found.columns:
        if found[name].dtype == object:
            found[name] = found[name].map(_text, na_action="ignore").astype("str")
    table = pa.Table.from_pandas(found, preserve_index=False)
    told = json.dumps(view.to_json()).encode()
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"quintain": told})
    with replaced(path, force=force) as aside:
        pq.write_table(table, aside)
    return len(found)


def _cell(value: Any) -> Any:
    """A text as a cell that no reader takes for anything else; other values as they are."""
    return f"'{value}" if isinstance(value, str) and _mistaken(value) else value


def _mistaken(text: str) -> bool:
    word = text.strip().lower()
    if not word or word in _MISSING or word in ("true", "false"):
        return True
    if text.startswith(("'", *_FORMULA)):
        return True
    try:
        float(word)
    except ValueError:
        return False
    return True


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(plain(value))
