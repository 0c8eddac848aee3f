"""The REST surface, asked by schemathesis along its own OpenAPI document: whatever comes, no 5xx.

Its own checks say whether an answer is one that the document names: status, content type, schema
(of a refusal: the one error shape, and nothing else), 405 with what is allowed. Requests that the
document calls wrong are refused, those that it calls right are not.
"""

import contextlib
from pathlib import Path

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig

from quintain.service.app import create_app
from quintain.service.settings import Settings
from search.entries import Entry
from search.records import Records
from search.users import digest, new_token

HEADER = {"spec": {"name": "loans"}, "metric": "roc_auc", "budget": 3}

#: Requests of the right form that may be refused with 422 all the same, and why: a spec has rules
#: between its keys, a cursor was given by the service, names of files lie below one folder, a
#: content is what its digest says, a driver's call takes the arguments of a statement.
MAY_BE_REFUSED = [
    "POST /v1/sweeps", "GET /v1/sweeps", "GET /v1/sweeps/{sweep}/trials",
    "POST /v1/uploads/missing", "PUT /v1/uploads/{digest}", "POST /v1/driver/{method}",
]  # fmt: skip

#: Answered without a token.
OPEN = ("/health", "/ready")


def document(**parameters):
    """The API as its document has it; ``parameters`` of paths are always these."""
    config = {
        "seed": 7,
        "parameters": {f"path.{name}": value for name, value in parameters.items()},
        "generation": {"max-examples": 12, "deterministic": True, "database": "none"},
        "operations": [
            {
                "include-name": MAY_BE_REFUSED,
                "checks": {"positive_data_acceptance": {
                    "expected-statuses": ["2xx", "401", "403", "404", "409", "422"]
                }},
            }
        ],
    }  # fmt: skip
    nowhere = Records.open(str(Path(__file__).with_suffix(".db")), create=False)
    told = create_app(Settings(), nowhere).openapi()
    return schemathesis.openapi.from_dict(told, config=SchemathesisConfig.from_dict(config))


# the stream of events is left out: it has no end while a sweep runs
REST = document().exclude(path_regex="/events$")
OF_A_SWEEP = document(sweep="loans-1").exclude(path_regex="/events$")
OF_DRIVERS = document().exclude(path_regex="^/(?!v1/driver/)")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Makes stores; with a sweep in them whose driver lives, or with none."""
    with contextlib.ExitStack() as stack:

        def made(with_a_sweep):
            path = tmp_path_factory.mktemp("store") / "records.db"
            records = stack.enter_context(Records.open(str(path)))
            if with_a_sweep:
                records.submissions.submit("loans", HEADER, "local")
                lease = stack.enter_context(records.acquire("loans-1"))
                records.append("loans-1", [Entry("state", 1.0, {"state": "running"})], lease)
            return records

        yield made


@pytest.fixture(scope="module")
def empty_service(served, store):
    """The address of a service without a sweep."""
    return str(served(store(False)).base_url)


@pytest.fixture(scope="module")
def busy_service(served, store):
    """The address of one whose sweep runs."""
    return str(served(store(True)).base_url)


@pytest.fixture(scope="module")
def closed_service(served, store):
    """One that wants a token: its address, and its store."""
    records = store(True)
    records.users.add("ada", "admin", "test")
    return str(served(records).base_url), records


@pytest.fixture(scope="module")
def driven_service(served, store):
    """One that a driver on a cluster posts to: its address, and the driver's token."""
    records, token = store(True), new_token()
    records.submissions.launch("loans-1", "launch", digest(token))
    return str(served(records).base_url), token


@REST.parametrize()
def test_nothing_that_is_asked_of_an_empty_store_breaks_it(case, empty_service):
    """No sweep that is named is there."""
    case.call_and_validate(base_url=empty_service)


@OF_A_SWEEP.parametrize()
def test_nothing_that_is_asked_of_a_sweep_that_runs_breaks_it(case, busy_service):
    """Every route of a sweep is asked of one that is there and has a driver."""
    case.call_and_validate(base_url=busy_service)


@OF_A_SWEEP.parametrize()
def test_a_wrong_token_is_told_nothing_and_changes_nothing(case, closed_service):
    """Refused like all else, whatever it asks for; what is recorded stays as it was."""
    address, records = closed_service
    wrong = {"Authorization": f"Bearer {new_token()}"}
    answer = case.call_and_validate(base_url=address, headers=wrong)
    assert answer.status_code >= 400 or case.path in OPEN
    assert len(records.changes.of()) == 2  # the sweep, and the user
    assert len(records.entries("loans-1")) == 1


@OF_DRIVERS.parametrize()
def test_no_call_of_a_driver_breaks_it(case, driven_service):
    """With a good token: arguments that the store's calls do not take are refused."""
    address, token = driven_service
    case.call_and_validate(base_url=address, headers={"Authorization": f"Bearer {token}"})


#: Half of a surrogate pair: JSON can write it and UTF-8 cannot, so schemathesis never sends one.
HALF = '"\\ud800"'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/sweeps", f'{{"spec": {{{HALF}: 1}}}}'),
        ("/v1/sweeps", f'{{"spec": {{"name": {HALF}}}}}'),
        ("/v1/sweeps", f'{{"spec": {{}}, {HALF}: 1}}'),
        ("/v1/sweeps/loans/notes", f'{{"text": {HALF}}}'),
        ("/v1/uploads/missing", f'{{"files": {{{HALF}: "x"}}}}'),
    ],
)
def test_half_a_surrogate_pair_is_refused(client, path, body):
    """422 in the one shape, which may have to repeat it."""
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, list(answer.json())) == (422, ["error"])


def test_half_a_surrogate_pair_in_a_record_is_told(client, records):
    """A worker's message can hold one: who asks for the record gets it."""
    records.submissions.submit("loans", HEADER, "local")
    records.append("loans-1", [Entry("warning", 1.0, {"code": "c", "message": "\ud800"})])
    assert client.get("/v1/sweeps/loans/record").json()["entries"][0]["body"]["message"] == "\ud800"


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("select_entries", ["loans-1", 10**30]),
        ("select_ends", ["loans-1", 10**30]),
        ("orders", ["loans-1", 10**30]),
        ("beat", ["loans-1", 10**30]),
        ("insert_sweep", ["loans-1", "no JSON"]),
        ("settle", ["loans-1", "token", "[]"]),
        ("post", [1, "loans-1", [{"body": "no JSON"}], "token"]),
    ],
)
def test_a_driver_cannot_write_or_ask_what_no_store_holds(client, records, method, args):
    """Numbers too large for SQL; bodies that nobody could read again, which would break lists."""
    token = new_token()
    records.submissions.submit("loans", HEADER, "local")
    records.submissions.launch("loans-1", "launch", digest(token))
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.post(f"/v1/driver/{method}", json={"args": args}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_call")
    assert client.get("/v1/sweeps").status_code == 200
