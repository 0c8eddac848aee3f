"""What tests share: a records store of their own and one Ray for the whole session."""

import pytest

#: Rooms of tests that start a Ray of their own, or fill the memory: never beside another Ray.
_WITH_RAY = ("test_ray_", "_on_ray", "test_memory")


def pytest_collection_modifyitems(items):
    """What measures this very process runs first, in a heap that no other test has cut up.

    Tests on the shared Ray come last: it fills the process with threads and memory. Where tests run
    in several processes, one has all those of Ray, and a module stays in one process.
    """
    items.sort(key=lambda item: (item.get_closest_marker("measures") is None, _on_ray(item)))
    for item in items:
        own = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group("ray" if _on_ray(item) else own))


def _on_ray(item):
    shared = "[ray" in item.nodeid or "ray_here" in item.fixturenames
    return shared or any(part in item.path.name for part in _WITH_RAY)


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
