"""One driver of the service: ``python -m quintain.service.drive SWEEP LAUNCH MANY``.

``MANY`` are its trials at a time; on a cluster, the sweeps that share it.

It takes the sweep's lease under the name of its launch, so that of two drivers that were started
for one sweep only the last does anything. The environment names the store, or on a cluster the
service and a token that is worth this sweep alone.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator

from evaluators.errors import QuintainError
from search.entries import Entry
from search.errors import LeaseError, RecordsError
from search.records import Lease, Records

#: Exit codes: the sweep is over (however it ended), or is another's; anything else is a death.
OVER, ANOTHERS = 0, 3

#: Cores of a cluster that Ray sets aside for a driver, which is placed where there is room for it.
DRIVER_CPUS = 0.5
#: By how much a driver and its workers let the service and its submitters go first on their cores.
BEHIND = 5
#: Of a driver on a cluster: the service to post to, and its token.
SERVICE, TOKEN = "QUINTAIN_DRIVER_SERVICE", "QUINTAIN_DRIVER_TOKEN"


@contextlib.contextmanager
def taken(sweep: str, launch: str) -> Iterator[tuple[Records, Lease, int]]:
    """The records, the lease of the sweep, and the last order that is done with.

    Raises:
        LeaseError: the sweep is another's.
    """
    url = os.environ.get(SERVICE)
    if url is not None:
        from quintain.service.posting import posted_records

        token = os.environ.pop(TOKEN)  # workers, and the user's code in them, need none
        store, lease, heard = posted_records(url, token, sweep, launch)
        with store, lease:
            yield store, lease, heard
        return
    with Records.open(create=False) as store:
        submission = store.submissions.get(sweep)
        with store.acquire(sweep, launch) as lease:
            yield store, lease, 0 if submission is None else submission.heard


def main(sweep: str, launch: str, many: int) -> int:
    """Drive ``sweep`` to its end; the exit code."""
    from quintain.sweeps import default_watcher, drive
    from search.room import Share

    address = os.environ.get("RAY_ADDRESS") if SERVICE in os.environ else None
    share = Share(sharers=many, reserved=DRIVER_CPUS) if address else None
    try:
        with taken(sweep, launch) as (store, lease, heard):
            try:
                folder = None
                if SERVICE in os.environ:
                    from quintain.service.posting import files_of

                    folder = files_of(store, store.header(sweep))
                drive(
                    store, lease, runner="ray" if address else "local", address=address,
                    slots=None if share else many, share=share, heard=heard, folder=folder,
                    watcher=default_watcher(),
                )  # fmt: skip
            except RecordsError:
                raise  # the store cannot be used now: the service tries again
            except QuintainError as error:
                _failed(store, lease, error)
    except LeaseError as error:
        print(f"not driven: {error}", file=sys.stderr)
        return ANOTHERS
    return OVER


def _failed(store: Records, lease: Lease, error: QuintainError) -> None:
    """What a person has to mend ends the sweep; trying again would not help."""
    print(f"error: {error}", file=sys.stderr)
    body = {"state": "failed", "reason": str(error)}
    store.append(lease.sweep, [Entry("state", time.time(), body)], lease)


if __name__ == "__main__":
    if SERVICE not in os.environ:
        os.nice(BEHIND)
    with contextlib.suppress(KeyboardInterrupt):
        code = main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        sys.exit(code)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)  # ended by a signal, and seen to be
