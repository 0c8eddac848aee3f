"""Other budgets, taking sweeps out, and what each user's took: of a store and of a service."""

import pytest

from quintain.upkeep import BudgetsError, NotOverError, delete, extend, prune, use_by_user
from search.entries import Entry


@pytest.fixture
def swept(records):
    """Makes sweeps of users: their state, and trials that took ten CPU seconds each."""

    def made(user, state, ended=0, failed=0):
        header = {"spec": {"name": "loans"}, "metric": "roc_auc", "budget": 9}
        sweep, _ = records.submissions.submit("loans", header, user)
        records.submissions.launch(sweep, "one")
        entries = [Entry("state", 1.0, {"state": "running"})]
        for number in range(ended):
            failure = {"cause": "numeric", "reason": "NaN"} if number < failed else {}
            body = {
                "state": "failed" if failure else "completed", "scores": {"roc_auc": 0.5},
                "folds": {"roc_auc": [0.5]}, "resources": {"wall_s": 5.0, "cpu_s": 10.0}, **failure,
            }  # fmt: skip
            asked = {"model": "m", "params": {}, "origin": "random"}
            entries += [
                Entry("asked", 1.0, asked, number, 0),
                Entry("started", 1.0, {"worker": "w"}, number, 0),
                Entry("ended", 2.0, body, number, 0),
            ]  # fmt: skip
        with records.acquire(sweep, "one") as lease:
            records.append(sweep, [*entries, Entry("state", 3.0, {"state": state})], lease)
        records.submissions.end(sweep, "launched")
        return sweep

    return made


def test_a_stopped_sweep_has_its_new_budget_when_it_goes_on(records, swept):
    """Its record tells it, who set it, and a completed one is refused."""
    sweep = swept("ada", "stopped")
    assert extend(records, sweep, "bob", 50, None)["state"] == "stopped"
    [entry] = [e for e in records.entries(sweep) if e.kind == "budgets"]
    assert entry.body == {"trials": 50, "timeout_s": None, "user": "bob"}
    with pytest.raises(BudgetsError, match="is completed"):
        extend(records, swept("ada", "completed"), "bob", 50, None)


def test_old_sweeps_are_taken_out_and_notes_stay(records, swept, monkeypatch):
    """Those that are over and old; a rehearsal only names them; what was sent for them goes too."""
    old, queued = swept("ada", "completed"), swept("ada", "stopped")
    records.submissions.again(queued, "ada")
    records.changes.add("ada", old, "note", {"text": "keep"})
    with pytest.raises(NotOverError, match="is queued: stop it first"):
        delete(records, queued, "ada")
    content = records.folder / "uploads" / "contents" / "ab"
    content.parent.mkdir(parents=True)
    content.write_text("x")
    monkeypatch.setattr("quintain.upkeep.UNNAMED_S", -10.0)
    assert [each["sweep"] for each in prune(records, -5.0, "ada", rehearse=True)] == [old]
    assert len(records.sweeps()) == 2
    assert [each["sweep"] for each in prune(records, -5.0, "ada", rehearse=False)] == [old]
    assert [each.id for each in records.sweeps()] == [queued]
    assert [n.body["text"] for n in records.changes.of(old, kinds=("note",))] == ["keep"]
    assert not content.exists()


def test_what_each_user_took(records, swept, client, quintain_cli):
    """Core-hours and the failed share, by command and by REST."""
    swept("ada", "completed", ended=4, failed=1)
    swept("bob", "completed", ended=2)
    told = use_by_user(records)
    assert [row["user"] for row in told] == ["ada", "bob"]
    assert told[0]["failed_share"] == 0.25
    assert told[0]["core_hours"] == pytest.approx(40 / 3600)
    assert client.get("/v1/use").json()["users"] == told
    assert quintain_cli.json("list", "--by", "user") == told
    assert "25.0%" in quintain_cli("list", "--by", "user").stdout


def test_by_command(quintain_cli, swept):
    """Extend and delete say what they did; a length of time that is none is refused."""
    sweep = swept("ada", "stopped")
    told = quintain_cli("extend", sweep, "--trials", "20", "--timeout", "1h30m")
    assert told.stdout == (
        f"{sweep} is stopped and has its new budgets: quintain resume {sweep} goes on\n"
    )
    assert quintain_cli("extend", sweep, "--timeout", "soon").returncode == 2
    assert quintain_cli.json("delete", sweep) == {"sweep": sweep, "state": "deleted"}
    assert quintain_cli.json("records", "prune", "--older", "90d") == []
