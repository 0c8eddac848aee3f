"""The REST surface over a real port: who may ask what, what is answered. No driver runs here."""

import json
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from quintain.service.app import BODY_BYTES
from quintain.service.settings import ServiceError, Settings, refuse_unsafe
from quintain.service.webhook import Webhook
from search.entries import Entry

SPEC = {
    "name": "loans", "data": {"source": "loans.csv", "target": "default"},
    "search": {"trials": 6}, "model": [{"estimator": "logistic_regression"}],
}  # fmt: skip


@pytest.fixture
def ask(folder):
    """What a client sends for the table of the folder."""
    return lambda **more: {"spec": SPEC, "folder": str(folder), **more}


def error(answer, status, code):
    """The one shape, and nothing else."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    told = answer.json()["error"]
    assert list(told) == ["code", "message", "problems"]
    assert told["code"] == code
    return told


def test_a_sweep_is_queued_and_answered_at_once(client, ask):
    """201 with its id; the same key again is 200 and the same sweep; another spec under it 409."""
    key = {"Idempotency-Key": "once"}
    first = client.post("/v1/sweeps", json=ask(), headers=key)
    assert (first.status_code, first.json()["sweep"]) == (201, "loans-1")
    assert first.headers["location"] == "/v1/sweeps/loans-1"
    for _ in range(4):
        again = client.post("/v1/sweeps", json=ask(), headers=key)
        assert (again.status_code, again.json()["sweep"]) == (200, "loans-1")
    error(client.post("/v1/sweeps", json=ask(priority=3), headers=key), 409, "key_used")
    assert [row["sweep"] for row in client.get("/v1/sweeps").json()["sweeps"]] == ["loans-1"]
    shown = client.get("/v1/sweeps/loans").json()
    assert (shown["sweep"], shown["state"], shown["user"]) == ("loans-1", "queued", "local")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"data": {"source": "gone.csv", "target": "y"}}, "$.data.source: there is no file"),
        ({"search": {"trails": 6}}, "$.search.trails"),
        ({"data": {"source": "s3://key:secret@bucket/x.csv", "target": "y"}}, "$.data.source: a s"),
        ({"note": "token ghp_0123456789abcdefghij"}, "$.note: a secret"),
    ],
)
def test_a_spec_that_cannot_run_leaves_nothing(client, ask, records, change, place):
    """422 with each mistake at its place, and no half a sweep; a secret is not repeated."""
    told = error(client.post("/v1/sweeps", json=ask(spec={**SPEC, **change})), 422, "bad_spec")
    assert told["problems"][0].startswith(place)
    assert "ghp_" not in json.dumps(told)
    assert "key:secret" not in json.dumps(told)
    assert records.sweeps() == []


def test_files_lie_below_the_data_roots(client_of, ask, folder, tmp_path):
    """Neither a path from outside nor one that climbs out, nor a URL of this machine, is read."""
    inside = folder / "inside"
    inside.mkdir()
    (inside / "loans.csv").write_bytes((folder / "loans.csv").read_bytes())
    (inside / "link.csv").symlink_to(folder / "loans.csv")
    client = client_of(data_roots=(inside,))
    for source in ("../loans.csv", str(folder / "loans.csv"), "link.csv"):
        spec = {**SPEC, "data": {"source": source, "target": "default"}}
        told = error(
            client.post("/v1/sweeps", json={"spec": spec, "folder": str(inside)}), 422, "bad_spec"
        )
        assert "outside of what the service may read" in told["problems"][0]
    for source in (f"file://{folder}/loans.csv", f"simplecache::file://{folder}/loans.csv"):
        spec = {**SPEC, "data": {"source": source, "target": "default"}}
        error(client.post("/v1/sweeps", json=ask(spec=spec)), 422, "bad_spec")
    sent = client.post("/v1/sweeps", json={"spec": SPEC, "folder": str(inside)})
    assert sent.status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/sweeps/nobody-7", None, 404, "unknown_sweep"),
        ("GET", "/v1/sweeps/nobody-7/events", None, 404, "unknown_sweep"),
        ("GET", "/v1/nothing", None, 404, "not_found"),
        ("PUT", "/v1/sweeps", None, 405, "method_not_allowed"),
        ("POST", "/v1/sweeps", {}, 422, "bad_request"),
        ("POST", "/v1/sweeps", {"spec": {}, "folder": "here"}, 422, "bad_spec"),
        ("GET", "/v1/sweeps?limit=0", None, 422, "bad_request"),
        ("GET", "/v1/sweeps?after=xyz", None, 422, "bad_cursor"),
        ("GET", "/v1/sweeps?after=WyJhIl0", None, 422, "bad_cursor"),
    ],
)
def test_every_error_has_the_one_shape(client, ask, method, path, body, status, code):
    """Whatever is wrong, a program finds the same three keys."""
    client.post("/v1/sweeps", json=ask())
    error(client.request(method, path, json=body), status, code)


def test_a_body_has_an_end(client):
    """A request of more than two megabytes is refused while it is read."""
    error(client.post("/v1/sweeps", content=b"x" * (BODY_BYTES + 1)), 413, "too_large")


def test_pages_hold_each_sweep_once(client, ask, records):
    """Filter, sort and page: every sweep once, in order, whatever the size of a page."""
    for number in range(7):
        client.post("/v1/sweeps", json=ask(priority=number % 3))
    records.submissions.end("loans-3", "waiting", ("stopped", "enough"))

    def read(limit, **query):
        found, after = [], None
        while True:
            more = {} if after is None else {"after": after}
            page = client.get("/v1/sweeps", params={"limit": limit, **query, **more}).json()
            assert len(page["sweeps"]) <= limit
            found += page["sweeps"]
            after = page["next"]
            if after is None:
                return [row["sweep"] for row in found]

    newest = [f"loans-{n}" for n in range(7, 0, -1)]
    assert read(3) == read(7) == read(1) == newest
    assert read(2, sort="created") == newest[::-1]
    assert read(2, state="stopped") == ["loans-3"]
    assert read(2, sort="-priority")[:2] == ["loans-6", "loans-3"]
    assert read(2, user="nobody") == []


def test_many_clients_at_once(client, ask):
    """20 clients hand in 100 sweeps, each request sent twice: 100 sweeps, each of its own id."""

    def hand_in(number):
        with httpx.Client(base_url=client.base_url, timeout=60) as mine:
            sent = [
                mine.post("/v1/sweeps", json=ask(), headers={"Idempotency-Key": f"{number}-{turn}"})
                for turn in (*range(5), *range(5))
            ]
        assert [answer.status_code for answer in sent] == [201] * 5 + [200] * 5
        return {answer.json()["sweep"] for answer in sent}

    with ThreadPoolExecutor(20) as pool:
        ids = [sweep for found in pool.map(hand_in, range(20)) for sweep in found]
    assert sorted(ids) == sorted(f"loans-{n}" for n in range(1, 101))
    assert client.get("/v1/capacity").json()["waiting"] == 100


def test_trials_in_pages(client, ask, records):
    """Rows as `quintain trials --json` has them; the best first on request, those unscored last."""
    client.post("/v1/sweeps", json=ask())
    entries = [Entry("asked", 1.0, {"model": "m", "params": {"x": n}}, n) for n in range(5)]
    for trial in range(4):
        body = {"state": "completed", "scores": {"roc_auc": [0.5, 0.9, 0.7, 0.6][trial]}}
        entries.append(Entry("ended", 2.0, {**body, "folds": {}, "resources": {}}, trial, 0))
    with records.acquire("loans-1") as lease:
        header = {**records.header("loans-1"), "metric": "roc_auc", "direction": "maximize"}
        records.settle(lease, header)
        records.append("loans-1", entries, lease)
    page = client.get("/v1/sweeps/loans/trials", params={"sort": "score", "limit": 3}).json()
    assert [row["trial"] for row in page["trials"]] == [1, 2, 3]
    rest = client.get(
        "/v1/sweeps/loans/trials", params={"sort": "score", "after": page["next"]}
    ).json()
    assert [row["trial"] for row in rest["trials"]] == [0, 4]
    done = client.get("/v1/sweeps/loans/trials", params={"state": "completed", "limit": 9}).json()
    assert len(done["trials"]) == 4


def test_what_waits_is_stopped_at_once_and_resumed(client, ask, records):
    """A stop of a waiting sweep takes effect in its answer; resume queues it again; delete ends."""
    client.post("/v1/sweeps", json=ask())
    error(client.delete("/v1/sweeps/loans-1"), 409, "not_over")
    assert client.post("/v1/sweeps/loans-1/stop").json()["state"] == "stopped"
    assert client.post("/v1/sweeps/loans-1/stop").json()["state"] == "stopped"
    assert client.patch("/v1/sweeps/loans-1", json={"trials": 8}).json()["state"] == "stopped"
    assert [e.body["trials"] for e in records.entries("loans-1") if e.kind == "budgets"] == [8]
    assert client.post("/v1/sweeps/loans-1/resume").json()["state"] == "queued"
    assert client.patch("/v1/sweeps/loans-1", json={"trials": 9}).status_code == 200
    error(client.patch("/v1/sweeps/loans-1", json={}), 422, "no_budget")
    client.post("/v1/sweeps/loans-1/notes", json={"text": "keep this"})
    client.post("/v1/sweeps/loans-1/stop")
    assert client.delete("/v1/sweeps/loans-1").json()["state"] == "deleted"
    error(client.get("/v1/sweeps/loans-1"), 404, "unknown_sweep")
    assert client.get("/v1/sweeps/loans-1/notes").json()["notes"][0]["text"] == "keep this"
    told = client.get("/v1/sweeps/loans-1/changes").json()["changes"]
    assert [change["kind"] for change in told] == [
        "submit", "stop", "budgets", "resume", "budgets", "note", "stop", "delete",
    ]  # fmt: skip
    assert {change["user"] for change in told} == {"local"}


def test_a_webhook_hears_of_the_end(client_of, ask):
    """Refused once, it is told again: which sweep, how it ended, whose it was; and only once."""
    told, answers = queue.Queue(), [500, 200, 200]

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0))
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as hook:
        threading.Thread(target=hook.serve_forever).start()
        url = f"http://127.0.0.1:{hook.server_port}/"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Webhook.__init__, "__defaults__", (0.01,))
            client = client_of(webhook=url)
        client.post("/v1/sweeps", json=ask())
        for _ in range(2):
            client.post("/v1/sweeps/loans-1/stop", json={"reason": "enough"})
        first, second = told.get(timeout=10), told.get(timeout=10)
        hook.shutdown()
    assert first == second
    assert (first["sweep"], first["state"], first["user"]) == ("loans-1", "stopped", "local")
    assert first["reason"] == "enough"
    assert answers == [200]


def test_who_may_what(client, ask, records):
    """Without a token nothing; read reads, submit changes its own, admin changes all."""
    tokens = {role: records.users.add(role, role, "test") for role in ("read", "submit", "admin")}
    other = records.users.add("other", "submit", "test")
    error(client.get("/v1/sweeps"), 401, "no_token")
    assert client.get("/v1/sweeps").headers["www-authenticate"] == "Bearer"
    error(client.get("/v1/sweeps", headers={"Authorization": "Bearer qtn_x"}), 401, "wrong_token")

    def ask_as(token, method, path, **more):
        return client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **more)

    error(ask_as(tokens["read"], "POST", "/v1/sweeps", json=ask()), 403, "role")
    assert ask_as(tokens["submit"], "POST", "/v1/sweeps", json=ask()).status_code == 201
    assert ask_as(tokens["read"], "GET", "/v1/sweeps/loans-1").json()["user"] == "submit"
    error(ask_as(other, "POST", "/v1/sweeps/loans-1/stop"), 403, "not_yours")
    assert ask_as(tokens["admin"], "POST", "/v1/sweeps/loans-1/stop").status_code == 200
    assert [change.user for change in records.changes.of("loans-1")] == ["submit", "admin"]
    assert client.get("/health").status_code == 200
    error(client.get("/metrics"), 401, "no_token")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8700"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_is_not_answered(client, ask, headers):
    """Without users a browser on this machine is no way in: not by a rebound name either."""
    error(client.post("/v1/sweeps", json=ask(), headers=headers), 403, "not_local")


def test_events_end_with_the_sweep(client, ask, records):
    """A stream has every entry with its number, goes on after one, and ends with the sweep."""
    client.post("/v1/sweeps", json=ask())
    records.append("loans-1", [Entry("warning", 1.0, {"code": "c", "message": "m"})])
    client.post("/v1/sweeps/loans-1/stop")
    told = client.get("/v1/sweeps/loans-1/events").text
    pieces = [dict(line.split(": ", 1) for line in piece.splitlines())
              for piece in told.strip().split("\n\n")]  # fmt: skip
    assert [piece["event"] for piece in pieces] == ["entry", "entry", "end"]
    assert json.loads(pieces[0]["data"])["kind"] == "warning"
    rest = client.get("/v1/sweeps/loans-1/events", headers={"Last-Event-ID": pieces[0]["id"]}).text
    assert [line for line in rest.splitlines() if line.startswith("id:")] == [
        f"id: {pieces[1]['id']}"
    ]


def test_metrics_and_health(client, ask):
    """What Prometheus reads counts the sweeps and the answers."""
    client.post("/v1/sweeps", json=ask())
    lines = client.get("/metrics").text.splitlines()
    assert 'quintain_sweeps{state="queued"} 1' in lines
    assert "quintain_queue_waiting 1" in lines
    assert 'quintain_requests_total{method="POST",route="/v1/sweeps",status="201"} 1' in lines
    assert client.get("/ready").json() == {"status": "ready"}
    told = client.get("/v1/capacity").json()
    assert (told["waiting"], told["running"]) == (1, 0)
    assert told["nodes"][0]["cores"] >= 1


def test_the_openapi_document_names_every_route(client):
    """Each route is there with the error shape."""
    told = client.get("/openapi.json").json()
    assert set(told["paths"]["/v1/sweeps/{sweep}"]) == {"get", "patch", "delete"}
    for path in told["paths"].values():
        for operation in path.values():
            assert operation["responses"]["404"]["content"]["application/json"]["schema"][
                "$ref"
            ].endswith("ErrorAnswer")


@pytest.mark.parametrize(
    ("settings", "users", "said"),
    [
        (Settings(host="0.0.0.0"), 0, "make a user first"),
        (Settings(host="::"), 1, "--tls-cert"),
        (Settings(behind_proxy=True), 0, "make a user first"),
    ],
)
def test_the_network_is_not_reached_by_accident(settings, users, said):
    """Other machines are answered only with users, and with TLS here or in front."""
    with pytest.raises(ServiceError, match=said):
        refuse_unsafe(settings, users)


@pytest.mark.parametrize(
    ("settings", "users"),
    [
        (Settings(), 0),
        (Settings(host="::1"), 0),
        (Settings(host="0.0.0.0", behind_proxy=True), 1),
        (Settings(host="10.0.0.7", tls=("cert", "key")), 1),
    ],
)
def test_what_is_safe_starts(settings, users):
    """Nobody but this machine, or TLS and users: neither is refused."""
    refuse_unsafe(settings, users)


def test_the_notebook_of_a_service(client, ask, quintain_cli, folder):
    """Notes go there and come back; a page is made of the record that the service gives."""
    client.post("/v1/sweeps", json=ask())
    at = ("--service", str(client.base_url).rstrip("/"))
    assert quintain_cli.json("note", "loans", "from afar", *at)["text"] == "from afar"
    assert [each["text"] for each in quintain_cli.json("note", "loans", *at)] == ["from afar"]
    done = quintain_cli("report", "loans-1", "--html", "far.html", *at)
    assert done.returncode == 0, done.stderr
    text = (folder / "far.html").read_text()
    assert "from afar" in text
    assert "No claim: no trial has completed with a score (queued)" in text
    assert quintain_cli("report", "--project", *at).returncode == 2
