"""The service's own hand: starts drivers in their turn, and sees to those that ended.

All it knows stands in the store, so a service that was killed goes on where it was: a sweep whose
driver lives is found by its lease, one whose driver is gone is queued again.
"""

import contextlib
import logging
import signal
import threading
import time
import uuid
from collections.abc import Callable

from cluster.jobs import ClusterAwayError
from evaluators.errors import QuintainError
from quintain.service.launching import STARTS_WITHIN_S, Drivers
from quintain.stopping import FINAL, GRACE_S
from search.changes import Change
from search.entries import BUDGETED, SweepState
from search.errors import LeaseError, RecordsError, UnknownSweepError
from search.records import Records, SweepRecord
from search.submissions import Submission
from search.turns import next_turns
from search.users import digest

#: Seconds between two looks; a request that changes the queue does not wait for the next one.
LOOK_EVERY_S = 0.5
#: Drivers that may die in a row without a trial having ended between.
DEATHS_ALLOWED = 3
#: Seconds that a driver has, beyond those for running folds, to carry out a stop.
LATE_S = 10.0
#: Seconds until a cluster that did not answer is asked again.
AWAY_S = 5.0

log = logging.getLogger("quintain.service")


class Keeper:
    """Keeps at most ``max_sweeps`` drivers at work; a thread of the service.

    Attributes:
        deaths: of drivers that this service has seen.
        trouble: why the last look failed; None when it went well.
    """

    def __init__(
        self, records: Records, drivers: Drivers, max_sweeps: int,
        over: Callable[[str], None] = lambda sweep: None,
    ) -> None:  # fmt: skip
        """``over`` is called with the id of each sweep that has ended, in whatever state."""
        self.over = over
        self.deaths = 0
        self.trouble: str | None = None
        self._records = records
        self._drivers = drivers
        self._max_sweeps = max_sweeps
        self._nudged = threading.Event()
        self._over = False
        self._away_since = -AWAY_S
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more; drivers go on, and the next service finds them."""
        self._over = True
        self._nudged.set()
        self._thread.join()

    def nudge(self) -> None:
        """Something has changed: look now."""
        self._nudged.set()

    def _run(self) -> None:
        while not self._over:
            try:
                self.look()
                self.trouble = None
            except RecordsError as error:  # a full disk, a database that is away: it may come back
                if self.trouble is None:
                    log.warning("the queue waits: %s", error)
                self.trouble = str(error)
            except Exception as error:
                log.exception("a look at the queue failed")
                self.trouble = repr(error)
            self._nudged.wait(LOOK_EVERY_S)
            self._nudged.clear()

    def look(self) -> None:
        """One look: what has ended is closed or queued again, what is next is started."""
        submissions = self._records.submissions
        launched = [each for each in submissions.live() if each.state == "launched"]
        running = [each for each in launched if self._lives(each)]
        places = self._max_sweeps - len(running)
        # read once more: a sweep that has just lost its driver keeps its place in the queue
        waiting = [each for each in submissions.live() if each.state == "waiting"]
        away = time.monotonic() - self._away_since < AWAY_S
        if places <= 0 or not waiting or away:
            return
        turns = next_turns(
            [each.claim for each in waiting], [each.claim for each in running],
            submissions.served(), places,
        )  # fmt: skip
        for sweep in turns:
            self._start(sweep)

    def _start(self, sweep: str) -> None:
        """Launch a sweep, unless somebody drives it by hand."""
        record = self._records.sweep(sweep)
        if record.driver is not None:
            return
        launch, token = uuid.uuid4().hex, self._drivers.token()
        secret = None if token is None else digest(token)
        submission = self._records.submissions.get(sweep)
        if submission is None or not self._records.submissions.launch(sweep, launch, secret):
            return
        log.info("%s starts", sweep)
        try:
            self._drivers.start(record, launch, token)
        except ClusterAwayError as error:
            log.warning("%s waits: %s", sweep, error)
            self._records.submissions.back(sweep, submission.deaths, submission.trials, None)
            self._away_since = time.monotonic()
        except RecordsError:
            raise
        except QuintainError as error:  # it would be refused the next time too
            self._ended(sweep, ("failed", str(error)))

    def _lives(self, submission: Submission) -> bool:
        """Whether a launched sweep still takes a place; if not, it is seen to."""
        launch = submission.launch or ""
        try:
            record = self._records.sweep(submission.sweep)
        except UnknownSweepError:
            return False
        stop = self._stop_of(submission)
        child = self._drivers.running(launch)
        begun = record.last.get("state") in (*FINAL, "running", "stopping")
        if stop is not None and record.driver is None and not begun:
            if self._withdrawn(submission, stop):
                self._drivers.end(launch, None, signal.SIGTERM)
                return False
            return True
        # a job that Ray has seen end is dead: who goes on under its lease, cut off, is fenced
        dead = self._drivers.far and child is False
        if child or (record.driver is not None and not dead):
            if stop is not None:
                self._hurry(submission, record, stop)
            return True
        young = time.time() - (submission.launched or 0.0) < STARTS_WITHIN_S
        if (
            child is None
            and young
            and record.last.get("state") not in (*FINAL, "running", "stopping")
        ):
            return stop is None or not self._withdrawn(submission, stop)
        with contextlib.suppress(LeaseError):  # it lives after all: the next look will see it
            self._gone(submission, record, stop, dead)
        return False

    def _stop_of(self, submission: Submission) -> Change | None:
        """The order to stop that has come since it was submitted or resumed, if any."""
        changes = self._records.changes
        found = changes.of(submission.sweep, after=submission.heard, kinds=("stop",))
        return found[0] if found else None

    def _hurry(self, submission: Submission, record: SweepRecord, stop: Change) -> None:
        """End a driver that does not search yet, or that is late with a stop."""
        late = time.time() - stop.time - GRACE_S
        begun = record.state in ("running", "stopping")
        if not begun or late > LATE_S:
            number = signal.SIGKILL if late > 2 * LATE_S else signal.SIGTERM
            self._drivers.end(submission.launch or "", record.driver, number)

    def _withdrawn(self, submission: Submission, stop: Change) -> bool:
        """Take back a launch that no driver has answered yet."""
        told = f"stopped by {stop.user}"
        with contextlib.suppress(LeaseError):
            return self._ended(submission.sweep, ("stopped", told))
        return False

    def _ended(
        self, sweep: str, told: tuple[SweepState, str] | None = None, dead: bool = False
    ) -> bool:
        """A launched sweep is over; ``told`` where its driver has not recorded it."""
        done = self._records.submissions.end(sweep, "launched", told, dead=dead)
        if done:
            self.over(sweep)
        return done

    def _gone(
        self, submission: Submission, record: SweepRecord, stop: Change | None, dead: bool
    ) -> None:
        """No driver is there any more: the sweep is over, or another one goes on with it."""
        sweep, submissions = submission.sweep, self._records.submissions
        how = self._drivers.ended(sweep, submission.launch or "")
        state = record.last.get("state")
        if state in FINAL:
            log.info("%s is %s", sweep, state)
            self._ended(sweep)
            return
        if stop is not None:
            self._ended(sweep, ("stopped", f"stopped by {stop.user}"), dead)
            return
        self.deaths += 1
        entries = self._records.entries(sweep)
        ended = sum(e.kind == "ended" and e.body["state"] in BUDGETED for e in entries)
        deaths = 1 if ended > submission.trials else submission.deaths + 1
        log.warning("%s: %s (%d trials had ended)", sweep, how, ended)
        if deaths < DEATHS_ALLOWED:
            submissions.back(sweep, deaths, ended, f"{how}; another goes on", dead=dead)
            return
        reason = f"{how}, {deaths} times without a trial having ended: quintain logs {sweep}"
        self._ended(sweep, ("failed", reason), dead)
