"""Modules of the user's own travel by content, whole, and hide nobody's."""

import pickle
import subprocess
import sys

import pytest

from evaluators.assignment import Assignment
from evaluators.errors import CodeError
from evaluators.own_code import own_code


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's folder with src/shoe, a package of two modules; temporary files of its own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    package = tmp_path / "src" / "shoe"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "sole.py").write_text("class Sole:\n    size = 1\n")
    (package / "upper.py").write_text(
        "from shoe.sole import Sole\n\n\nclass Upper(Sole):\n    pass\n"
    )
    before, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_another_process_imports_what_was_read(home):
    """Unpickled where the folder is not known it can be imported, as it was when it was read."""
    own = own_code(["src/"], home)
    from shoe.upper import Upper

    assert own.names == {"shoe"}
    blob = pickle.dumps(Assignment({"m": Upper}, (), own=own))
    (home / "src" / "shoe" / "sole.py").write_text("class Sole:\n    size = 2\n")
    program = "import pickle, sys; a = pickle.load(sys.stdin.buffer); print(a.recipes['m'].size)"
    done = subprocess.run([sys.executable, "-c", program], input=blob, capture_output=True)
    assert done.stdout == b"1\n", done.stderr


def test_a_process_has_the_modules_of_one_sweep(home):
    """A later sweep with other code under the same names gets its own."""
    own_code(["src/"], home)
    from shoe.upper import Upper

    assert Upper.size == 1
    (home / "src" / "shoe" / "sole.py").write_text("class Sole:\n    size = 2\n")
    own_code(["src/"], home)
    from shoe.upper import Upper

    assert Upper.size == 2


def test_a_package_that_is_named_itself_is_imported_by_its_name(home):
    """`include = ["src/shoe"]` gives `shoe`, as `["src/"]` does."""
    assert sorted(own_code(["src/shoe"], home).files) == sorted(own_code(["src/"], home).files)


@pytest.mark.parametrize(
    ("name", "said"), [("json.py", "has json, which would hide"), ("search.py", "has search,")]
)
def test_what_would_hide_others_is_refused(home, name, said):
    """Neither a module of Python's nor one of ours."""
    (home / "src" / name).write_text("")
    with pytest.raises(CodeError, match=said):
        own_code(["src/"], home)


def test_what_is_not_there_is_named(home):
    """A missing folder, and one with nothing in it."""
    with pytest.raises(CodeError, match="there is no file or folder"):
        own_code(["lib/"], home)
    (home / "empty").mkdir()
    with pytest.raises(CodeError, match="there is nothing in"):
        own_code(["empty/"], home)


def test_a_folder_that_others_can_write_to_is_not_used(home):
    """What lies in it is run: it must be ours alone."""
    import os

    (home / "tmp" / f"quintain-code-{os.getuid()}").mkdir(mode=0o777)
    (home / "tmp" / f"quintain-code-{os.getuid()}").chmod(0o777)
    with pytest.raises(CodeError, match="not a folder of yours alone"):
        own_code(["src/"], home)
