"""What tests share: a records store of their own and one Ray for the whole session."""

import pytest


def pytest_collection_modifyitems(items):
    """What measures this very process runs first, in a heap that no other test has cut up.

    Tests on the shared Ray come last: it fills the process with threads and memory.
    """
    items.sort(
        key=lambda item: (
            item.get_closest_marker("measures") is None,
            "[ray" in item.nodeid or "ray_here" in item.fixturenames,
        )
    )


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
