"""Failed experiments as a user meets them: grouped, told in full, and before the next sweep."""

import pytest

MODEL = """
from sklearn.tree import DecisionTreeClassifier

def deep(max_depth=3, min_samples_leaf=1):
    if max_depth > 6:
        raise RuntimeError(f"no tree of depth {max_depth} here")
    return DecisionTreeClassifier(max_depth=max_depth, min_samples_leaf=min_samples_leaf)
"""
SPEC = """
name = "deep"
[data]
source = "loans.csv"
target = "default"
[search]
trials = 24
sampler = "random"
stop_when = { failed = 24 }
[[model]]
name = "tree"
estimator = "mine.py:deep"
[model.space]
max_depth = { int = [1, 10] }
min_samples_leaf = { int = [1, 40] }
"""


@pytest.fixture
def failed(quintain_cli, folder):
    """A sweep of which some trials failed on one road."""
    (folder / "mine.py").write_text(MODEL)
    (folder / "deep.toml").write_text(SPEC)
    return quintain_cli.json("run", "deep.toml", "--runner", "inline")


def test_failures_are_grouped_told_in_full_and_warned_of(failed, quintain_cli, folder):
    """One sweep, seen by report, show --trial, and by the next one that goes the same way."""
    (road,) = failed["failed_roads"]
    assert (road["parameter"], road["relation"], road["value"]) == ("max_depth", ">", 6)
    assert road["failed"] == road["of"] == failed["trial_counts"]["failed"]
    (group,) = failed["failures"]  # their reasons differ in a number
    assert group["cause"] == "user_code"
    report = quintain_cli("report", "deep-1").stdout
    assert "failures: tree with max_depth > 6 raised in your code" in " ".join(report.split())

    trial = group["trials"][0]
    shown = quintain_cli("show", "deep-1", "--trial", trial).stdout
    assert "last line:" in shown
    assert "RuntimeError: no tree of depth" in shown
    assert "Traceback (most recent call last)" in shown
    told = quintain_cli.json("show", "deep-1", "--trial", trial)
    assert told["last_line"].startswith("RuntimeError: no tree of depth")
    (attempt,) = told["attempts"]
    assert attempt["ended"] == "failed"
    assert [each["what"] for each in attempt["trace"]] == ["in all"]
    good = quintain_cli.json("show", "deep-1", "--trial", failed["best"]["trial"])
    assert good["attempts"][0]["trace"][-1]["cpu_s"] > 0
    assert quintain_cli("show", "deep-1", "--trial", "99").returncode == 2

    (folder / "again.toml").write_text(SPEC.replace("trials = 24", "trials = 6"))
    again = quintain_cli.json("run", "again.toml", "--runner", "inline")
    (warned,) = [each for each in again["warnings"] if each["code"] == "failed_road"]
    assert warned["message"].startswith("in deep-1 ")
    assert again["known"]["trials"] == 6  # failures among them
    (folder / "safe.toml").write_text(SPEC.replace("[1, 10]", "[1, 6]"))
    safe = quintain_cli.json("run", "safe.toml", "--runner", "inline")
    assert not [each for each in safe["warnings"] if each["code"] == "failed_road"]


def test_what_is_submitted_near_a_failed_road_is_told_at_once(failed, folder, own_records):
    from quintain.roads import near_roads
    from search.records import Records
    from search.spec import read_spec

    spec = read_spec(folder / "deep.toml")
    with Records.open(own_records, create=False) as store:
        (found,) = near_roads(spec, store)  # the data is not read for it
        elsewhere = spec.in_folder(folder.parent)
        assert near_roads(elsewhere, store) == []
    assert "max_depth > 6" in found.message
