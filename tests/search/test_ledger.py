"""How many looks are used up, and what the next one is answered."""

from dataclasses import replace

import numpy as np
import pytest

from evaluators.fingerprint import mixed
from evaluators.metrics import resolve
from search.ledger import (
    LockedRows,
    Submission,
    answer,
    budget,
    holdout_of,
    packed,
    unpacked,
    used,
)
from search.records import LookRecord

AUC, F1, LOSS = (resolve(name, binary=True) for name in ("roc_auc", "f1", "log_loss"))
ROWS = 800
EVERY = np.sort(mixed(np.arange(ROWS, dtype=np.uint64)))
TARGET = np.random.default_rng(0).integers(0, 2, ROWS)


def rows(part=slice(None)) -> LockedRows:
    """Some of 800 rows, half of them of each class."""
    return LockedRows(EVERY[part], TARGET[part], ("no", "yes"), "bought")


def model(skill: float, seed: int = 1, part=slice(None), **other) -> Submission:
    """Probabilities that know the truth by ``skill``."""
    noise = np.random.default_rng(seed).normal(size=ROWS)
    output = (1 / (1 + np.exp(-(skill * (2 * TARGET - 1) + noise))))[part].astype(np.float32)
    labels = (output > 0.5).astype(np.int64)
    return replace(Submission(output.astype(float), "proba", labels, ("no", "yes")), **other)


class Ledger:
    """Looks as a store would keep them."""

    def __init__(self):
        self.looks, self.rows = [], {}

    def ask(self, metric, test, submission):
        found = answer(metric, test, submission, self.looks, self.rows)
        locked = holdout_of(test.identities, "columns", "a-1")
        self.rows[locked.digest] = unpacked(locked.identities)
        data = submission.to_bytes()
        seq, body = len(self.looks) + 1, {"target": test.name}
        self.looks.append(LookRecord(seq, locked.digest, "a-1", 0.0, body, data))
        return found

    def used(self, test):
        return used(test.identities, self.looks, self.rows)


def exact(metric, test, submission):
    return Ledger().ask(metric, test, submission).exact


def test_identities_and_outputs_come_back():
    """What is stored of rows and of a model's answers is what was stored."""
    np.testing.assert_array_equal(unpacked(packed(EVERY[::-1])), EVERY)
    several = np.random.default_rng(0).random((50, 3)).astype(np.float32).astype(float)
    for each in (
        model(1.0),
        Submission(several, "proba", several.argmax(axis=1), ("a", "b", "c"), (0.5, 0.0, -0.5)),
    ):
        again = Submission.from_bytes(each.to_bytes(), len(each.labels))
        np.testing.assert_array_equal(again.output, each.output)
        np.testing.assert_array_equal(again.labels, each.labels)
        assert (again.kind, again.classes, again.shift) == (each.kind, each.classes, each.shift)


def test_the_first_look_is_answered_exactly():
    """By the model's own score, at 95%."""
    found = Ledger().ask(AUC, rows(), model(0.5))
    assert (found.look, found.told, found.interval.level) == (1, True, 0.95)
    assert found.score == found.exact
    assert found.interval.low < found.score < found.interval.high


def test_later_looks_climb_the_ladder():
    """A like model is answered by the best so far, a clearly better one by its rounded score."""
    ledger = Ledger()
    first = ledger.ask(AUC, rows(), model(0.5))
    like = ledger.ask(AUC, rows(), model(0.5, seed=2))
    assert (like.look, like.told, like.score) == (2, False, first.score)
    assert like.interval.level == 0.975
    assert like.interval.low < first.interval.low < first.interval.high < like.interval.high
    better = ledger.ask(AUC, rows(), model(1.5, seed=3))
    assert (better.look, better.told) == (3, True)
    assert better.score == round(better.exact * ROWS) / ROWS
    assert ledger.ask(AUC, rows(), model(0.5)).score == better.score


@pytest.mark.parametrize("metric", [F1, LOSS])
def test_another_metric_is_no_way_round(metric):
    """A look by one metric is a look for all: the best so far is found by the metric asked for."""
    ledger = Ledger()
    ledger.ask(AUC, rows(), model(0.5))
    found = ledger.ask(metric, rows(), model(0.5, seed=2))
    assert (found.look, found.told) == (2, False)
    assert found.score == exact(metric, rows(), model(0.5))


def test_new_rows_bring_fresh_looks():
    """A look uses up the share of the rows that it saw, rounded up over all looks."""
    ledger = Ledger()
    old, half, new = rows(slice(0, 400)), rows(slice(200, 600)), rows(slice(400, 800))
    ledger.ask(AUC, old, model(0.5, part=slice(0, 400)))
    ledger.ask(AUC, old, model(0.5, part=slice(0, 400)))
    assert [ledger.used(test) for test in (old, rows(), half, new)] == [2, 1, 1, 0]
    found = ledger.ask(AUC, new, model(0.1, part=slice(400, 800)))
    assert (found.look, found.told, found.score) == (1, True, found.exact)


def test_partly_new_rows_are_compared_on_the_old_ones():
    """A model that is no better where both were scored is answered by the best so far there."""
    ledger = Ledger()
    part = slice(200, 600)
    ledger.ask(AUC, rows(slice(0, 400)), model(0.5, part=slice(0, 400)))
    found = ledger.ask(AUC, rows(part), model(0.5, seed=2, part=part))
    assert (found.look, found.told) == (2, False)
    both = slice(200, 400)
    assert found.score == pytest.approx(exact(AUC, rows(both), model(0.5, part=both)))
    better = ledger.ask(AUC, rows(part), model(2.0, seed=3, part=part))
    assert better.told
    assert better.score == pytest.approx(better.exact, abs=1 / 400)


@pytest.mark.parametrize("metric", [AUC, F1, LOSS])
def test_the_other_label_may_be_the_positive_one(metric):
    """A sweep that looks for the other class meets the same outputs, turned round."""
    ledger = Ledger()
    shift = (0.3, -0.2)
    ledger.ask(metric, rows(), model(0.5, shift=shift))
    turned = LockedRows(EVERY, 1 - TARGET, ("yes", "no"), "bought")
    plain = model(0.5, seed=2)
    other = Submission(1 - plain.output, "proba", 1 - plain.labels, ("yes", "no"))
    found = ledger.ask(metric, turned, other)
    mine = model(0.5)
    same = Submission(1 - mine.output, "proba", 1 - mine.labels, ("yes", "no"), shift[::-1])
    assert (found.look, found.told) == (2, False)
    assert found.score == pytest.approx(exact(metric, turned, same))


def test_another_target_uses_up_a_look_but_is_not_compared():
    """Outputs for another column say nothing of this one's ladder."""
    ledger = Ledger()
    ledger.ask(AUC, replace(rows(), name="returned"), model(3.0))
    found = ledger.ask(AUC, rows(), model(0.5, seed=2))
    assert found.told is None, "there was nothing to be better than"
    assert found.score == round(found.exact * ROWS) / ROWS


def test_the_first_look_sets_the_limit_for_all():
    """A later spec may ask for fewer looks at the same rows, not for more; new rows are free."""
    half, other = slice(0, 400), slice(400, 800)
    rows_of = {"a": EVERY[half]}
    body = {"look": 1, "remaining": 9, "target": "bought"}
    looks = [LookRecord(1, "a", "a-1", 0.0, body, model(1.0, part=half).to_bytes())]
    assert budget(EVERY[half], looks, rows_of, 100) == 10
    assert budget(EVERY[half], looks, rows_of, 3) == 3
    assert budget(EVERY[other], looks, rows_of, 100) == 100


def test_an_answer_says_how_many_rows_it_rests_on():
    """The best so far was asked about half the rows: told again, it still rests on those."""
    ledger, half = Ledger(), slice(0, 400)
    ledger.ask(AUC, rows(half), model(2.0, part=half))
    found = ledger.ask(AUC, rows(), model(0.1, seed=2))
    assert not found.told
    assert found.rows == 400
    assert exact(AUC, rows(half), model(2.0, part=half)) == pytest.approx(found.score, abs=1 / 400)
