"""``quintain subsample``: a part of a table that stands for the whole, and the tests of it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from evaluators.data import load, read_frame
from evaluators.errors import DataError, QuintainError
from evaluators.representative import Check, judge
from evaluators.subsample import Part, draw, least_rows
from evaluators.types import Dataset

#: A part that fails is drawn anew so often; after that its size is what is wrong.
REDRAWS = 5
_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")


@dataclass(frozen=True, slots=True, eq=False)
class Subsample:
    """A part drawn and judged.

    Attributes:
        part: the rows; where no draw passes, those of the first.
        of: rows of the table.
        classes: labels by code; none where the target is a number.
        seed: of the draw that was kept.
        redraws: how many draws failed before the one kept; ``REDRAWS`` where none passed.
        tests: of the draw that was kept; none where the part is the whole.
        enough: where tests fail, a larger number of rows that passes them.
        output: the file written.
    """

    part: Part
    of: int
    classes: tuple[str, ...]
    seed: int
    redraws: int
    tests: tuple[Check, ...]
    enough: int | None
    output: str | None

    @property
    def representative(self) -> bool:
        """Whether every test passed."""
        return all(check.passed for check in self.tests)

    @property
    def weights(self) -> dict[str, float] | None:
        """Rows of the table per row of the part, by label; None where all labels have the same."""
        given = self.part.weights
        return None if given is None else dict(zip(self.classes, given, strict=True))

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints; see docs/subsample.md."""
        return {
            "rows": len(self.part.rows),
            "of": self.of,
            "strata": self.part.strata,
            "features": list(self.part.features),
            "weights": self.weights,
            "seed": self.seed,
            "redraws": self.redraws,
            "tests": [asdict(check) for check in self.tests],
            "verdict": "representative" if self.representative else "not representative",
            "enough": self.enough,
            "output": self.output,
        }

    def text(self) -> str:
        """The verdict first, then the tests, one a line."""
        rows = f"{len(self.part.rows):,} of {self.of:,} rows"
        lines = [f"{rows}: {self._verdict()}"]
        lines += [
            f"  {'passed' if check.passed else 'FAILED'}  {check.name:<13}"
            f"{check.figure:.4f} (limit {check.limit:.4f})  {check.what}"
            for check in self.tests
        ]
        features = f", with {', '.join(self.part.features)}" if self.part.features else ""
        lines.append(f"{self.part.strata} strata{features}; seed {self.seed}")
        if self.weights is not None:
            told = ", ".join(f"{name!r} {weight:.4g}" for name, weight in self.weights.items())
            lines.append(f"rare classes kept more rows; a row stands for so many: {told}")
        return "\n".join([*lines, *([f"written to {self.output}"] if self.output else [])])

    def _verdict(self) -> str:
        if not self.tests:
            return "all of them, nothing is left to compare with"
        drawn = f" ({self.redraws} redrawn)" if self.redraws else ""
        if self.representative:
            return f"representative{drawn}"
        failed = ", ".join(check.name for check in self.tests if not check.passed)
        more = f"--rows {self.enough} passes" if self.enough else "only all rows would do"
        return f"NOT representative in {failed}, nor were {self.redraws} redraws; {more}"


def subsample(
    data: str,
    target: str,
    rows: int,
    *,
    output: Path | None = None,
    seed: int = 0,
    group_column: str | None = None,
    time_column: str | None = None,
) -> Subsample:
    """Draw, judge, draw anew where a test fails, and write the rows.

    With ``seed`` 0 these are the rows that ``[data] rows`` of a spec with the same columns and no
    hold-out searches.

    Args:
        data: what ``[data] source`` may be; paths are relative to the working directory.
        target: the column to predict.
        rows: how many.
        output: a new .csv, .tsv (also .gz) or .parquet file, with the columns of the source.
        seed: of the first draw; each redraw adds one.
        group_column: its quarters, by hash, are strata.
        time_column: its quarters are strata.

    Raises:
        DataError: the table cannot be searched, or has no such part.
        QuintainError: ``output`` exists, or is of no known format.
    """
    if output is not None:
        _refuse_output(output)
    here = Path.cwd()
    dataset = load(data, target, group_column=group_column, time_column=time_column, folder=here)
    _refuse_size(dataset, rows, data)
    redraws, part, tests = drawn(dataset, rows, seed)
    passed = all(check.passed for check in tests)
    enough = None if passed else enough_rows(dataset, rows, seed)
    if output is not None:
        _write(data, target, part, dataset.rows, output)
    kept = seed + redraws if passed else seed
    written = None if output is None else str(output)
    return Subsample(part, dataset.rows, dataset.classes, kept, redraws, tests, enough, written)


def drawn(dataset: Dataset, rows: int, seed: int) -> tuple[int, Part, tuple[Check, ...]]:
    """How many redraws, and the draw that passed; the first one where none does."""
    first = None
    for redraws in range(REDRAWS + 1):
        part = draw(dataset, rows, seed + redraws)
        tests = judge(dataset, part)
        if all(check.passed for check in tests):
            return redraws, part, tests
        first = first or (part, tests)
    assert first is not None
    return REDRAWS, *first


def enough_rows(dataset: Dataset, rows: int, seed: int) -> int | None:
    """The first of twice, four times, ... as many rows whose draw passes; None below all rows."""
    while (rows := 2 * rows) < dataset.rows:
        if all(check.passed for check in judge(dataset, draw(dataset, rows, seed))):
            return rows
    return None


def _refuse_size(dataset: Dataset, rows: int, where: str) -> None:
    least = least_rows(dataset)
    if rows < least:
        held = "" if dataset.regression else f", two for each of {len(dataset.classes)} classes"
        raise DataError(f"{where}: --rows {rows} is too few: --rows {least} is the least{held}")
    if rows > dataset.rows:
        raise DataError(
            f"{where}: --rows {rows} is more than the table has: at most --rows {dataset.rows}, "
            f"at least {least}"
        )


def _refuse_output(output: Path) -> None:
    if not output.name.lower().endswith(_TABLES):
        raise QuintainError(
            f"--output {output}: unknown format; known by their ending: {', '.join(_TABLES)}"
        )
    if output.exists():
        raise QuintainError(f"--output {output} exists: choose another file, or delete it")
    if not output.absolute().parent.is_dir():
        raise QuintainError(f"--output {output}: there is no folder {str(output.parent)!r}")


def _write(data: str, target: str, part: Part, rows: int, output: Path) -> None:
    """The rows as the source has them, every column, in its order; whole or not at all."""
    frame, labels = read_frame(data, Path.cwd())
    if labels is not None:
        frame = frame.assign(**{target: labels.to_numpy()})
    if len(frame) != rows:
        raise DataError(f"{data}: gave {rows} rows, then {len(frame)}: it must not change")
    frame = frame.iloc[part.rows]
    aside = output.with_name(f"{output.name}.part")
    name = output.name.lower()
    ending = name.removesuffix(".gz").rpartition(".")[2]
    if ending in ("parquet", "pq"):
        frame.to_parquet(aside, index=False)
    else:
        packed: Literal["gzip"] | None = "gzip" if name.endswith(".gz") else None
        separator = "\t" if ending == "tsv" else ","
        frame.to_csv(aside, index=False, sep=separator, compression=packed)
    aside.replace(output)
