"""What is begun before the data is read, and who runs a sweep that names no runner."""

import pytest

from quintain import places
from quintain.places import Place, begun_early
from quintain.prepare import prepare
from search.spec import read_spec


class Begun:
    """What was begun, by name."""

    def __init__(self, name):
        self.name, self.left = name, 0

    def abandon(self):
        self.left += 1

    close = abandon


@pytest.fixture
def spec(tmp_path):
    rows = "".join(f"{n},{n * n % 17},{'yes' if n % 3 else 'no'}\n" for n in range(120))
    (tmp_path / "table.csv").write_text("a,b,kind\n" + rows)
    (tmp_path / "spec.toml").write_text("""
        name = "places"
        data = { source = "table.csv", target = "kind" }
        search = { trials = 3 }
        model = [{ estimator = "gaussian_nb" }]
    """)
    return read_spec(tmp_path / "spec.toml")


@pytest.fixture
def begun(monkeypatch):
    """Names of what is begun, in place of beginning it."""
    names = []

    def begin(spec, runner, address):
        names.append(runner)
        return Begun(runner)

    monkeypatch.setattr(places, "_begun", begin)
    return names


@pytest.mark.parametrize(("most", "expected"), [(10**9, "local"), (1, None)])
def test_auto_begins_local_workers_where_the_file_is_small(
    spec, begun, monkeypatch, most, expected
):
    """By bytes times trials; for rows in memory nothing."""
    monkeypatch.setattr(places, "LIKELY_LOCAL", most)
    with begun_early(spec, None, "auto", None) as early:
        assert (early and early.name) == expected
    with begun_early(spec, "a frame", "auto", None) as early:
        assert early is None
    assert begun == [expected] * (expected is not None)


def test_auto_takes_a_cluster_that_is_named(spec, begun):
    with begun_early(spec, "a frame", "auto", "10.0.0.1:6379") as early:
        assert early.name == "ray"
    assert early.left == 1, "nobody took it over"


def test_a_wrong_guess_is_let_go(spec):
    """Local workers make room for Ray at once, not when it ends."""
    prepared = prepare(spec)
    local, long = Begun("local"), Place(prepared, "inline", None)
    assert long.trial_s < 1.0
    assert Place(prepared, "auto", None, local).name == "local"
    assert local.left == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "LOCAL_BELOW_S", 0.0)
        assert Place(prepared, "auto", None, local).name == "ray"
    assert local.left == 1
