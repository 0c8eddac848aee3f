"""The REST surface, asked at random along its own OpenAPI document: whatever comes, no 5xx."""

import random
from urllib.parse import quote

import httpx
import pytest

from search.entries import Entry

REQUESTS = 250

TEXTS = [
    "", "a", "loans-1", "loans", "nobody", "..", "%2e%2e%2f", "a/b", "\x00", "é", "💥", "x" * 500,
    "-1", "0", "99999999999999999999999", "NaN", "1e309", "null", "'; DROP TABLE sweeps; --",
    "WyJhIl0", "W10", "W1tdXQ", "WzFd", "completed", "-created", "score", "\ud7ff",
]  # fmt: skip
VALUES = [None, True, 0, -1, 2**63, 10**30, 1.5, 1e308, [], {}, [[]], {"$bytes": "!"}, *TEXTS]


def value(rng, depth=0):
    kind = rng.random()
    if depth > 2 or kind < 0.6:
        return rng.choice(VALUES)
    if kind < 0.8:
        return [value(rng, depth + 1) for _ in range(rng.randrange(3))]
    return {rng.choice([t for t in TEXTS if t]): value(rng, depth + 1) for _ in range(2)}


def of_schema(rng, schema, document):
    """Something that may fit: one in three does not even try."""
    if rng.random() < 0.3:
        return value(rng)
    if "$ref" in schema:
        return of_schema(rng, document["components"]["schemas"][schema["$ref"].split("/")[-1]],
                         document)  # fmt: skip
    if "anyOf" in schema:
        return of_schema(rng, rng.choice(schema["anyOf"]), document)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {k: of_schema(rng, v, document) for k, v in fields.items() if rng.random() < 0.8}
        case "integer":
            return rng.choice([0, 1, 5, 1000, -1, 2**62, 2**63])
        case "number":
            return rng.choice([0.5, 1, 1e9, -1.0])
        case "array":
            return [value(rng)]
        case "string":
            return rng.choice(schema.get("enum") or TEXTS)
    return value(rng)


@pytest.fixture
def asked_of(client, records):
    """A service with a sweep that runs."""
    header = {"spec": {"name": "loans"}, "metric": "roc_auc", "budget": 3}
    records.submissions.submit("loans", header, "local")
    records.append("loans-1", [Entry("state", 1.0, {"state": "running"})])
    return client


def test_nothing_that_is_asked_breaks_it(asked_of):
    """Seeded requests to every route: each answer is below 500, and each refusal has the shape."""
    rng = random.Random(7)
    document = asked_of.get("/openapi.json").json()
    routes = [(path, method, operation) for path, of_path in document["paths"].items()
              for method, operation in of_path.items() if not path.endswith("/events")]  # fmt: skip
    for turn in range(REQUESTS):
        path, method, operation = routes[turn % len(routes)]
        query, headers = {}, {}
        for parameter in operation.get("parameters", []):
            given = of_schema(rng, parameter["schema"], document)
            if parameter["in"] == "path":
                sweep = rng.choice(["loans-1", "loans", *[t for t in TEXTS if t.isascii()]])
                path = path.replace(f"{{{parameter['name']}}}", quote(sweep, safe="/%"))
            elif parameter["in"] == "query" and rng.random() < 0.6:
                query[parameter["name"]] = str(given)
            elif parameter["in"] == "header" and rng.random() < 0.5 and str(given).isprintable():
                headers[parameter["name"]] = str(given).encode("ascii", "ignore").decode()
        asked = {"params": query, "headers": headers}
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            asked["json"] = of_schema(rng, schema, document)
        try:
            answer = asked_of.request(method, path, **asked)
        except (httpx.InvalidURL, ValueError):  # the client itself would not send it
            continue
        assert answer.status_code < 500, (method, path, asked, answer.text)
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error"}, (method, path, asked, answer.text)
