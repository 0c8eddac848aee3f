"""One hyperparameter at a time: steps from a trial, on folds that chose nothing."""
