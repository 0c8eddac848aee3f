"""The profiler against known truths: memory that was taken, seconds that were burnt."""

import hashlib
import math
import mmap
import sys
import threading
import time

import numpy as np
import pytest

from evaluators import profiler
from evaluators.family import LinuxFamily, PortableFamily, this_family
from evaluators.memory import MemoryWatch, Peak
from evaluators.process import MB, HighMark
from evaluators.profiler import Profiler, Sampler
from evaluators.types import Resources

pytestmark = pytest.mark.measures
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
needs_mark = pytest.mark.skipif(
    not this_family().sees_short_peaks, reason="the kernel's mark cannot be reset here"
)
#: MB by which a peak may be off: what the allocator and the test itself take.
NOISE = 5


def peak_of(work):
    """How far the peak of ``work`` lies above what the process has anyway, in MB."""
    with Profiler() as before:
        pass
    with Profiler() as meter:
        work()
    return meter.resources.peak_mb - before.resources.peak_mb


def burn(seconds):
    """Use so many CPU seconds of this thread, mostly without the interpreter lock."""
    block = bytes(1 << 20)
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        hashlib.sha256(block).digest()


def touched_bytearray(size):
    kept = bytearray(size)
    time.sleep(0.05)
    return len(kept)


def ones(size):
    kept = np.ones(size // 8)
    time.sleep(0.05)
    return kept.nbytes


def one_call_with_the_lock(size):
    """Taken, written and freed inside one C call, during which no other thread can run Python."""
    return sum(map(len, map(bytearray, [size])))


@pytest.mark.parametrize("megabytes", [50, 300])
@pytest.mark.parametrize(
    "allocate",
    [touched_bytearray, ones, pytest.param(one_call_with_the_lock, marks=needs_mark)],
)
def test_a_short_peak_is_seen(allocate, megabytes):
    """Memory that lives 50 ms, or for one C call that holds the interpreter lock, is measured."""
    assert peak_of(lambda: allocate(megabytes * MB)) == pytest.approx(megabytes, abs=NOISE)


@needs_mark
def test_a_large_trial_leaves_no_peak_on_the_next():
    """In a reused worker a small piece of work does not inherit the peak of a large one."""
    assert peak_of(lambda: one_call_with_the_lock(300 * MB)) > 280
    assert peak_of(lambda: touched_bytearray(5 * MB)) == pytest.approx(5, abs=NOISE)


@linux
def test_what_malloc_keeps_is_not_the_next_trials():
    """Freed blocks that malloc kept are handed back first, unless the next is the same trial."""

    def many_blocks():
        blocks = [bytes(50_000) for _ in range(2500)]
        fence = bytes(50_000)  # above them, so that malloc cannot give the rest back by itself
        blocks.clear()
        return fence

    with Profiler() as before:
        pass
    fence = many_blocks()
    with Profiler(fresh=False) as same_trial:
        pass
    with Profiler() as next_trial:
        pass
    assert len(fence) == 50_000
    assert same_trial.resources.peak_mb > before.resources.peak_mb + 100
    assert next_trial.resources.peak_mb == pytest.approx(before.resources.peak_mb, abs=NOISE)


@linux
def test_mapped_files_are_not_own_memory(tmp_path):
    """Pages of a memory-mapped file, still mapped at the end or not, do not count."""
    path = tmp_path / "shared.bin"
    with path.open("wb") as file:
        file.truncate(100 * MB)
    kept = []

    def read_and_keep():
        kept.append(np.memmap(path, np.uint8, "r"))
        assert not kept[0].any()

    def read_and_close():
        mapped = np.memmap(path, np.uint8, "r")
        assert not mapped.any()
        time.sleep(0.4)  # so that even a late sampler sees it once

    assert peak_of(read_and_keep) < NOISE
    kept.clear()
    assert peak_of(read_and_close) < NOISE


@linux
def test_shared_arrays_are_not_own_memory():
    """A shared-memory array paged in during the work is left out; what is own beside it is not."""
    with mmap.mmap(-1, 100 * MB) as shared:
        part = bytes(MB)

        def fill():
            for start in range(0, len(shared), MB):
                shared[start : start + MB] = part

        assert peak_of(fill) < NOISE
        assert peak_of(lambda: one_call_with_the_lock(50 * MB)) == pytest.approx(50, abs=NOISE)


@needs_mark
def test_shared_pages_after_a_short_peak_do_not_hide_it():
    """A short own peak is kept although mapped pages later fill the same room."""
    with mmap.mmap(-1, 100 * MB) as shared:

        def work():
            one_call_with_the_lock(100 * MB)
            time.sleep(0.3)  # a sample falls between the two
            for start in range(0, len(shared), mmap.PAGESIZE):
                shared[start] = 1

        assert peak_of(work) == pytest.approx(100, abs=NOISE)


@linux
def test_without_the_kernels_mark_samples_remain():
    """Where the mark of the highest memory cannot be reset, samples are taken, and it is said."""
    watch, peak = MemoryWatch(LinuxFamily(HighMark("/proc/no-such-file"))), Peak()
    assert not watch.sees_short_peaks
    before = watch.look().own / MB
    watch.begin(peak)
    kept = bytearray(50 * MB)
    assert not watch.look().exact
    watch.end(peak)
    assert peak.mb - before == pytest.approx(len(kept) / MB, abs=NOISE)


@needs_mark
def test_a_mark_that_cannot_be_reset_tells_a_record():
    """An unsampled peak is seen if it is the process's highest so far, and not told twice."""
    watch, record, later = MemoryWatch(LinuxFamily(HighMark("/proc/no-such-file"))), Peak(), Peak()
    HighMark().reset()
    watch.look()
    watch.begin(record)
    one_call_with_the_lock(100 * MB)
    watch.end(record)
    watch.begin(later)
    one_call_with_the_lock(50 * MB)
    watch.end(later)
    assert record.mb - later.mb == pytest.approx(100, abs=NOISE)


def test_the_profiler_says_when_short_peaks_may_be_missed(monkeypatch):
    """The portable source (psutil) measures a peak that lasts, and is told apart.

    Bytes read, which it cannot tell, are undefined rather than none.
    """
    sampler = Sampler(MemoryWatch(PortableFamily()))
    monkeypatch.setattr(profiler, "_shared", sampler)
    with Profiler() as before:
        pass
    with Profiler() as meter:
        kept = bytearray(50 * MB)
        burn(0.2)
    assert not meter.sees_short_peaks
    used = meter.resources
    assert used.peak_mb - before.resources.peak_mb == pytest.approx(len(kept) / MB, abs=NOISE)
    assert used.cpu_s == pytest.approx(0.2, abs=0.15)
    assert math.isnan(used.bytes_read)
    assert used.threads >= 1


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_cpu_seconds_of_threads(threads):
    """User and system seconds of all threads are counted, the sampler's own left out."""

    def burn_and_stay():
        burn(0.2)
        leave.wait()

    with Profiler():
        leave = threading.Event()
    time.sleep(0.1)  # threads of earlier tests are gone, the sampler is there
    before = this_family().sample().threads
    began = time.process_time()
    with Profiler() as meter:
        workers = [threading.Thread(target=burn_and_stay) for _ in range(threads)]
        for worker in workers:
            worker.start()
        time.sleep(0.4)  # some sample meets all of them
        leave.set()
        for worker in workers:
            worker.join()
    spent = time.process_time() - began
    used = meter.resources
    assert 0.2 * threads <= used.cpu_s
    # work and measuring are told apart: the two together are all that the process used
    assert spent - 0.02 < used.cpu_s + meter.cost_s <= spent + 0.0005
    assert used.threads == before + threads - 1  # the sampler's is left out


def test_phases_add_up():
    """A phase may come again; phases and the whole are wall seconds."""
    with Profiler() as meter:
        for _ in range(2):
            with meter.phase("load"):
                time.sleep(0.02)
            with meter.phase("fit"):
                time.sleep(0.05)
        with meter.phase("score"):
            time.sleep(0.03)
    used = meter.resources
    assert used.load_s >= 0.04
    assert used.fit_s >= 0.1
    assert used.score_s >= 0.03
    assert used.wall_s >= used.load_s + used.fit_s + used.score_s


def test_a_phase_that_raises_is_counted():
    """A failing fit leaves its cost, and sampling ends with it."""

    def failing_fit():
        with meter, meter.phase("fit"):
            kept = bytearray(50 * MB)
            time.sleep(0.05)
            raise ZeroDivisionError(len(kept))

    meter = Profiler()
    with pytest.raises(ZeroDivisionError):
        failing_fit()
    used = meter.resources
    assert used.wall_s >= used.fit_s >= 0.05
    assert used.peak_mb > 50
    time.sleep(0.2)
    assert meter.resources == used
    assert profiler._sampler()._wanted == 0


def test_figures_so_far():
    """While a block still runs its figures grow, an open phase included; before it all are zero."""
    meter = Profiler()
    assert meter.resources == Resources()
    with meter, meter.phase("fit"):
        burn(0.05)
        seen = []
        reader = threading.Thread(target=lambda: seen.append(meter.resources))
        reader.start()
        reader.join()
        burn(0.05)
    assert seen[0].fit_s >= 0.05
    assert seen[0].cpu_s >= 0.04
    assert seen[0].peak_mb > 0
    assert meter.resources.fit_s > seen[0].fit_s
    assert meter.resources.cpu_s > seen[0].cpu_s


@needs_mark
def test_nested_profilers_are_both_right():
    """An inner profiler sees its own part only, the outer one all of it."""
    with Profiler() as before:
        pass
    base = before.resources.peak_mb
    with Profiler() as outer:
        one_call_with_the_lock(100 * MB)
        with Profiler() as inner:
            touched_bytearray(50 * MB)
        with Profiler() as last:
            burn(0.1)
    assert outer.resources.peak_mb - base == pytest.approx(100, abs=NOISE)
    assert inner.resources.peak_mb - base == pytest.approx(50, abs=NOISE)
    assert last.resources.peak_mb - base == pytest.approx(0, abs=NOISE)
    assert outer.resources.cpu_s + 0.01 > inner.resources.cpu_s + last.resources.cpu_s


def test_misuse_is_refused():
    """A profiler measures one block; phases do not nest, and belong inside of it."""
    meter = Profiler()
    with pytest.raises(RuntimeError, match="outside of its block"), meter.phase("fit"):
        raise AssertionError
    with meter:
        with pytest.raises(ValueError, match="one of load, fit, score"), meter.phase("fitt"):
            raise AssertionError
        with (
            meter.phase("fit"),
            pytest.raises(RuntimeError, match="inside phase 'fit'"),
            meter.phase("score"),
        ):
            raise AssertionError
    with pytest.raises(RuntimeError, match="make a new one"), meter:
        raise AssertionError


def test_the_cost_of_measuring_is_small():
    """Entering and leaving cost well under a millisecond, sampling a small share of a core."""
    costs = []
    for _ in range(100):
        with Profiler() as tiny:
            pass
        costs.append(tiny.cost_s)
    assert sorted(costs)[50] < 0.001
    with Profiler() as meter:
        burn(0.4)
    assert 0 < meter.cost_s < 0.03 * max(meter.resources.wall_s, meter.resources.cpu_s)


def test_one_sampler_serves_all():
    """However many profilers there are, one thread samples for them, and it rests between."""
    for _ in range(20):
        with Profiler():
            pass
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("quintain-sampler") <= 2  # one more stands in a test of this file
    sampler = profiler._sampler()
    deadline = time.monotonic() + 30
    while sampler._wake.is_set() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.1)
    cost_s = sampler.cost_s()
    time.sleep(0.2)
    assert sampler.cost_s() == cost_s
