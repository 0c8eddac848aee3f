"""Laws of connecting to a cluster: whatever Ray says, the user reads one line with the way out."""

import os

import psutil

from cluster.ray_session import _refused

#: As Ray 2.60 says it of a head of 2.59.
MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.59.0
    Python: 3.11.7
This process on node 10.0.0.2 was started with:
    Ray: 2.60.0
    Python: 3.11.7
"""


def test_another_version_of_ray_is_named_in_one_line():
    said = _refused("10.0.0.1:6379", MISMATCH)
    assert "\n" not in said
    assert "runs Ray 2.59.0 on Python 3.11.7, this program Ray 2.60.0 on Python 3.11.7" in said


def test_whatever_else_ray_says_is_one_line_too():
    said = _refused("10.0.0.1:6379", "could not connect:\n  no\n  answer")
    assert "\n" not in said
    assert "no Ray cluster answers at 10.0.0.1:6379 (could not connect: no answer)" in said


def test_a_ray_of_this_machine_has_nobody_who_serves_nobody(ray_here):
    """Names that ray may change with a minor version: then this says so."""
    lines = [" ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)]
    ours = [line for line in lines if "ray" in line]
    assert any("gcs" in line for line in ours)
    served = ("log_monitor.py", "monitor.py", "dashboard.py")
    assert not [line for line in ours if any(name in line for name in served)]


def test_a_worker_has_the_drivers_priority(ray_here):
    """At Ray's own niceness it would starve where another program wants the cores."""
    import ray

    assert ray.get(ray.remote(lambda: os.nice(0)).remote()) == os.nice(0)
