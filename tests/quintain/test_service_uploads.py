"""Files that go along with a submission: once per content, below their folder, up to a limit."""

import hashlib
from pathlib import Path

import pytest

from drills.work import spec, user_folder
from quintain.service.bundle import bundle
from search.spec import read_spec


@pytest.fixture
def laptop(tmp_path):
    return user_folder(tmp_path / "laptop")


def along_with(folder, **more):
    return bundle(read_spec(spec("sent", 2) | more).in_folder(folder), upload_data=True)


def sent(client, along):
    """What `quintain submit` does with a bundle: the names it had to send, the last answer."""
    files = along.digests()
    missing = client.post("/v1/uploads/missing", json={"files": files}).json()["missing"]
    for name in missing:
        put = client.put(f"/v1/uploads/{files[name]}", content=along.files[name].read_bytes())
        assert put.status_code == 201, put.text
    return missing, client.post("/v1/sweeps", json={"spec": along.spec, "files": files})


def refusal(answer, status, code):
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    return answer.json()["error"]


def test_a_table_and_a_package_of_the_laptop_are_kept_once(client, records, laptop):
    """Sent for the first sweep, known for the second; both stand in one folder of the service."""
    along = along_with(laptop)
    missing, first = sent(client, along)
    assert set(missing) == {
        "table.csv", "code/drilled/__init__.py", "code/drilled/models.py", "code/drilled/pace.py",
    }  # fmt: skip
    assert first.status_code == 201, first.text
    missing, second = sent(client, along)
    assert missing == []
    headers = [records.header(each.json()["sweep"]) for each in (first, second)]
    assert headers[0]["folder"] == headers[1]["folder"]
    assert (
        Path(headers[0]["folder"], "table.csv").read_bytes() == (laptop / "table.csv").read_bytes()
    )
    assert headers[0]["spec"]["code"]["include"] == ["code"]


def test_what_lies_elsewhere_goes_along_under_its_name(laptop, tmp_path):
    """A table outside of the spec's folder, by a path with ".." in it."""
    (tmp_path / "far.csv").write_text("a,y\n1,0\n")
    along = along_with(laptop, data={"source": "../far.csv", "target": "y"})
    assert along.spec["data"]["source"] == "uploaded/far.csv"
    assert along.files["uploaded/far.csv"] == (tmp_path / "far.csv").resolve()


@pytest.mark.parametrize(
    "name", ["../x.csv", "/etc/x.csv", "a/../../x.csv", "a\\b", "", "a//b", "./x", "a\x00b", "x/"]
)
def test_no_name_leads_out_of_the_folder(client, laptop, name):
    """Refused with its place before anything is written."""
    digest = hashlib.sha256((laptop / "table.csv").read_bytes()).hexdigest()
    client.put(f"/v1/uploads/{digest}", content=(laptop / "table.csv").read_bytes())
    asked = {"spec": along_with(laptop).spec, "files": {name: digest}}
    told = refusal(client.post("/v1/sweeps", json=asked), 422, "bad_spec")
    assert "no relative path below" in told["problems"][0]
    assert client.get("/v1/sweeps").json()["sweeps"] == []


def test_what_comes_must_be_what_was_announced(client_of, records, laptop):
    """Another content, none at all, one over the limit: refused, and nothing is kept."""
    client = client_of(upload_limit=1000)
    digest = hashlib.sha256(b"announced").hexdigest()
    refusal(client.put(f"/v1/uploads/{digest}", content=b"other"), 422, "other_content")
    refusal(client.put("/v1/uploads/..%2fx", content=b"other"), 404, "not_found")
    refusal(client.put("/v1/uploads/x", content=b"other"), 404, "not_found")
    large = b"x" * 1001
    told = refusal(
        client.put(f"/v1/uploads/{hashlib.sha256(large).hexdigest()}", content=large),
        413, "too_large",
    )  # fmt: skip
    assert "--upload-limit" in told["message"]
    asked = {"spec": along_with(laptop).spec, "files": {"table.csv": digest}}
    told = refusal(client.post("/v1/sweeps", json=asked), 422, "bad_spec")
    assert any("not sent yet" in each for each in told["problems"])
    assert list(records.folder.glob("uploads/contents/*")) == []


def test_what_is_missing_where_it_runs_is_named(client, laptop):
    """A file that was not sent along, and a package that own code imports: before it is queued."""
    models = laptop / "src" / "drilled" / "models.py"
    models.write_text("import nowhere_installed\n" + models.read_text())
    along = along_with(laptop)
    _, answer = sent(client, along)
    told = refusal(answer, 422, "bad_spec")
    [problem] = told["problems"]
    assert problem.startswith("$.files.code/drilled/models.py: the module 'nowhere_installed'")
    files = {n: d for n, d in along.digests().items() if n != "table.csv"}
    answer = client.post("/v1/sweeps", json={"spec": along.spec, "files": files})
    assert "'table.csv' is not among the files" in refusal(answer, 422, "bad_spec")["problems"][0]


def test_nobody_elses_scout_is_listened_to(client):
    """The line of the scout wants its token, also where there is no cluster."""
    told = {"quintain": "1", "python": "3", "answers": {}}
    refusal(client.post("/v1/scout", json=told), 401, "not_this_scout")
