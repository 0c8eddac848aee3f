"""Reading files, URLs and functions."""

import gzip

import numpy as np
import pandas as pd
import pytest

from evaluators.data import load, read_frame
from evaluators.errors import CodeError, DataError


def table(rows: int = 40) -> pd.DataFrame:
    """Numbers with a hole, a text with a hole, and a yes/no target with a quarter of yes."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": generator.integers(18, 90, rows),
            "income": generator.normal(size=rows).round(3),
            "town": [["Ulm", "Aachen", None][place % 3] for place in range(rows)],
            "bought": ["yes" if place % 4 == 0 else "no" for place in range(rows)],
        }
    )
    frame.loc[3, "income"] = np.nan
    return frame


def refused(text: str, *words: str) -> None:
    assert "\n" not in text
    for word in words:
        assert word in text


WRITERS = {
    "t.csv": lambda frame, path: frame.to_csv(path, index=False),
    "t.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "semicolon.csv": lambda frame, path: frame.to_csv(path, index=False, sep=";"),
    "european.csv": lambda frame, path: frame.to_csv(path, index=False, sep=";", decimal=","),
    "bom.csv": lambda frame, path: frame.to_csv(path, index=False, encoding="utf-8-sig"),
    "t.csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "t.parquet": lambda frame, path: frame.to_parquet(path),
    "t.parquet.brotli": lambda frame, path: frame.to_parquet(path, compression="brotli"),
    "t.feather": lambda frame, path: frame.to_feather(path),
    "t.arrow": lambda frame, path: frame.to_feather(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(tmp_path, name):
    """A file of any format is the table it was written from, with the same fingerprint."""
    WRITERS[name](table(), tmp_path / name)
    read = load(name, "bought", folder=tmp_path)
    whole = load(table(), "bought")
    assert read.fingerprint == whole.fingerprint
    assert read.columns == whole.columns
    np.testing.assert_array_equal(read.values, whole.values)
    np.testing.assert_array_equal(read.target, whole.target)


def test_an_arrow_stream_is_read(tmp_path):
    """Arrow's stream format is read as well as its file format."""
    pa = pytest.importorskip("pyarrow")
    content = pa.Table.from_pandas(table())
    with pa.ipc.new_stream(tmp_path / "t.arrow", content.schema) as stream:
        stream.write_table(content)
    assert load(tmp_path / "t.arrow", "bought").fingerprint == load(table(), "bought").fingerprint


def test_a_url_is_read(tmp_path):
    """An fsspec URL is read like a path."""
    table().to_csv(tmp_path / "t.csv", index=False)
    read = load((tmp_path / "t.csv").as_uri(), "bought")
    assert read.fingerprint == load(table(), "bought").fingerprint


def test_npz_holds_x_and_y_or_columns(tmp_path):
    """An npz file holds X and y, or one array per column."""
    frame = table()[["age", "income"]]
    target = table()["bought"].to_numpy(str)
    np.savez(tmp_path / "pair.npz", X=frame.to_numpy(), y=target)
    np.savez(tmp_path / "columns.npz", x0=frame["age"], x1=frame["income"], y=target)
    pair = load("pair.npz", folder=tmp_path)
    columns = load("columns.npz", "y", folder=tmp_path)
    assert [column.name for column in pair.columns] == ["x0", "x1"]
    assert pair.fingerprint == columns.fingerprint


def test_npz_never_runs_code(tmp_path):
    """An npz file with pickled objects is refused, not unpickled."""
    np.savez(tmp_path / "t.npz", X=np.array([[1, "a"]], object), y=np.array([1]))
    with pytest.raises(DataError, match="allow_pickle"):
        load("t.npz", folder=tmp_path)


def test_npz_of_odd_shapes_is_refused(tmp_path):
    """An npz file that is neither X and y nor columns says which arrays it has."""
    np.savez(tmp_path / "t.npz", a=np.zeros(3), b=np.zeros(4))
    with pytest.raises(DataError, match=r"one array per column.*a \(3,\), b \(4,\)"):
        load("t.npz", folder=tmp_path)


def test_a_function_gives_the_table(tmp_path):
    """A function of the user's gives a DataFrame or (X, y)."""
    (tmp_path / "mine.py").write_text(
        "import pandas as pd\n"
        "def frame():\n    return pd.DataFrame({'a': [1, 2, 3, 4], 'y': [0, 1, 0, 1]})\n"
        "def pair():\n    return [[1], [2], [3], [4]], [0, 1, 0, 1]\n"
        "def broken():\n    raise RuntimeError('no\\nnetwork')\n"
        "def number():\n    return 3\n"
    )
    assert load("mine.py:frame", "y", folder=tmp_path).rows == 4
    assert load("mine.py:pair", folder=tmp_path).classes == ("0", "1")
    with pytest.raises(DataError, match=r"mine\.py:broken: raised RuntimeError: no network"):
        load("mine.py:broken", "y", folder=tmp_path)
    with pytest.raises(DataError, match="returned int; it must return a pandas DataFrame"):
        load("mine.py:number", "y", folder=tmp_path)
    with pytest.raises(CodeError):
        load("mine.py:fraem", "y", folder=tmp_path)


def test_bad_files_get_one_clear_line(tmp_path):
    """Missing, empty, unknown, torn and twin-named files say what is wrong with them."""
    (tmp_path / "adult.csv").write_text("a,y\n1,0\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "head.csv").write_text("a,y\n")
    (tmp_path / "twins.csv").write_text("a,b,a,y\n1,2,3,0\n")
    (tmp_path / "wide.csv").write_text("a,y\n1,2,0\n1,2,1\n")
    (tmp_path / "ragged.csv").write_text("a,y\n1,0\n1,2,3\n")
    (tmp_path / "t.xlsx").write_text("x")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "torn.csv.gz").write_bytes(gzip.compress(b"a,y\n1,2\n" * 99)[:-9])
    expected = {
        "aduld.csv": "no such file in .* .did you mean 'adult.csv'",
        "nowhere/t.csv": "there is no folder",
        "empty.csv": "the file is empty",
        "head.csv": "the table is empty",
        "twins.csv": "column names stand twice: a;",
        "wide.csv": "more fields than the 2 names",
        "ragged.csv": "cannot be read: ParserError.*line 3",
        "t.xlsx": "unknown format 't.xlsx'; known by their ending: csv",
        "torn.parquet": "cannot be read",
        "torn.csv.gz": "cannot be read: EOFError",
        "nosuch://t.csv": "cannot be read",
    }
    for name, words in expected.items():
        with pytest.raises(DataError, match=words) as caught:
            load(name, "y", folder=tmp_path)
        refused(str(caught.value), name)
    with pytest.raises(DataError, match="data of type int cannot be read"):
        load(3, "y")  # type: ignore[arg-type]


def test_csv_in_latin1_and_with_a_trailing_separator(tmp_path):
    """Other encodings are read, and an empty unnamed last column is left."""
    (tmp_path / "t.csv").write_bytes("größe\ty\t\nü\t0\t\na\t1\t\n".encode("latin-1"))
    frame, labels = read_frame("t.csv", tmp_path)
    assert list(frame.columns) == ["größe", "y"]
    assert list(frame["größe"]) == ["ü", "a"]
    assert labels is None


def test_an_npz_names_its_labels_itself(tmp_path):
    """A target that the file does not have is refused, not taken for its y."""
    path = tmp_path / "d.npz"
    np.savez(path, X=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2)
    assert load(str(path), "y").rows == 20
    with pytest.raises(DataError, match="no target 'z'"):
        load(str(path), "z")
