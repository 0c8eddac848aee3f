"""The lab notebook of sweeps of every kind: true, whole, and nothing asked of the network."""

import re
import tomllib
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import quintain
from evaluators.errors import QuintainError
from quintain.notebook.html import html
from quintain.notebook.making import of_sweep
from quintain.notebook.markdown import markdown
from search.entries import Entry
from search.records import Records
from search.spec import read_spec

VOID = {"meta", "br"}


class Checked(HTMLParser):
    """Elements that close, ids that are there once, and whatever could load something."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.loads = [], [], [], []

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in told:
            self.ids.append(told["id"])
        self.links += [told["href"]] if tag == "a" else []
        self.loads += [tag] if tag in ("script", "link", "img", "iframe", "object") else []
        self.loads += [name for name in told if name == "src" or name.startswith("on")]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(page):
    """Both texts of a page, the HTML found to be sound."""
    text = html(page)
    found = Checked()
    found.feed(text)
    assert not found.open
    assert len(found.ids) == len(set(found.ids))
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)
    assert not found.loads
    assert "http" not in re.sub(r'http-equiv|xmlns="http://www.w3.org/2000/svg"', "", text)
    for svg in re.findall(r"<svg.*?</svg>", text, re.S):
        ElementTree.fromstring(svg)
        assert "aria-label" in svg
    assert "nan" not in re.sub(r"<[^>]*>", "", text).lower().split()
    return text, markdown(page)


def frame(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    return made, made["a"] + 0.5 * rng.normal(size=rows)


def searched(target, estimator, monkeypatch, tmp_path, trials=6, **search):
    """A small sweep of a file, in this process."""
    made, value = frame()
    made["y"] = target(value)
    made.to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    spec = {
        "name": "t", "note": "is <b>a</b> enough?", "data": {"source": "t.csv", "target": "y"},
        "evaluate": {"folds": 3}, "model": [{"estimator": estimator}],
        "search": {"trials": trials, "sampler": "random", **search},
    }  # fmt: skip
    return quintain.run(spec, runner="inline")


def test_two_classes(tmp_path, monkeypatch, own_records):
    """The page tells what the record does, with curves of the folds that chose nothing."""
    result = searched(
        lambda v: np.where(v > 0.6, "yes", "no"), "logistic_regression", monkeypatch, tmp_path,
        trials=18,
    )  # fmt: skip
    with Records.open() as store:
        store.changes.add("ada", result.sweep, "note", {"text": "yes, | it is\n## enough"})
    page, view = of_sweep(result.sweep)
    text, words = checked(page)
    estimate = result.estimate
    assert f"roc_auc {estimate['score']:.4f}" in text
    assert f"interval {estimate['low']:.4f} to {estimate['high']:.4f}, baseline 0.5000" in text
    assert "is &lt;b&gt;a&lt;/b&gt; enough?" in text
    assert "ada: yes, \\| it is \\#\\# enough" in words, "a note does not become a heading"
    order = [section.anchor for section in page.sections]
    assert order[:5] == ["claim", "why", "tried", "failed", "confusion"]
    assert order[-1] == "reproduce"
    area = float(re.search(r"Area under the curve: class yes: (\S+) \[", text)[1])
    assert "the winner on fresh folds, which chose nothing" in text
    assert abs(area - estimate["score"]) < 0.02, "one ranking of all folds, not their mean"
    for words_of in ("Importances, logistic_regression", "Parallel coordinates", "Trials per work"):
        assert words_of in text
    told = re.search(r"```toml\n(.*?)```", words, re.S)[1]
    assert read_spec(tomllib.loads(told)) == read_spec(view.header["spec"])
    (tmp_path / "t.csv").unlink()
    gone, _ = checked(of_sweep(result.sweep)[0])
    assert "No curves: the winner&#x27;s out-of-fold outputs cannot be read again" in gone


def test_three_classes(tmp_path, monkeypatch):
    """A curve for each class, each against the rest."""
    result = searched(
        lambda v: np.digitize(v, [-0.5, 0.5]).astype(str), "logistic_regression", monkeypatch,
        tmp_path,
    )  # fmt: skip
    text, words = checked(of_sweep(result.sweep)[0])
    assert re.search(r"class 0: 0\.9\d+ \[.*class 1: .*class 2: 0\.9", text)
    assert "| true class | as 0 | as 1 | as 2 | recall | precision |" in words


def test_numbers(tmp_path, monkeypatch):
    """Predicted against true in place of a confusion matrix and of curves."""
    result = searched(lambda v: v, "ridge", monkeypatch, tmp_path)
    text, _ = checked(of_sweep(result.sweep)[0])
    assert "Predicted against true" in text
    assert "ROC" not in text


def test_a_table_in_memory(tmp_path):
    """Its page has curves while the table is at hand, and its winner is kept under a name."""
    made, value = frame()
    made["y"] = np.where(value > 0.6, "yes", "no")
    spec = {"name": "m", "data": {"target": "y"}, "evaluate": {"folds": 3},
            "search": {"trials": 2}, "model": [{"estimator": "gaussian_nb"}]}  # fmt: skip
    result = quintain.run(spec, made, runner="inline")
    assert result.page(tmp_path / "m.html").startswith("wrote ")
    assert "ROC curve" in (tmp_path / "m.html").read_text()
    result.page(tmp_path / "m.md")
    assert (tmp_path / "m.md").read_text().startswith("# m-1")
    with pytest.raises(QuintainError, match="Markdown"):
        result.page(tmp_path / "m.pdf")
    assert result.save() == "m-1/v1"
    assert (quintain.load_model("m").predict(made) == result.fit().predict(made)).all()


def test_a_search_of_scikit_learns_kind(monkeypatch, tmp_path):
    """SearchCV has no spec and no estimate here; its page says so."""
    made, value = frame(120)
    search = quintain.SearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1.0]}, sampler="grid", cv=3)
    search.fit(made, value > 0)
    with Records.open(create=False) as store:
        (sweep,) = [found.id for found in store.sweeps()]
    text, _ = checked(of_sweep(sweep)[0])
    assert "No honest estimate: SearchCV scores on the folds searched on alone." in text
    assert "call the same fit in its program" in text


def stored(header, *entries):
    with Records.open() as store:
        sweep = store.create("old", header)
        store.append(sweep, entries)
    return sweep


def failing(trial, depth, why="MemoryError: 12 GB"):
    body = {"state": "failed", "cause": "out_of_memory", "reason": why, "traceback": "at\nboom"}
    asked = {"model": "m", "params": {"depth": depth, "kind": "x"}, "origin": "tpe"}
    return [Entry("asked", 1.0, asked, trial), Entry("ended", 2.0, body, trial, 0)]


def test_a_record_of_nothing_and_one_where_all_failed():
    """Queued, older than most keys, or failed throughout: a page, and it says what is not known."""
    text, _ = checked(of_sweep(stored({}))[0])
    assert "No claim: no trial has completed with a score (queued)" in text
    assert "This record holds no spec." in text
    header = {"metric": "f1", "direction": "maximize"}
    entries = [each for trial in range(3) for each in failing(trial, trial)]
    sweep = stored(header, *entries, Entry("state", 3.0, {"state": "failed", "reason": "all"}))
    text, words = checked(of_sweep(sweep)[0])
    assert "3 of 3 failed: out\\_of\\_memory: MemoryError: 12 GB" in words
    assert "Traceback of trial 0" in text


def test_failures_of_a_kind_say_what_they_share():
    """All deep ones ran out of memory, and no shallow one did."""
    header = {"metric": "f1", "direction": "maximize"}
    entries = [each for trial in range(4) for each in failing(trial, 40 + trial)]
    for trial in range(4, 12):
        asked = {"model": "m", "params": {"depth": trial, "kind": "x"}, "origin": "tpe"}
        body = {"state": "completed", "scores": {"f1": 0.1 * trial}, "folds": {"f1": [0.1, 0.2]}}
        entries += [Entry("asked", 1.0, asked, trial), Entry("ended", 2.0, body, trial, 0)]
    running = Entry("asked", 3.0, {"model": "m", "params": {"depth": 1, "kind": "x"}}, 12)
    _, words = checked(of_sweep(stored(header, *entries, running))[0])
    assert "all with depth 40 to 43, where 0 of 8 completed m trials lie" in words
    assert "1 waiting" in words


def test_by_command(quintain_cli, folder):
    """Files are written whole or not at all; notes are followed; the project is in order."""
    with Records.open() as store:
        first, second = (
            store.create("loans", {"metric": "f1", "direction": "maximize", "note": "why"})
            for _ in range(2)
        )
    said = quintain_cli.json("note", second, "look at depth")
    assert said["text"] == "look at depth"
    assert [each["text"] for each in quintain_cli.json("note", "loans")] == ["why", "look at depth"]
    assert "unknown sweep 'nowhere'" in quintain_cli("note", "nowhere", "x").stderr
    assert "an empty note" in quintain_cli("note", second, "  ").stderr
    done = quintain_cli("report", first, "--html", "page.html", "--md", "page.md")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrote page.html (0.0")
    assert (folder / "page.md").read_text().startswith("# loans-1\n")
    told = quintain_cli("report", "--project").stdout
    assert told.index("## loans-1") < told.index("## loans-2") < told.index("look at depth")
    assert quintain_cli("report", "--project", "--html", "all.html").returncode == 0
    assert quintain_cli("report").returncode == 2
    wrong = quintain_cli("report", first, "--html", "nowhere/page.html")
    assert wrong.returncode == 2
    assert "--html nowhere/page.html cannot be written" in wrong.stderr
    assert sorted(each.name for each in folder.iterdir() if each.name.startswith(".")) == []


def test_a_note_is_not_too_long(own_records):
    """What the service refuses, the store does too."""
    from quintain.notebook.notes import add

    sweep = stored({})
    with Records.open() as store, pytest.raises(QuintainError, match="are the most"):
        add(store, sweep, "x" * 10_001)
