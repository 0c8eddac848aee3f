"""Loading a user's own code."""

import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

from evaluators.code import USER_MODULE, load_object
from evaluators.errors import CodeError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def write(tmp_path):
    """Write a file of user code and return the folder."""

    def _write(text, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return tmp_path

    return _write


def refusal(reference, folder):
    with pytest.raises(CodeError) as caught:
        load_object(reference, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_module_and_dotted_name(tmp_path):
    """A dotted name reaches into what the module holds."""
    assert load_object("pathlib:Path.home", tmp_path) == Path.home


def test_file_is_relative_to_the_folder(write):
    """file.py:name is looked for in the folder given, in sub-folders too."""
    folder = write("class Outer:\n    class Inner:\n        depth = 2\n", "models/mine.py")
    assert load_object("models/mine.py:Outer.Inner", folder).depth == 2


def test_unchanged_file_gives_the_same_module(write):
    """Two loads of an unchanged file give one object, a changed file gives a new one."""
    folder = write("class A:\n    size = 1\n")
    first = load_object("mine.py:A", folder)
    assert load_object("mine.py:A", folder) is first
    write("class A:\n    size = 2\n")
    second = load_object("mine.py:A", folder)
    assert (first.size, second.size) == (1, 2)
    assert first.__module__.startswith(USER_MODULE)
    assert first.__module__ != second.__module__


def test_nothing_is_left_behind(write):
    """No cache beside the file, no folder on sys.path, no public module name taken."""
    before = list(sys.path)
    folder = write("import dataclasses\n\n@dataclasses.dataclass\nclass A:\n    x: int = 1\n")
    assert load_object("mine.py:A", folder)().x == 1
    assert [each.name for each in folder.iterdir()] == ["mine.py"]
    assert sys.path == before
    assert "mine" not in sys.modules


def test_class_travels_to_a_process_without_the_file(write, tmp_path):
    """What a file defines works in a process where neither file nor module exists."""
    folder = write("factor = 3\n\ndef helper(x):\n    return factor * x\n\nclass A:\n"
                   "    def triple(self, x):\n        return helper(x)\n")  # fmt: skip
    packed = cloudpickle.dumps(load_object("mine.py:A", folder))
    (folder / "mine.py").unlink()
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer)().triple(14))"
    done = subprocess.run(
        [sys.executable, "-c", program], input=packed, capture_output=True, cwd="/", check=True
    )
    assert done.stdout.strip() == b"42"


def test_without_a_colon(tmp_path):
    """A reference without ':' is refused with what to write."""
    assert 'did you mean "sklearn.ensemble:AdaBoostClassifier"' in refusal(
        "sklearn.ensemble.AdaBoostClassifier", tmp_path
    )
    assert '"file.py:name"' in refusal("mine.py", tmp_path)
    assert '"module:Name"' in refusal("mine:", tmp_path)


def test_missing_file_names_the_nearest(write):
    """A missing file is told with its folder and the nearest file there."""
    folder = write("x = 1\n", "model.py")
    said = refusal("modell.py:x", folder)
    assert "no file modell.py" in said
    assert "'model.py'" in said
    assert "no folder" in refusal("gone/mine.py:x", folder)


def test_missing_module_names_the_nearest(write):
    """A missing module is told with the nearest installed, or with the file meant."""
    folder = write("x = 1\n")
    assert "'sklearn'" in refusal("sklear:x", folder)
    assert "'sklearn.ensemble'" in refusal("sklearn.ensembl:x", folder)
    assert '"mine.py:x"' in refusal("mine:x", folder)


def test_missing_name_lists_what_there_is(write):
    """A missing name is told with the nearest and with the file's own public names."""
    folder = write("from pathlib import Path\n_hidden = 1\ndef make_model(): ...\n")
    said = refusal("mine.py:make_modell", folder)
    assert said == "mine.py has no 'make_modell'; did you mean 'make_model'? (it has make_model)"
    assert "mine.py:make_model has no 'depth'" in refusal("mine.py:make_model.depth", folder)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("x = 1\ny = 1 / 0\n", "mine.py, line 2: ZeroDivisionError: division by zero"),
        ("def f(:\n", "mine.py, line 1: SyntaxError"),
        ("import json\n\njson.loads('{')\n", "mine.py, line 3: JSONDecodeError"),
        ("import sys\nsys.exit(3)\n", "mine.py, line 2: SystemExit: 3"),
        ("import no_such_thing\n", "line 1: ModuleNotFoundError: No module named 'no_such_thing'"),
    ],
)
def test_failure_while_importing(write, text, where):
    """An exception while importing gives its type, message and the line in the user's file."""
    folder = write(text)
    assert where in refusal("mine.py:x", folder)
    assert not [
        name for name in sys.modules if name.startswith(USER_MODULE) and not sys.modules[name]
    ]


def test_neighbouring_file_is_not_imported(write):
    """Importing a file that lies beside is explained: it would not travel."""
    write("x = 1\n", "beside.py")
    folder = write("import beside\n")
    assert "only the file itself travels" in refusal("mine.py:x", folder)


def test_broken_module_is_not_a_missing_module(tmp_path, monkeypatch):
    """An installed module that fails to import is told apart from one that is not there."""
    (tmp_path / "broken_here.py").write_text("import no_such_thing\n")
    monkeypatch.syspath_prepend(tmp_path)
    said = refusal("broken_here:x", tmp_path / "elsewhere")
    assert said.startswith("importing broken_here: ModuleNotFoundError: No module named 'no_such")


def test_error_survives_a_process():
    """A CodeError keeps its text through pickle."""
    assert str(pickle.loads(pickle.dumps(CodeError("no file")))) == "no file"
