"""What tests share: a records store of their own and one Ray for the whole session."""

import pytest

#: Rooms of tests that start Rays of their own, or fill the memory: one of them at a time.
_OWN_RAY = ("test_ray_", "_on_ray", "test_memory")


def pytest_collection_modifyitems(items):
    """What measures this very process runs first, in a heap that no other test has cut up.

    Tests on the shared Ray come last: it fills the process with threads and memory. Where tests run
    in several processes, one has all of those, another all that start a Ray of their own, and any
    other module stays in one process.
    """
    items.sort(key=lambda item: (item.get_closest_marker("measures") is None, _on_shared(item)))
    for item in items:
        own = item.nodeid.partition("::")[0]
        starts_one = any(part in own for part in _OWN_RAY)
        group = "shared ray" if _on_shared(item) else "own ray" if starts_one else own
        item.add_marker(pytest.mark.xdist_group(group))


def _on_shared(item):
    """Whether a test runs on the session's Ray."""
    return "[ray" in item.nodeid or "ray_here" in item.fixturenames


@pytest.fixture(autouse=True)
def own_records(tmp_path, monkeypatch):
    """No test writes into the user's own store."""
    url = str(tmp_path / "records.db")
    monkeypatch.setenv("QUINTAIN_RECORDS", url)
    return url


@pytest.fixture(scope="session")
def ray_here():
    """One Ray of two cores for all tests that need it, ended with the session."""
    from cluster.ray_session import RaySession

    session = RaySession(cpus=2)
    yield session
    session.close()
