"""The page without a browser: who may see and change what, what is escaped, filtered and sorted."""

import re
import time

import pytest

from benchmarks.written_sweeps import HOSTILE, header, written
from quintain.page.asides import Asides
from quintain.page.table import Asked, shown
from quintain.service.shown import Shown
from search.records import Records
from search.told import told_after
from search.view import read_view


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A store with a sweep that is over, one cut off in its middle, and one of hostile names."""
    url = str(tmp_path_factory.mktemp("page") / "records.db")
    with Records.open(url) as records:
        written(records, "adult", 120, note="does depth matter?")
        written(records, "cut", 20, over=False)
        told = header(metric="", folds=None, rows_searched=None)
        records.submissions.submit("later", told, "ada", priority=3)
        written(records, "hostile", 12, note=HOSTILE, **{HOSTILE: HOSTILE})
        yield records


@pytest.fixture(scope="module")
def ask(kept, served):
    """A browser's requests, without users."""
    return served(kept)


@pytest.fixture
def team(served, tmp_path):
    """A service with users: (ask, records, token by role)."""
    with Records.open(str(tmp_path / "team.db")) as records:
        written(records, "adult", 12, over=False)
        tokens = {role: records.users.add(role, role, "test") for role in ("read", "submit")}
        yield served(records), records, tokens


def mark_of(page):
    """What the forms of a page carry."""
    return re.search(r'name="mark" value="(\w+)"', page.text)[1]


PAGES = (
    "/", "/?state=completed&sort=sweep", "/sweeps/adult", "/sweeps/adult-1?part=live",
    "/sweeps/adult-1/trials", "/sweeps/adult-1/trials/3", "/sweeps/adult-1/log", "/queue",
    "/compare", "/compare?of=adult-1:1&of=adult-1:2&of=cut", "/sweeps/cut-1", "/?part=rows",
    "/sweeps/later-1", "/sweeps/later-1/trials", "/?text=ada+later", "/compare?of=later",
    "/sweeps/hostile-1", "/sweeps/hostile-1/trials", "/sweeps/hostile-1/trials/0",
    "/compare?of=hostile-1:0&of=hostile-1:1&of=hostile", "/sweeps/nobody",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_escaped_and_under_the_policy(ask, path):
    """No markup of a user's comes through anywhere, and the browser is told to run only ours."""
    page = ask.get(path)
    assert page.status_code == (404 if path == "/sweeps/nobody" else 200), page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>document" not in page.text
    assert "<img" not in page.text
    scripts = re.findall(r"<script[^>]*>", page.text)
    assert scripts in ([], ['<script src="/static/live.js" defer>'])
    assert not re.search(r"<[^>]*\s(style|on\w+)=", page.text)


def test_a_mistyped_address_is_a_page_for_people(ask):
    """And the one shape for programs."""
    assert "<h1>Not found</h1>" in ask.get("/swepes", headers={"Accept": "text/html"}).text
    assert ask.get("/swepes").json()["error"]["code"] == "not_found"


def test_a_hostile_name_is_shown_as_it_is(ask):
    """Escaped once, so that a person reads what was written."""
    text = ask.get("/sweeps/hostile-1").text
    assert "&lt;script&gt;document.title=" in text
    assert "&amp;lt;" not in text


def test_a_note_needs_our_own_form(ask, kept):
    """Without the form's mark nothing is written; with it the note stands on the page."""
    page = ask.get("/sweeps/adult-1")
    for fields in ({"text": "x"}, {"text": "x", "mark": "0" * 64}):
        assert ask.post("/sweeps/adult-1/notes", data=fields).status_code == 403
    assert kept.changes.of("adult-1") == []
    fields = {"text": HOSTILE, "mark": mark_of(page)}
    sent = ask.post("/sweeps/adult-1/notes", data=fields)
    assert (sent.status_code, sent.headers["location"]) == (303, "/sweeps/adult-1#notes")
    assert kept.changes.of("adult-1")[-1].body == {"text": HOSTILE}
    assert "<script>document" not in ask.get("/sweeps/adult-1").text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:8700"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, 200),
    ],
)
def test_a_page_of_another_site_is_not_answered(ask, headers, status):
    """But a link from elsewhere opens: what it opens cannot be read from there, nor framed."""
    assert ask.get("/", headers=headers).status_code == status


def test_who_has_not_signed_in_sees_the_form(team):
    """Pages lead there and back; what a script asks for, and a form, is refused."""
    ask, records, _ = team
    page = ask.get("/sweeps/adult-1/trials?state=failed")
    assert (page.status_code, page.headers["location"]) == (
        303, "/sign-in?next=%2Fsweeps%2Fadult-1%2Ftrials%3Fstate%3Dfailed",
    )  # fmt: skip
    assert ask.get("/sweeps/adult-1?part=live").status_code == 401
    assert ask.get("/sweeps/adult-1/events").status_code == 303
    assert ask.post("/sweeps/adult-1/stop", data={}).status_code == 401
    assert ask.post("/sign-in", data={"token": "qtn_wrong"}).status_code == 401
    assert "set-cookie" not in ask.get("/sign-in").headers
    assert records.changes.of("adult-1") == []


@pytest.mark.parametrize(
    ("asked", "led"),
    [("/queue", "/queue"), ("//evil.example", "/"), ("/\\evil.example", "/"), ("https://e.x", "/")],
)
def test_signing_in_leads_to_our_own_pages_only(team, asked, led):
    """The cookie is for no script and no other site; the place is one of ours."""
    ask, _, tokens = team
    sent = ask.post("/sign-in", data={"token": tokens["read"], "next": asked})
    assert (sent.status_code, sent.headers["location"]) == (303, led)
    cookie = sent.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert tokens["read"] not in cookie
    assert ask.get("/").status_code == 200


def test_roles_hold_on_the_page(team):
    """Who reads sees no form and can send none; who submits changes their own alone."""
    ask, records, tokens = team
    ask.post("/sign-in", data={"token": tokens["read"]})
    page = ask.get("/sweeps/adult-1")
    assert "/notes" not in page.text
    assert "/stop" not in page.text
    mark = mark_of(page)  # that of signing out
    for what in ("notes", "stop"):
        sent = ask.post(f"/sweeps/adult-1/{what}", data={"mark": mark, "text": "x"})
        assert sent.status_code == 403
    ask.post("/sign-in", data={"token": tokens["submit"]})
    assert ask.post("/sweeps/adult-1/notes", data={"mark": mark, "text": "x"}).status_code == 403
    mark = mark_of(ask.get("/sweeps/adult-1"))
    assert ask.post("/sweeps/adult-1/notes", data={"mark": mark, "text": "x"}).status_code == 303
    refused = ask.post("/sweeps/adult-1/stop", data={"mark": mark})
    assert refused.status_code == 403
    assert "is nobody&#39;s here" in refused.text
    assert [change.kind for change in records.changes.of("adult-1")] == ["note"]
    assert records.changes.of("adult-1")[0].user == "submit"


def test_who_is_revoked_or_signs_out_is_out(team):
    """With the very next request; the cookie is worth nothing then."""
    ask, records, tokens = team
    ask.post("/sign-in", data={"token": tokens["submit"]})
    records.users.revoke("submit", "test")
    assert ask.get("/").headers["location"] == "/sign-in"
    ask.post("/sign-in", data={"token": tokens["read"]})
    before = dict(ask.cookies)
    sent = ask.post("/sign-out", data={"mark": mark_of(ask.get("/"))})
    assert sent.headers["location"] == "/sign-in"
    ask.cookies.update(before)
    assert ask.get("/").status_code == 303


def test_the_api_takes_no_cookie(team):
    """REST stays with the header that no page can know."""
    ask, _, tokens = team
    ask.post("/sign-in", data={"token": tokens["submit"]})
    assert ask.get("/v1/sweeps").status_code == 401


def test_what_a_child_failed_at_is_told_and_tried_again(kept, monkeypatch):
    """In one line, as the command would say it; kept for a while, not for ever."""
    made = Asides(kept.url)

    def asked():
        while (found := made.get(("notebook", "nobody-1"), "1")) is None:
            time.sleep(0.05)
        return found

    first = asked()
    assert first.failure.startswith("unknown sweep 'nobody-1'")
    assert asked() is first
    monkeypatch.setattr("quintain.page.asides.AGAIN_S", 1.0)
    time.sleep(1.1)
    assert asked() is not first
    made.close()


def test_a_view_without_spared_folds_is_that_of_all(kept):
    """What the service folds from half of the entries is what all of them tell."""
    views = Shown(kept)
    for record in kept.sweeps():
        seen, whole = views.view(record.id), read_view(kept, record.id)
        assert seen.to_json() == whole.to_json()
        assert seen.trials_json() == whole.trials_json()
        spared = len(kept.entries(record.id)) - len(told_after(kept, record.id, 0))
        assert spared > len(whole.trials) or not whole.trials


# -- the table of trials ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def view(kept):
    return read_view(kept, "adult-1")


def pages(view, **query):
    """Every row over all pages."""
    found, number = [], 1
    while True:
        part = shown(view, Asked.of({"per": "25", "page": str(number), **query}))
        assert len(part.rows) <= 25
        found += part.rows
        if number == part.pages:
            assert len(found) == part.total
            return found
        number += 1


def test_the_best_come_first_and_pruned_ones_never_between(view):
    """Full evaluations by score, then the pruned, then the rest; each trial once."""
    found = pages(view)
    assert sorted(t.trial for t in found) == [t.trial for t in view.trials]
    full = [t for t in found if t.state == "completed"]
    assert found[: len(full)] == full == view.ranked
    assert {t.state for t in found[len(full) :]} == {"pruned", "failed"}


@pytest.mark.parametrize("key", ["trial", "fit", "cpu", "memory", "score", "model", "predict"])
def test_sorted_by_any_column_what_is_unknown_comes_last(view, key):
    """Up and down; NaN never between numbers."""
    value = {"fit": "fit_s", "cpu": "cpu_s", "memory": "peak_mb", "predict": "predict_ms_per_1k"}
    for sort in (key, f"-{key}"):
        found = pages(view, sort=sort)
        if key == "score":  # those of fewer folds come after all full ones
            full = [t for t in found if t.state == "completed"]
            assert found[: len(full)] == full
            found = full
        values = [getattr(t, value.get(key, key)) for t in found]
        known = [each for each in values if each == each]
        assert known == sorted(known, reverse=sort.startswith("-"))
        assert values[: len(known)] == known


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ({"state": "failed"}, lambda t: t.state == "failed"),
        ({"model": "xgboost"}, lambda t: t.model == "xgboost"),
        ({"text": "max_depth>5"}, lambda t: t.params.get("max_depth", 0) > 5),
        (
            {"text": "XGB max_depth<=4"},
            lambda t: t.model == "xgboost" and t.params["max_depth"] < 5,
        ),
        ({"text": "score>=0.8"}, lambda t: t.score >= 0.8),
        ({"text": "out_of_memory"}, lambda t: t.cause == "out_of_memory"),
        ({"text": "model=xgboost"}, lambda t: t.model == "xgboost"),
        ({"text": "nothing_like_it"}, lambda t: False),
    ],
)
def test_filters_keep_what_they_say(view, query, holds):
    """States, models, words, and conditions on parameters, the score and costs."""
    found = {t.trial for t in pages(view, **query)}
    assert found == {t.trial for t in view.trials if holds(t)}


def test_an_address_of_nonsense_shows_the_table(ask):
    """Whatever stands after the question mark."""
    query = {"state": "\ud7ff", "sort": "evil", "page": "99999999999", "per": "-1", "text": "<>=("}
    assert ask.get("/sweeps/adult-1/trials", params=query).status_code == 200
    assert ask.get("/sweeps/adult-1/trials?page=9999").status_code == 200
    assert ask.get("/?page=9999&sort=evil").status_code == 200
    assert ask.get("/?page=x").status_code == 422
    assert ask.get("/sweeps/adult-1/trials/x").status_code == 422
    assert ask.get("/sweeps/adult-1/trials/9999").status_code == 404
    assert ask.get("/compare?of=adult-1:9999").status_code == 404
