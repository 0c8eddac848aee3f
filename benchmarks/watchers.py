"""Watchers of one sweep, for ``benchmarks.service_load``: they read its events, and no more.

``python -m benchmarks.watchers PORT SWEEP AFTER COUNT`` says "ready" once all of them are answered,
reads until its standard input is closed, then prints how many entries each was told. Nothing is
parsed: watchers stand in for other machines, and are to take as little as possible of this one.
"""

import asyncio
import json
import sys

#: What each entry has once.
MARK = b"event: entry\n"


async def watch(port: int, sweep: str, after: int, told: list[int], place: int) -> None:
    """Count the entries that come after a number, until the stream ends or this is cancelled."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path = f"/v1/sweeps/{sweep}/events?after={after}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    rest = await reader.readuntil(b"\r\n\r\n")
    told[place] = 0
    try:
        while piece := await reader.read(1 << 16):
            told[place] += (rest + piece).count(MARK)
            rest = (rest + piece)[1 - len(MARK) :]  # too short to hold a whole mark
    finally:
        writer.close()


async def crowd(port: int, sweep: str, after: int, count: int) -> list[int]:
    """So many at once; what each was told."""
    told = [-1] * count
    watching = [asyncio.create_task(watch(port, sweep, after, told, n)) for n in range(count)]
    while min(told, default=0) < 0:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for each in watching:
        each.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    return told


if __name__ == "__main__":
    numbers = [int(each) for each in (sys.argv[1], *sys.argv[3:])]
    print(json.dumps(asyncio.run(crowd(numbers[0], sys.argv[2], *numbers[1:]))))
