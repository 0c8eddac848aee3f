"""One import changed: a grid search of scikit-learn's, recorded, with its cost and an estimate.

Run it with ``python examples/searchcv.py``; kill it and run it again, and it goes on.
"""

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from quintain import GridSearchCV  # was: from sklearn.model_selection import GridSearchCV

X, y = load_breast_cancer(return_X_y=True)
search = GridSearchCV(
    make_pipeline(StandardScaler(), SVC()),
    param_grid={"svc__C": [0.1, 1, 10, 100], "svc__gamma": [0.001, 0.01, 0.1]},
    scoring="roc_auc",
    n_jobs=2,
)
search.fit(X, y)

columns = ["param_svc__C", "param_svc__gamma", "mean_test_score", "cpu_s", "peak_mb", "state"]
table = pd.DataFrame(search.cv_results_).sort_values("rank_test_score")[columns]
print(table.head(3).to_string(index=False))
print(f"best of {len(table)} on the folds that chose it: {search.best_score_:.4f} (optimistic)")
told = search.estimate_
print(f"each fold by the winner of the others: {told.score:.4f} [{told.low:.4f}, {told.high:.4f}]")
print(f"quintain report {search.sweep_.sweep}")
