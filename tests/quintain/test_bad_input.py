"""Bad input: one clear line each, exit code 2, nothing written."""

import re
from pathlib import Path

import pandas as pd
import pytest

from search.records import Records

GOOD = """
name = "loans"
[data]
source = "loans.csv"
target = "default"
[search]
trials = 4
[[model]]
estimator = "logistic_regression"
"""

MISTAKES = {
    "a misspelled key": ("trials = 4", "trails = 4", ["$.search.trails", "trials"]),
    "an empty range": (
        '"logistic_regression"',
        '"logistic_regression"\n[model.space]\nC = { float = [3.0, 1.0] }',
        ["$.model[0].space.C"],
    ),
    "an unknown metric": (
        "[search]", '[evaluate]\nmetric = "roc_acu"\n[search]', ["roc_acu", "roc_auc"],
    ),
    "a threshold objective that needs no threshold": (
        "[search]", '[evaluate]\nthreshold = { maximize = "roc_auc" }\n[search]',
        ["$.evaluate.threshold.maximize", "'roc_auc' ranks rows and needs no threshold", "f1"],
    ),
    "an unknown model": ("logistic_regression", "logistic_regresion", ["logistic_regression"]),
    "a missing file": ("loans.csv", "laons.csv", ["laons.csv", "loans.csv"]),
    "a missing target": ('"default"', '"defualt"', ["defualt", "default"]),
    "folds the minority cannot fill": (
        "[search]", "[evaluate]\nfolds = 400\n[search]", ["400"],
    ),
    "not TOML": ("[search]", "[search", ["line"]),
    "an unknown parameter": (
        '"logistic_regression"',
        '"logistic_regression"\nparams = { CC = 1.0 }',
        ["$.model[0].params", "CC"],
    ),
    "a feature that is not built": (
        "trials = 4", 'trials = 4\npruner = "halving"', ["$.search.pruner", "racing"],
    ),
}  # fmt: skip


#: One found in the spec and one found in the data, by a process of its own: nothing that is loaded
#: until then may add a line.
BY_PROCESS = ("a misspelled key", "a missing target")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_has_its_line(quintain_cli, own_records, mistake):
    """The line says what and where, with what was allowed; no traceback, no record."""
    good, bad, said = MISTAKES[mistake]
    assert good in GOOD
    (quintain_cli.folder / "loans.toml").write_text(GOOD.replace(good, bad))
    call = quintain_cli.process if mistake in BY_PROCESS else quintain_cli
    done = call("run", "loans.toml")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert all(word in done.stderr for word in said), done.stderr
    assert done.stdout == ""
    assert not Path(own_records).exists()


def test_all_problems_at_once(quintain_cli):
    """Three mistakes in one spec are three lines in one answer."""
    spec = GOOD.replace("trials = 4", 'trails = 4\nsampler = "tpee"') + "colour = 3\n"
    (quintain_cli.folder / "loans.toml").write_text(spec)
    done = quintain_cli("run", "loans.toml")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 3


def test_problems_of_models_data_and_metrics_come_together(quintain_cli):
    """A wrong parameter, a missing file and an unknown metric are told in one answer."""
    spec = GOOD.replace("loans.csv", "gone.csv").replace(
        '"logistic_regression"', '"logistic_regression"\nparams = { CC = 1.0 }'
    )
    (quintain_cli.folder / "loans.toml").write_text(spec)
    done = quintain_cli("run", "loans.toml")
    assert done.returncode == 2
    assert "$.model[0].params" in done.stderr
    assert "gone.csv" in done.stderr


def test_what_the_data_makes_impossible_is_refused_before_any_trial(quintain_cli, own_records):
    """A class weight for a label that is not there, a metric that raises, weighted rows for knn."""
    weight = GOOD.replace(
        '"logistic_regression"', '"logistic_regression"\nclass_weight = { "7" = 5 }'
    )
    knn = GOOD.replace("logistic_regression", "knn").replace(
        'target = "default"', 'target = "default"\nweight_column = "age"'
    )
    source = quintain_cli.folder / "loans.csv"
    frame = pd.read_csv(source)
    frame.assign(age=frame["age"].abs() + 1).to_csv(source, index=False)
    (quintain_cli.folder / "mine.py").write_text(
        "def bad(y_true, y_pred):\n    raise ValueError('my metric broke')\n"
    )
    metric = GOOD.replace(
        "[search]", '[evaluate]\nmetric = "mine.py:bad"\ndirection = "maximize"\n[search]'
    )
    for spec, said in ((weight, "'7'"), (knn, "weigh rows"), (metric, "my metric broke")):
        (quintain_cli.folder / "loans.toml").write_text(spec)
        done = quintain_cli("run", "loans.toml")
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert not Path(own_records).exists()


def test_one_class_and_infinite_values(quintain_cli):
    """A target with one class and an infinite value are refused with the column's name."""
    source = quintain_cli.folder / "loans.csv"
    lines = source.read_text().splitlines()
    source.write_text("\n".join([lines[0], *(line[:-1] + "1" for line in lines[1:])]))
    done = quintain_cli("run", "loans.toml")
    assert done.returncode == 2
    assert "default" in done.stderr
    first = lines[1].split(",")
    source.write_text("\n".join([lines[0], ",".join(["inf", *first[1:]]), *lines[2:]]))
    done = quintain_cli("run", "loans.toml")
    assert done.returncode == 2
    assert "income" in done.stderr
    assert "infinite" in done.stderr


def test_a_store_of_a_newer_version_is_refused(quintain_cli, own_records):
    """A records file from tomorrow: one line, exit 2."""
    import sqlite3

    with Records.open(own_records) as store:
        store.create("loans", {"metric": "roc_auc"})
    with sqlite3.connect(own_records) as database:
        tables = [row[0] for row in database.execute("select name from sqlite_master")]
        assert "meta" in tables
        names = [row[1] for row in database.execute("pragma table_info(meta)")]
        version = next(name for name in names if "version" in name)
        database.execute(f"update meta set {version} = 9999")
    database.close()
    done = quintain_cli("list")
    assert done.returncode == 2
    assert "9999" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_unknown_commands_and_sweeps_say_what_there_is(quintain_cli, own_records):
    """A misspelled sweep names the nearest one; a misspelled runner lists them."""
    with Records.open(own_records) as store:
        assert store.create("loans", {"metric": "roc_auc"}) == "loans-1"
    done = quintain_cli("show", "laons-1")
    assert done.returncode == 2
    assert "loans-1" in done.stderr
    done = quintain_cli("run", "loans.toml", "--runner", "rya")
    assert done.returncode == 2
    assert "ray" in done.stderr


def test_a_memory_limit_below_one_worker_is_refused_with_the_smallest_that_works(
    quintain_cli, own_records
):
    """One line, nothing written; with the value it names every trial completes."""
    model = '"hist_gradient_boosting"\nparams = { max_iter = 100 }'  # long enough to be looked at
    spec = GOOD.replace('"logistic_regression"', model) + "[resources]\nmemory_per_trial = {}\n"
    path = quintain_cli.folder / "loans.toml"
    path.write_text(spec.replace("{}", '"50M"'))
    done = quintain_cli("run", "loans.toml", "--runner", "local")
    assert done.returncode == 2, done.stderr
    [line] = done.stderr.strip().splitlines()
    told = re.fullmatch(
        r"error: resources.memory_per_trial is 50M, and a worker of hist_gradient_boosting takes "
        r"(\d+)M before it has any data: the smallest that would work is (\d+)M",
        line,
    )
    assert told, line
    base, smallest = (int(each) for each in told.groups())
    assert 60 < base < smallest < 1.25 * base
    assert done.stdout == ""
    assert not Path(own_records).exists()
    path.write_text(spec.replace("{}", f'"{smallest}M"'))
    counts = quintain_cli.json("run", "loans.toml", "--runner", "local")["trial_counts"]
    assert (counts["completed"], counts["failed"]) == (4, 0)


def test_the_inline_runner_has_no_limit_of_memory_to_refuse(quintain_cli):
    """It enforces none, so a small one keeps nothing from running."""
    (quintain_cli.folder / "loans.toml").write_text(
        GOOD + '[resources]\nmemory_per_trial = "50M"\n'
    )
    done = quintain_cli.json("run", "loans.toml", "--runner", "inline")
    assert done["trial_counts"]["completed"] == 4


def test_a_deadline_shorter_than_a_fit_names_the_smallest_that_would_do(quintain_cli):
    """Planned first, then one line and exit code 2."""
    done = quintain_cli("plan", "loans.toml", "--deadline", "1ms")
    assert done.returncode == 2, done.stderr
    [line] = [each for each in done.stderr.splitlines() if not each.startswith("measuring")]
    assert re.search(r"0\.001s is shorter than one fit .* would do: \d+s for one trial", line), line


def test_no_rows_are_refused_by_every_command_that_reads_them(quintain_cli):
    """An empty table, and a part of none or of more than all: one line with what would work."""
    folder = quintain_cli.folder
    header = (folder / "loans.csv").read_text().splitlines()[0]
    (folder / "empty.csv").write_text(header + "\n")
    (folder / "empty.toml").write_text(GOOD.replace("loans.csv", "empty.csv"))
    (folder / "none.toml").write_text(GOOD.replace("[search]", "rows = 0\n[search]"))
    asked = {
        ("run", "empty.toml"): "rows are needed",
        ("plan", "empty.toml"): "rows are needed",
        ("run", "none.toml"): "the smallest that works is data.rows = 4",
        ("subsample", "loans.csv", "--target", "default", "--rows", "0"): "--rows 4 is the least",
        ("subsample", "loans.csv", "--target", "default", "--rows", "601"): "at most --rows 600",
    }
    for command, said in asked.items():
        done = quintain_cli(*command)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert said in done.stderr
