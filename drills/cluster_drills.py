"""Drills on a cluster of hosts. Each tells what is wrong afterwards, and leaves it whole."""

import time
from itertools import pairwise

from drills.ray_cluster import RayCluster, until
from drills.stage import Stage
from drills.truth import causes, in_budget, loss
from drills.work import spec, user_folder
from search.entries import Entry
from search.records import Records

#: Seconds of progress that a worker's power cut may cost its trials.
POWER_CUT_S = 15.0
#: Seconds in which a host that joins is in use.
JOIN_S = 30.0


def _cluster(stage: Stage) -> RayCluster:
    assert stage.cluster is not None
    return stage.cluster


def _running(stage: Stage, name: str, trials: int, fit_s: float) -> str:
    """A sweep that has begun to end trials."""
    sweep = stage.submit(name, trials, fit_s)
    stage.until_ended(sweep, 3)
    return sweep


def _away_from(stage: Stage, sweep: str) -> str:
    """A worker that the driver is not on, and that has trials."""
    driver = stage.served.driver(sweep)
    assert driver is not None
    names = [name for name in _cluster(stage).workers if name != driver[0]]
    return names[0]


def _used(stage: Stage, sweep: str, name: str, after: float) -> bool:
    """Whether a trial has begun on a worker since a moment."""
    address = _cluster(stage).workers[name].address
    return any(
        entry.kind == "started" and entry.time > after and address in entry.body["worker"]
        for entry in stage.served.entries(sweep)
    )


def worker_power_cut(
    stage: Stage, trials: int = 24, fit_s: float = 1.0, *, rejoins: bool = True
) -> list[str]:
    """SIGKILL of all processes of a worker that has trials: they run again elsewhere, once.

    ``rejoins``: the host comes back within the sweep, and must be in use soon.
    """
    cluster = _cluster(stage)
    sweep = _running(stage, "power", trials, fit_s)
    victim = _away_from(stage, sweep)
    accident = time.time()
    cluster.workers[victim].cut_power()
    stage.told["node_gone_s"] = cluster.wait_for(len(cluster.workers))
    until(lambda: loss(stage.served.entries(sweep), accident, time.time()).trials, 60, "a loss")
    if rejoins:
        _rejoin(stage, sweep, victim)
    found = stage.settled(sweep, trials)
    lost = loss(stage.served.entries(sweep), accident, accident + 60)
    stage.told |= {
        "trials_hit": lost.trials, "away_s": round(lost.away_s, 1),
        "thrown_away_s": round(lost.thrown_away_s, 1), "target_s": POWER_CUT_S,
        "causes": causes(stage.served.entries(sweep)),
    }  # fmt: skip
    if lost.away_s > POWER_CUT_S:
        found.append(f"its trials were away for {lost.away_s:.1f} s, more than {POWER_CUT_S:g}")
    if stage.told.get("in_use_after_join_s", 0.0) > JOIN_S:
        found.append(f"the host that joined was not in use within {JOIN_S:g} s")
    return found


def _rejoin(stage: Stage, sweep: str, name: str) -> None:
    """A host comes back: the seconds until it is the cluster's, and from then until it is used."""
    cluster = _cluster(stage)
    cluster.workers[name].power_on()
    joined = time.time()
    cluster.start_worker(name)
    stage.told["joined_s"] = round(cluster.wait_for(len(cluster.workers) + 1), 1)
    there = time.time()
    until(lambda: _used(stage, sweep, name, joined), 90, f"{name} has a trial again")
    stage.told["in_use_after_join_s"] = round(time.time() - there, 1)


def driver_host_power_cut(stage: Stage) -> list[str]:
    """SIGKILL of all processes of the host that the driver is on: another driver goes on."""
    cluster = _cluster(stage)
    sweep = _running(stage, "driverhost", 20, 1.0)
    driver = stage.served.driver(sweep)
    assert driver is not None
    accident, ended = time.time(), stage.served.ended(sweep)
    cluster.workers[driver[0]].cut_power()
    until(lambda: stage.served.ended(sweep) > ended, 150, "another trial has ended")
    stage.told["until_next_trial_ended_s"] = round(time.time() - accident, 1)
    cluster.workers[driver[0]].power_on()
    cluster.start_worker(driver[0])
    cluster.wait_for(len(cluster.workers) + 1)
    return stage.settled(sweep, 20)


def cable_cut(stage: Stage) -> list[str]:
    """A worker's cable is cut for 30 s and healed: what it says late does not count."""
    cluster = _cluster(stage)
    sweep = _running(stage, "cable", 20, 1.5)
    victim = _away_from(stage, sweep)
    accident = time.time()
    cluster.workers[victim].cut_cable()
    time.sleep(30.0)
    healed = time.time()
    cluster.workers[victim].heal_cable()
    stage.told["ended_meanwhile"] = sum(
        entry.kind == "ended" and accident < entry.time < healed
        for entry in stage.served.entries(sweep)
    )
    found = stage.settled(sweep, 20)
    entries = stage.served.entries(sweep)
    lost = loss(entries, accident, healed + 5)
    stage.told |= {
        "trials_hit": lost.trials, "away_s": round(lost.away_s, 1), "causes": causes(entries),
    }  # fmt: skip
    if not lost.trials:
        found.append("no trial was lost to the cut")
    cluster.workers[victim].cut_power()  # Ray's node does not rejoin by itself: a supervisor's work
    cluster.workers[victim].power_on()
    cluster.start_worker(victim)
    cluster.wait_for(len(cluster.workers) + 1)
    return found


def head_power_cut(stage: Stage) -> list[str]:
    """The head is cut and back after 10 s, its state in Redis: the sweep goes on."""
    cluster = _cluster(stage)
    sweep = _running(stage, "head", 24, 1.0)
    driver, ended = stage.served.driver(sweep), stage.served.ended(sweep)
    cluster.head.cut_power()
    accident = time.time()
    time.sleep(10.0)
    cluster.head.power_on()
    cluster.start_head()
    stage.told["head_back_s"] = round(time.time() - accident, 1)
    stage.told["ended_meanwhile"] = stage.served.ended(sweep) - ended
    found = stage.settled(sweep, 24)
    entries = stage.served.entries(sweep)
    gaps = [b.time - a.time for a, b in pairwise(entries)]
    stage.told |= {
        "longest_silence_s": round(max(gaps), 1), "causes": causes(entries),
        "same_driver": driver is not None and not _replaced(entries),
    }  # fmt: skip
    cluster.wait_for(len(cluster.workers) + 1)
    return found


def _replaced(entries: list[Entry]) -> bool:
    """Whether another driver has gone on."""
    return any(e.kind == "state" and "another goes on" in e.body.get("reason", "") for e in entries)


def drained_host(stage: Stage) -> list[str]:
    """A host is drained and goes 15 s later, as in a preemption: nobody is blamed for it."""
    cluster = _cluster(stage)
    sweep = _running(stage, "drained", 20, 2.0)
    victim = _away_from(stage, sweep)
    drained = time.time()
    stage.told["drain"] = cluster.drain(victim, 15)
    time.sleep(max(0.0, drained + 15 - time.time()))
    cluster.workers[victim].cut_power()
    found = stage.settled(sweep, 20)
    entries = stage.served.entries(sweep)
    address = cluster.workers[victim].address
    late = [
        e for e in entries
        if e.kind == "started" and e.time > drained + 9 and address in e.body["worker"]
    ]  # fmt: skip
    stage.told |= {"causes": causes(entries), "began_on_it_late": len(late)}
    blamed = [e for e in entries if e.kind == "lost" and e.body["guilty"]]
    if blamed:
        found.append(f"{len(blamed)} trials were blamed for a host that was drained")
    cluster.workers[victim].power_on()
    cluster.start_worker(victim)
    cluster.wait_for(len(cluster.workers) + 1)
    return found


def two_sweeps(stage: Stage) -> list[str]:
    """Two sweeps of different data and different code at once: none sees anything of the other."""
    other = user_folder(stage.folder / f"other-{time.time_ns()}", rows=400, seed=1)
    models = other / "src" / "drilled" / "models.py"
    models.write_text(models.read_text().replace("self.seconds = seconds", "self.seconds = 0.5"))
    first = stage.submit("one", 8, 1.0)
    second = stage.served.submit(spec("other", 8, 1.0), other)
    found = stage.settled(first, 8) + stage.settled(second, 8)
    with Records.open(stage.served.records, create=False) as store:
        prints = {store.header(each)["fingerprint"] for each in (first, second)}
    stage.told["fingerprints"] = len(prints)
    if len(prints) != 2:
        found.append("both sweeps had the same data")
    spans = []
    for sweep in (first, second):
        times = [e.time for e in stage.served.entries(sweep) if e.kind in ("started", "ended")]
        spans.append((min(times), max(times)))
    stage.told["overlap_s"] = round(min(s[1] for s in spans) - max(s[0] for s in spans), 1)
    if stage.told["overlap_s"] <= 0:
        found.append("they did not run at once")
    return found


def clean_stop(stage: Stage) -> list[str]:
    """A running sweep is stopped: its folds end, nothing fails; resumed, it reaches its budget."""
    sweep = _running(stage, "stopped", 12, 1.0)
    began = time.time()
    stage.served.http.post(f"/v1/sweeps/{sweep}/stop")
    found = stage.settled(sweep, None, "stopped")
    stage.told["stopped_s"] = round(time.time() - began, 1)
    entries = stage.served.entries(sweep)
    stage.told["causes"] = causes(entries)
    ended = in_budget(entries)
    stage.served.http.post(f"/v1/sweeps/{sweep}/resume")
    found += stage.settled(sweep, 12)
    stage.told["ended_before_stop"] = ended
    return found
