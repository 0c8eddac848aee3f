"""The first process of a host: it mounts what is the host's own, and reaps what dies.

``python first_process.py FOLDER SHARED NAME``: run by ``drills.hosts`` in new namespaces. When it
is killed, the kernel kills every process of the host with it: a power cut.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys


def mount(*arguments: str) -> None:
    """One mount, or the end of it all."""
    subprocess.run(["mount", *arguments], check=True)


def main(folder: str, shared: str, name: str) -> None:
    """Make the host, say so on standard output, then reap for ever."""
    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")
    mount("-t", "tmpfs", "-o", "size=1g", "shm", "/dev/shm")
    disk = f"{folder}/disk"
    os.makedirs(disk, exist_ok=True)  # not in memory: a host that comes back has it still
    os.makedirs(f"{disk}/shared", exist_ok=True)
    os.makedirs(f"{disk}/home", exist_ok=True)
    mount("--bind", shared, f"{disk}/shared")
    mount("--rbind", disk, "/tmp")
    socket.sethostname(name)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # nothing of a host outlives who made it
    print("up", flush=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.pause()
        except InterruptedError:
            continue


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that pause() ends when one dies
    main(*sys.argv[1:4])
