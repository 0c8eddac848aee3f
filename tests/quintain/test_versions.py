"""Model versions: kept without pickle, under clear names, and the same when they come back."""

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

import quintain
from evaluators.errors import QuintainError
from evaluators.refit import refit
from evaluators.types import Configuration
from quintain.prepare import prepare
from quintain.versions.fitted_file import CARD, MODEL, read, written
from quintain.versions.saving import library_of
from search.spec import read_spec

SMALL = {
    "random_forest": {"n_estimators": 5}, "hist_gradient_boosting": {"max_iter": 5},
    "xgboost": {"n_estimators": 5}, "lightgbm": {"n_estimators": 5},
}  # fmt: skip


def table(numbers=False, rows=150):
    rng = np.random.default_rng(0)
    made = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["a", "b"])
    made["c"] = rng.choice(["x", "y", "z"], rows)
    value = made["a"] + rng.normal(size=rows)
    made.loc[:9, "b"] = np.nan
    made["y"] = value if numbers else np.where(value > 0.5, "yes", "no")
    return made


@pytest.mark.parametrize(
    ("estimator", "numbers", "params"),
    [
        ("logistic_regression", False, {"class_weight": "balanced"}), ("linear_svm", False, {}),
        ("gaussian_nb", False, {}), ("knn", False, {}), ("ridge", True, {}), ("knn", True, {}),
        *((name, numbers, {}) for name in SMALL for numbers in (False, True)),
    ],
)  # fmt: skip
def test_what_comes_back_predicts_the_same(estimator, numbers, params, tmp_path):
    """To the last bit, a level never seen included; probabilities with their shares set right."""
    if estimator == "lightgbm":
        pytest.importorskip("lightgbm")
    rows = table(numbers)
    rows.to_csv(tmp_path / "t.csv", index=False)
    model = {"estimator": estimator, "params": SMALL.get(estimator, {}) | params}
    data = {"source": str(tmp_path / "t.csv"), "target": "y"}
    prepared = prepare(read_spec({"name": "t", "data": data, "model": [model]}))
    fitted = refit(prepared.assignment, prepared.dataset, Configuration(estimator, {}), 0.3)
    back, card = read(written(fitted, {"a": 1}), "t/v1")
    odd = rows.assign(c=rows["c"].where(rows.index % 7 > 0, "never seen"))
    assert np.array_equal(back.predict(odd), fitted.predict(odd))
    if not numbers and hasattr(fitted.model, "predict_proba"):
        assert np.array_equal(back.predict_proba(odd), fitted.predict_proba(odd))
    assert (card["a"], back.threshold, back.classes) == (1, 0.3, fitted.classes)
    expected = {"xgboost": "xgboost", "lightgbm": "lightgbm"}.get(estimator, "scikit-learn")
    assert library_of(fitted.model.model) == expected


def test_by_command(quintain_cli, folder):
    """Saved, listed, used; the card tells what is claimed and that locked rows were not used."""
    quintain_cli.json("run", "loans.toml", "--runner", "inline")
    saved = quintain_cli.json("model", "save", "loans")
    assert saved["version"] == "loans-1/v1"
    assert quintain_cli.json("model", "save", "loans-1")["version"] == "loans-1/v2"
    shown = quintain_cli.json("show", "loans-1")
    assert saved["estimate"]["score"] == shown["estimate"]["score"]
    assert saved["data"]["fitted_on_holdout"] is False
    assert saved["data"]["rows_fitted"] == 600 - (saved["data"]["rows_locked"] or 0)
    listed = quintain_cli.json("model", "list")
    assert [each["version"] for each in listed] == ["loans-1/v1", "loans-1/v2"]
    assert "loans-1/v2" in quintain_cli("model", "list", "loans").stdout
    told = quintain_cli("model", "predict", "loans", "loans.csv", "--output", "p.csv", "--proba")
    assert told.stdout == "wrote 600 predictions to p.csv\n"
    frame = pd.read_csv(folder / "loans.csv")
    version = quintain.load_model("loans-1/v1")
    answers = pd.read_csv(folder / "p.csv")
    assert (answers["prediction"].astype(str) == version.predict(frame)).all()
    assert np.allclose(answers["proba_1"], version.predict_proba(frame)[:, 1])
    by_file = quintain.load_model(saved["file"])
    assert (by_file.predict(frame) == version.predict(frame)).all()
    assert version.card["library"] in ("scikit-learn",)
    lacking = frame.drop(columns="income")
    with pytest.raises(QuintainError, match="lacks 1 columns"):
        version.predict(lacking)
    for arguments, words in (
        (("predict", "loans-1/v7", "loans.csv"), "loans-1 has no version v7; it has v1, v2"),
        (("predict", "loans", "nowhere.csv"), "nowhere.csv"),
        (("save", "nobody"), "unknown sweep 'nobody'"),
    ):
        refused = quintain_cli("model", *arguments)
        assert refused.returncode == 2
        assert words in refused.stderr
    _refused_when_changed(saved["file"])
    (folder / "loans.csv").write_text((folder / "loans.csv").read_text() + "1,2,3,Ulm,0\n")
    assert "has changed" in quintain_cli("model", "save", "loans").stderr


def _refused_when_changed(file):
    """Another library version, another model than the card's, no file of ours."""
    with zipfile.ZipFile(file) as packed:
        card, model = json.loads(packed.read(CARD)), packed.read(MODEL)
    older = {**card, "versions": {**card["versions"], "scikit-learn": "1.2.0"}}
    for told, content, words in (
        (older, model, "saved with scikit-learn 1.2.0"), (card, model + b"!", "is damaged"),
        ({**card, "format": 99}, model, "newer quintain"), ([], model, "no model of quintain's"),
    ):  # fmt: skip
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr(CARD, json.dumps(told))
            packed.writestr(MODEL, content)
        with pytest.raises(QuintainError, match=words):
            quintain.load_model(file)


class Strange:
    """No type that anybody lists."""

    def predict(self, values):
        return np.zeros(len(values))


def test_a_type_that_nobody_lists_is_neither_stored_nor_read():
    """A user's own class would have to be run by whoever reads it."""
    import hashlib

    import skops.io

    from evaluators.number_model import NumberModel
    from evaluators.preprocess import AsItIs
    from evaluators.refit import FittedModel

    fitted = FittedModel(NumberModel("own", Strange(), AsItIs(), 1), (), ())
    with pytest.raises(QuintainError, match=r"cannot be stored safely: it holds .*Strange"):
        written(fitted, {})
    model = skops.io.dumps({"estimator": Strange()})
    card = {"format": 1, "sha256": hashlib.sha256(model).hexdigest()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(CARD, json.dumps(card))
        packed.writestr(MODEL, model)
    with pytest.raises(QuintainError, match=r"cannot be read: .*Strange"):
        read(file.getvalue(), "x/v1")
