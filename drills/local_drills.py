"""Drills of the service where it runs sweeps on its own machine."""

import os
import random
import signal
import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx

from drills.ray_cluster import until
from drills.stage import Stage
from drills.truth import problems
from drills.work import spec
from search.records import Records

#: Moments at which the driver and the service are killed.
KILLS = 10


def kills(stage: Stage, moments: int = KILLS, trials: int = 150, seed: int = 0) -> list[str]:
    """SIGKILL of driver and service at random moments: nothing is lost, nothing runs twice."""
    draw = random.Random(seed)
    sweep = stage.submit("killed", trials, 0.02)
    hits = {"driver": 0, "service": 0}
    for number in range(moments):
        # a driver that dies three times without a trial between is given up, and rightly
        stage.until_ended(sweep, min(trials, stage.served.ended(sweep) + 1))
        time.sleep(draw.uniform(0.0, 1.5))
        if number % 2:
            stage.served.kill()
            hits["service"] += 1
            time.sleep(draw.uniform(0.0, 1.0))
            stage.served.start()
        else:
            driver = stage.served.driver(sweep)
            if driver is not None:
                os.kill(driver[1], signal.SIGKILL)
                hits["driver"] += 1
    stage.told["killed"] = hits
    return stage.settled(sweep, trials)


def database_restart(stage: Stage, trials: int = 60) -> list[str]:
    """PostgreSQL is killed and started again while a sweep runs: it goes on, nothing is torn."""
    assert stage.postgres is not None
    sweep = stage.submit("database", trials, 0.05)
    stage.until_ended(sweep, 5)
    stage.postgres.crash()
    time.sleep(2.0)
    down = stage.served.http.get("/ready").status_code
    stage.postgres.start()
    stage.told["ready_while_down"] = down
    stage.told["ready_again_s"] = round(
        until(lambda: stage.served.http.get("/ready").status_code == 200, 30, "ready"), 1
    )
    found = stage.settled(sweep, trials)
    if down == 200:
        found.append("the service called itself ready without a database")
    return found


def disk_full(stage: Stage, disk: os.PathLike[str], trials: int = 60) -> list[str]:
    """The disk of the store fills up and is freed: the sweep goes on, the record is whole."""
    sweep = stage.submit("full", trials, 0.05)
    stage.until_ended(sweep, 5)
    filler = os.path.join(disk, "filler")
    with open(filler, "wb") as file:
        try:
            while True:
                file.write(b"\0" * 65_536)
                file.flush()
        except OSError:
            pass
    time.sleep(4.0)
    at_full = stage.served.view(sweep).get("state")
    answer = stage.served.http.post("/v1/sweeps", json=_plain(stage, "late", 2))
    stage.told |= {"state_while_full": at_full, "submit_while_full": answer.status_code}
    os.unlink(filler)
    found = stage.settled(sweep, trials)
    if answer.status_code not in (201, 503):  # the log of the store may have room in itself
        found.append(f"a submission on a full disk was answered by {answer.status_code}")
    return found


def many_clients(stage: Stage, clients: int = 20, each: int = 5, trials: int = 2) -> list[str]:
    """Clients submit small sweeps at once: each is queued once and ends."""
    asked = _plain(stage, "small", trials)
    seconds: list[float] = []
    ids: list[str] = []
    wrong: list[str] = []

    def client(number: int) -> None:
        headers = {"Authorization": f"Bearer {stage.served.token}"} if stage.served.token else {}
        with httpx.Client(base_url=stage.served.url, headers=headers, timeout=60) as http:
            for turn in range(each):
                began = time.perf_counter()
                key = {"Idempotency-Key": f"{number}-{turn}"}
                answer = http.post("/v1/sweeps", json=asked, headers=key)
                seconds.append(time.perf_counter() - began)
                if answer.status_code == 201:
                    ids.append(answer.json()["sweep"])
                else:
                    wrong.append(f"{answer.status_code}: {answer.text[:100]}")

    threads = [threading.Thread(target=client, args=[number]) for number in range(clients)]
    began = time.time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds.sort()
    stage.told |= {
        "submit_median_ms": round(1000 * seconds[len(seconds) // 2]),
        "submit_worst_ms": round(1000 * seconds[-1]), "target_ms": 100,
    }  # fmt: skip
    if len(set(ids)) != clients * each:
        wrong.append(f"{len(set(ids))} sweeps of {clients * each}")
    for sweep in ids:
        stage.until_state(sweep, "completed", 600)
    stage.told["all_ended_s"] = round(time.time() - began, 1)
    until(lambda: _queue_is_done(stage, ids), 15, "the queue to have all of them as ended")
    return wrong + [said for sweep in ids for said in problems(stage.served, sweep, trials)]


def sent_five_times(stage: Stage) -> list[str]:
    """One submission five times at once under one key is one sweep; another under it is none."""
    asked = _plain(stage, "same", 3)
    told: list[httpx.Response] = []

    def send() -> None:
        key = {"Idempotency-Key": f"same-{os.getpid()}"}
        told.append(stage.served.http.post("/v1/sweeps", json=asked, headers=key))

    threads = [threading.Thread(target=send) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = sorted(answer.status_code for answer in told)
    sweeps = {answer.json().get("sweep") for answer in told}
    other = asked | {"priority": 3}
    key = {"Idempotency-Key": f"same-{os.getpid()}"}
    refused = stage.served.http.post("/v1/sweeps", json=other, headers=key)
    stage.told |= {"answers": codes, "another_under_the_key": refused.status_code}
    found = [] if len(sweeps) == 1 and codes == [200] * 4 + [201] else [f"{codes} {sweeps}"]
    found += [] if refused.status_code == 409 else ["another request under the key was taken"]
    return found + stage.settled(sweeps.pop(), 3)


def _queue_is_done(stage: Stage, sweeps: Sequence[str]) -> bool:
    """Whether the queue has heard of every end: its keeper looks twice a second."""
    with Records.open(stage.served.records, create=False) as store:
        found = [store.submissions.get(sweep) for sweep in sweeps]
    return all(each is not None and each.state == "ended" for each in found)


def _plain(stage: Stage, name: str, trials: int) -> dict[str, Any]:
    """A request for a sweep that needs nothing sent along."""
    told = spec(name, trials)
    told["model"] = [{"estimator": "logistic_regression"}]
    told |= {"code": {"include": []}}
    return {"spec": told, "folder": str(stage.user), "fresh": True}  # or it would be told again
