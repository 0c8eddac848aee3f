"""A sweep by the command line, from init to report, with the drivers' accidents between."""

import signal

import pytest

RUN_KEYS = {
    "sweep", "state", "runner", "metric", "direction", "positive", "wall_s", "trial_counts", "best",
    "estimate", "baseline", "warnings", "resources", "refreshed", "varied",
    "front", "plan", "race", "known", "failures", "failed_roads", "records",
}  # fmt: skip
TRIAL_KEYS = {
    "trial", "state", "cause", "reason", "model", "params", "scores", "folds", "confusion",
    "wall_s", "queue_s", "start_s", "load_s", "fit_s", "score_s", "overhead_s", "cpu_s",
    "cores_used", "peak_mb", "bytes_read", "measuring_s", "rung", "attempt", "worker",
    "cached", "cached_from", "saved_cpu_s", "predict_ms_per_1k", "infeasible",
}  # fmt: skip


def test_own_data_in_three_commands(quintain_cli):
    """init, run and report work on a table the user brought."""
    (quintain_cli.folder / "loans.toml").unlink()
    made = quintain_cli("init", "loans.csv", "--target", "default")
    assert made.returncode == 0, made.stderr
    text = (quintain_cli.folder / "loans.toml").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 12
    (quintain_cli.folder / "loans.toml").write_text(text + "\n[search]\ntrials = 4\n")
    ran = quintain_cli.process("run", "loans.toml", "--runner", "local")
    assert ran.returncode == 0, ran.stderr
    assert "positive class: 1" in ran.stderr.splitlines()[0]
    reported = quintain_cli("report", "loans-1")
    assert reported.returncode == 0
    assert "positive class: 1" in reported.stdout.splitlines()[0]
    assert "0.5" in reported.stdout


def test_json_has_the_object_of_the_design(quintain_cli):
    """`run --json` prints one object with every key; trials add up; the best beats the baseline."""
    told = quintain_cli.process_json("run", "loans.toml", "--runner", "local")
    assert set(told) == RUN_KEYS
    assert told["state"] == "completed"
    assert told["trial_counts"]["completed"] == 6
    assert told["best"]["selection_score"] > told["baseline"]["score"]
    assert told["resources"]["overhead_s"] > 0
    assert told["resources"]["cpu_s"] > 0
    rows = quintain_cli.json("trials", told["sweep"])
    assert len(rows) == 6
    assert set(rows[0]) >= TRIAL_KEYS
    assert quintain_cli.json("show", told["sweep"]) == told
    assert quintain_cli.json("list")[0]["sweep"] == told["sweep"]
    assert quintain_cli.json("report", told["sweep"])["sweep"] == told["sweep"]


def test_ctrl_c_keeps_what_is_finished(quintain_cli):
    """One Ctrl-C: exit 130 within 10 s, finished trials stay, running ones are cancelled."""
    (quintain_cli.folder / "loans.toml").write_text(
        (quintain_cli.folder / "loans.toml").read_text().replace("trials = 6", "trials = 400")
    )
    done, seconds = quintain_cli.interrupted_in_mid_sweep(
        signal.SIGINT, "run", "loans.toml", "--runner", "local", "--json"
    )
    assert done.returncode == 130
    assert seconds < 10
    told = quintain_cli.json("show", "loans-1")
    assert told["state"] == "stopped"
    assert told["trial_counts"]["completed"] >= 2
    assert told["trial_counts"]["failed"] == 0
    table = (quintain_cli.folder / "loans.csv").read_text()
    (quintain_cli.folder / "loans.csv").write_text(table.rsplit("\n", 2)[0] + "\n")
    refused = quintain_cli("resume", "loans-1")
    assert refused.returncode == 2
    assert "has changed" in refused.stderr


@pytest.mark.parametrize("runner", ["local"])
def test_a_killed_driver_is_resumed_exactly(quintain_cli, runner):
    """SIGKILL in mid-sweep, resume: the budget adds up, each trial ended once, none repeats."""
    spec = quintain_cli.folder / "loans.toml"
    spec.write_text(spec.read_text().replace("trials = 6", "trials = 48"))
    quintain_cli.interrupted_in_mid_sweep(
        signal.SIGKILL, "run", "loans.toml", "--runner", runner, "--json"
    )
    before = {r["trial"]: r for r in quintain_cli.json("trials", "loans-1")}
    assert quintain_cli.json("show", "loans-1")["state"] == "interrupted"
    told = quintain_cli.json("resume", "loans-1")
    assert told["state"] == "completed"
    assert sum(told["trial_counts"][s] for s in ("completed", "pruned", "failed")) == 48
    after = quintain_cli.json("trials", "loans-1")
    assert len({(r["model"], str(r["params"])) for r in after}) == 48
    for row in after:
        if before.get(row["trial"], {}).get("state") == "completed":
            assert row == before[row["trial"]]
    again = quintain_cli("resume", "loans-1")
    assert again.returncode == 2
    assert "nothing to resume" in again.stderr


def test_a_living_driver_is_not_doubled(quintain_cli):
    """`resume` beside a running driver is refused and tells who runs it."""
    spec = quintain_cli.folder / "loans.toml"
    spec.write_text(spec.read_text().replace("trials = 6", "trials = 400"))
    refusals = []
    process = quintain_cli.start("run", "loans.toml", "--runner", "local", "--json")
    try:
        while quintain_cli.trials_ended("loans-1") < 1:
            assert process.poll() is None
        refusals.append(quintain_cli("resume", "loans-1"))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert refusals[0].returncode == 2
    assert str(process.pid) in refusals[0].stderr


def test_a_sweep_without_a_score_has_failed(quintain_cli):
    """When every trial fails the sweep fails with exit code 1, and the causes are grouped."""
    (quintain_cli.folder / "mine.py").write_text(
        "class Broken:\n"
        "    def __init__(self, x=1): self.x = x\n"
        "    def fit(self, X, y): raise RuntimeError('my own bug')\n"
        "    def predict(self, X): return X[:, 0]\n"
        "    def predict_proba(self, X): return X\n"
    )
    (quintain_cli.folder / "broken.toml").write_text(
        'name = "broken"\n[data]\nsource = "loans.csv"\ntarget = "default"\n[search]\ntrials = 20\n'
        '[[model]]\nestimator = "mine.py:Broken"\n[model.space]\nx = { int = [1, 90] }\n'
    )
    done = quintain_cli("run", "broken.toml", "--runner", "local")
    assert done.returncode == 1
    assert "my own bug" in done.stdout
    rows = quintain_cli.json("trials", "broken-1")
    assert {r["cause"] for r in rows if r["state"] == "failed"} == {"user_code"}
    failed = next(row["trial"] for row in rows if row["state"] == "failed")
    trace = quintain_cli("trials", "broken-1", "--traceback", failed)
    assert "RuntimeError: my own bug" in trace.stdout


def test_changed_code_is_not_mixed_with_the_old(quintain_cli):
    """A sweep whose model file was edited since is not resumed: its trials would not compare."""
    mine = quintain_cli.folder / "mine.py"
    mine.write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "def make(C=1.0): return LogisticRegression(C=C)\n"
    )
    (quintain_cli.folder / "own.toml").write_text(
        'name = "own"\n[data]\nsource = "loans.csv"\ntarget = "default"\n[search]\n'
        'trials = 3000\n[[model]]\nestimator = "mine.py:make"\n[model.space]\n'
        "C = { float = [0.001, 100.0], log = true }\n"
    )
    done, _ = quintain_cli.interrupted_in_mid_sweep(
        signal.SIGTERM, "run", "own.toml", "--runner", "local", sweep="own-1"
    )
    assert done.returncode == 130
    assert quintain_cli.json("show", "own-1")["state"] == "stopped"
    mine.write_text(mine.read_text() + "# changed\n")
    refused = quintain_cli("resume", "own-1")
    assert refused.returncode == 2
    assert "mine.py changed" in refused.stderr
