"""The sources of samples: descendants living, ended, forked or late, and pages that come and go."""

import mmap
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import numpy as np
import psutil
import pytest

from evaluators import process
from evaluators.family import LinuxFamily, PortableFamily, this_family
from evaluators.process import MB, LinuxProcess
from evaluators.profiler import Profiler

pytestmark = pytest.mark.measures
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@contextmanager
def child(code):
    """A Python child that runs ``code``, tells its CPU seconds and waits for its stdin's end."""
    code = (
        "import sys, time\n"
        "def burn(seconds):\n"
        "    end = time.process_time() + seconds\n"
        "    while time.process_time() < end: pass\n"
        f"{code}\nprint(time.process_time(), flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process, float(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("family", [PortableFamily, this_family])
def test_cpu_and_memory_of_a_living_child(family):
    """Both sources count a child's memory and seconds while it lives."""
    source = family()
    before, cpu_before = source.sample(), source.cpu_s()
    with child("kept = bytearray(100 << 20); burn(0.3)") as (process, used_s):
        time.sleep(0.6)  # both sources list children at their own pace
        own, _, threads, exact = source.sample()
        assert source.cpu_s() - cpu_before == pytest.approx(used_s, abs=0.2)
        assert own - before.own > 95 * MB
        assert threads > before.threads
        assert not exact
        process.stdin.close()
        process.wait()


def test_cpu_seconds_of_a_child_that_ended():
    """A child that was waited for counts with exactly what the kernel charged for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.process_time()
    with Profiler() as meter, child("burn(0.3)") as (process, _):
        process.stdin.close()
        process.wait()
    own_s = time.process_time() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    charged = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert charged > 0.3
    assert meter.resources.cpu_s == pytest.approx(charged + own_s, abs=0.05)


@linux
def test_a_child_is_counted_once_though_it_ends_later():
    """Seconds that a child used before are not counted again when it is waited for."""
    with ExitStack() as stack:
        with Profiler() as first:
            process, used_s = stack.enter_context(child("burn(0.4)"))
            time.sleep(0.1)
        with Profiler() as second:
            process.stdin.close()
            process.wait()
    assert first.resources.cpu_s == pytest.approx(used_s, abs=0.1)
    assert second.resources.cpu_s < 0.2


@linux
def test_workers_of_joblib_that_stay_alive():
    """The loky workers' seconds and memory count although nobody waits for them."""
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    def in_worker(seconds, megabytes):
        kept = bytearray(megabytes << 20)
        end = time.process_time() + seconds
        while time.process_time() < end:
            kept[-1] = 1
        time.sleep(0.2)

    def workers_s():
        children = psutil.Process().children(recursive=True)
        return sum(sum(child.cpu_times()[:2]) for child in children)

    run = Parallel(n_jobs=2)
    try:
        run(delayed(in_worker)(0.01, 1) for _ in range(2))
        with Profiler() as before:
            pass
        own_s, others_s = time.process_time(), workers_s()
        with Profiler() as meter:
            run(delayed(in_worker)(0.3, 100) for _ in range(2))
        own_s, others_s = time.process_time() - own_s, workers_s() - others_s
    finally:
        get_reusable_executor().shutdown(wait=True)
    assert others_s >= 0.55
    assert meter.resources.cpu_s == pytest.approx(others_s + own_s, abs=0.1)
    assert meter.resources.peak_mb - before.resources.peak_mb > 90


@linux
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forks_do_not_count_their_parents_memory_again():
    """Pages that a forked child shares with its parent are counted once, its own beside them."""
    fork = multiprocessing.get_context("fork")
    with Profiler() as before:
        pass
    kept = np.ones(150 * MB // 8)
    with Profiler() as meter:
        forks = [fork.Process(target=touched_for_a_while) for _ in range(2)]
        for each in forks:
            each.start()
        for each in forks:
            each.join()
    above = meter.resources.peak_mb - before.resources.peak_mb
    assert [each.exitcode for each in forks] == [0, 0]
    assert 150 + 60 < above < 150 + 2 * 60 + 60
    assert kept[0] == 1


@linux
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_is_seen_however_dear_it_is_to_compare_forks(monkeypatch):
    """What a fork shares took 30 ms to read: again in 12 s, but new children are seen at once."""
    shared = process.shared_with_parent

    def dear(pid, parent):
        until = time.thread_time() + 0.03
        while time.thread_time() < until:
            pass
        return shared(pid, parent)

    monkeypatch.setattr(process, "shared_with_parent", dear)
    family = LinuxFamily()
    fork = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1.0,))
    fork.start()
    for _ in range(20):
        alone = family.sample().own
        time.sleep(0.01)
    program = f"kept = bytearray({60 * MB}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdout.readline()
        time.sleep(0.5)
        together = family.sample().own
        child.communicate(b"\n")
    fork.join()
    assert together - alone > 55 * MB


def touched_for_a_while():
    kept = bytearray(60 * MB)
    time.sleep(0.6)
    assert len(kept) == 60 * MB


@linux
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_can_measure_too():
    """A child forked while its parent is measured has a sampler of its own and is not stuck."""
    with Profiler():
        worker = multiprocessing.get_context("fork").Process(target=measure_and_check)
        worker.start()
        worker.join(60)
    assert worker.exitcode == 0


def measure_and_check():
    with Profiler() as before:
        pass
    with Profiler() as meter:
        kept = bytearray(40 * MB)
        time.sleep(0.05)
    assert meter.resources.peak_mb - before.resources.peak_mb > len(kept) / MB - 12


@linux
def test_a_process_is_not_mistaken_for_its_successor():
    """A process that has ended and was waited for raises, whatever runs under its number now."""
    worker = subprocess.Popen(["sleep", "60"])
    watched = LinuxProcess(worker.pid)
    assert watched.reading() is not None
    worker.kill()
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    assert watched.reading() is None  # a zombie has no memory, but still its seconds
    assert watched.cpu_s() >= 0
    worker.wait()
    with pytest.raises(ProcessLookupError):
        watched.reading()
    with pytest.raises(ProcessLookupError):
        watched.cpu_s()
    watched.close()


@linux
def test_a_name_with_brackets_and_blanks_is_read():
    """The kernel puts a process's name, whatever it is, between the figures."""
    rename = "open('/proc/self/comm', 'w').write('a) R 1 (2 3'); burn(0.2)"
    with child(rename) as (process, used_s):
        assert LinuxProcess(process.pid).cpu_s() == pytest.approx(used_s, abs=0.05)


@linux
def test_no_file_stays_open():
    """Children that came and went leave no descriptor behind."""
    source = LinuxFamily()
    source.sample()
    before, during = len(os.listdir("/proc/self/fd")), 0
    for _ in range(3):
        with subprocess.Popen(["sleep", "60"]) as worker:
            time.sleep(0.2)
            source.sample()
            during = max(during, len(os.listdir("/proc/self/fd")))
            worker.kill()
        source.sample()
    with pytest.raises(OSError, match="No such"):
        LinuxProcess(worker.pid)
    assert during == before + 3
    assert len(os.listdir("/proc/self/fd")) == before


@linux
def test_grandchildren_and_later_children_are_found():
    """A child of a child counts, and so does one that is started while others are known."""
    source = LinuxFamily()
    before = source.sample()
    grandchild = (
        "import subprocess; kept = subprocess.Popen("
        "[sys.executable, '-c', 'import time; kept = bytearray(50 << 20); time.sleep(60)'])"
    )
    with child("kept = bytearray(30 << 20)"):
        source.sample()
        with child(grandchild + "; import atexit; atexit.register(kept.kill)") as (process, _):
            deadline = time.monotonic() + 30
            while source.sample().own < before.own + 80 * MB and time.monotonic() < deadline:
                time.sleep(0.05)
            assert source.sample().own - before.own == pytest.approx((80 + 30) * MB, abs=30 * MB)
            process.stdin.close()
            process.wait()


@linux
def test_a_file_that_grew_and_went_is_not_own_memory():
    """Pages seen to come, then to be gone at the next sample, are not taken for a short peak."""
    source = LinuxFamily()
    source.sample()
    with mmap.mmap(-1, 100 * MB) as shared:
        for start in range(0, 50 * MB, mmap.PAGESIZE):
            shared[start] = 1
        source.sample()
        for start in range(50 * MB, 100 * MB, mmap.PAGESIZE):
            shared[start] = 1
    own, highest, *_ = source.sample()
    assert highest - own < 12 * MB


@linux
@pytest.mark.skipif(this_family().bytes_read() is None, reason="this kernel hides read_bytes")
@pytest.mark.parametrize("way", ["read", "mapped", "child"])
def test_bytes_that_storage_delivers(way, tmp_path):
    """A file that is in no cache counts however it is read, also by a child; a cached one not."""
    path = tmp_path / "cold.bin"
    with path.open("wb") as file:
        file.write(os.urandom(20 * MB))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def read():
        if way == "child":
            subprocess.run([sys.executable, "-c", f"open({str(path)!r}, 'rb').read()"], check=True)
        elif way == "mapped":
            assert np.memmap(path, np.uint8, "r").any()
        else:
            path.read_bytes()

    with Profiler() as cold:
        read()
    with Profiler() as warm:
        read()
    if cold.resources.bytes_read == 0:
        pytest.skip("this folder is in memory")
    assert 20 * MB <= cold.resources.bytes_read < 60 * MB
    assert warm.resources.bytes_read < MB
