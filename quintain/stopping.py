"""A stop by order: whoever drives the sweep carries it out, or nobody has to."""

import time
from typing import Any

from search.entries import Entry
from search.records import Records

#: Seconds that running folds have to end once a sweep is stopped by order; a Ctrl-C gives none.
GRACE_S = 30.0
#: States that a sweep does not leave by itself.
FINAL = ("completed", "stopped", "failed")


def stop(store: Records, sweep: str, user: str, reason: str = "") -> dict[str, Any]:
    """Stop a sweep: one that waits at once; of one that runs, running folds have 30 seconds.

    Gives its id and its state: "stopping" where a driver has to carry it out.

    Raises:
        LeaseError: a driver took it at this very moment.
    """
    record, submission = store.sweep(sweep), store.submissions.get(sweep)
    if record.state in FINAL:
        return {"sweep": sweep, "state": record.state}
    reason = reason or f"stopped by {user}"
    store.changes.add(user, sweep, "stop", {"reason": reason})
    if submission is not None and submission.state == "waiting":
        store.submissions.end(sweep, "waiting", ("stopped", reason))
    elif record.driver is None and (submission is None or submission.state == "ended"):
        body = {"state": "stopped", "reason": reason}
        with store.acquire(sweep) as lease:
            store.append(sweep, [Entry("state", time.time(), body)], lease)
    now = store.state(sweep)
    return {"sweep": sweep, "state": now if now in FINAL else "stopping"}
