"""Any value of a parameter has a text in the record, and is found again under it."""

import json
import pickle

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from evaluators.vocabulary import Vocabulary, as_json, label

VALUES = [
    1, 1.0, True, "one", None, np.float64(0.1), np.int64(3), (1, 2), [1, [2, "x"]], np.nan, np.inf,
    {"a": (1,)}, {0: 1.0}, StandardScaler(), MinMaxScaler(), MinMaxScaler(), "StandardScaler()",
    len, np.arange(3), lambda x: x, lambda x: -x,
]  # fmt: skip


def test_what_is_written_is_strict_json_and_reads_as_the_same_object():
    """Also after a trip through a store, and in another process."""
    vocabulary = Vocabulary()
    vocabulary.learn("p", VALUES)
    texts = []
    for value in VALUES:
        told = json.loads(json.dumps(vocabulary.write({"p": value}), allow_nan=False))
        texts.append(json.dumps(told))
        found = vocabulary.read(told)["p"]
        assert found is value or (found == value and type(found) is type(value)), value
    assert len(set(texts)) == len(VALUES)
    simple = Vocabulary()
    simple.learn("p", VALUES[:-2])
    told = simple.write({"p": VALUES[4], "other": 2})
    assert pickle.loads(pickle.dumps(simple)).read(told) == {"p": None, "other": 2}
    far = pickle.loads(pickle.dumps(simple)).read(simple.write({"p": VALUES[13]}))["p"]
    assert isinstance(far, StandardScaler)


def test_texts_say_what_stands_there_without_addresses():
    """So that a second program finds the same words."""
    assert label(object()) == "<object object>"
    assert label(len) == "len"
    assert len(label("x" * 500)) == 120
    assert as_json(np.float32(0.5)) == 0.5
    assert as_json(float("nan")) is None
    vocabulary = Vocabulary()
    vocabulary.learn("p", [MinMaxScaler(), MinMaxScaler()])
    assert sorted(vocabulary._labels["p"].values()) == ["MinMaxScaler()", "MinMaxScaler() #2"]


def test_an_object_that_was_never_learnt_is_a_bug():
    """Nothing is written that could not be read."""
    with pytest.raises(KeyError, match="no known value"):
        Vocabulary().write({"p": object()})
