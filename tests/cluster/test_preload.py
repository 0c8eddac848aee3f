"""What a worker of our own Ray imports as it starts."""

import os

from cluster import preload
from evaluators.model_table import libraries


def test_threads_are_set_and_what_is_missing_is_passed_over(monkeypatch):
    """What the user has set stays."""
    for name in preload.THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "5")
    preload.preload(preload.as_text(2, ["json", "no.such.module"]))
    assert [os.environ[name] for name in preload.THREADS] == ["2", "2", "5"]


def test_libraries_of_a_spec():
    """Of registered models and importable ones; a file of the user's is nobody's to import."""
    found = libraries(["xgboost", "mine.py:make", "lib.models:Model", "no_such", "xgboost"])
    assert found == ("evaluators.binned_xgboost", "lib.models")
