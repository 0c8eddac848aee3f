"""Sweeps in the forms of other programs: tables, Optuna studies, MLflow runs."""
