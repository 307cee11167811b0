"""Calls one address from many clients at once over kept connections: as fast as they can, or at a rate. Not a product.

Plain HTTP/1.1 on asyncio streams: a full client library would take more of the two cores than the server it measures.
"""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Body = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Load:
    """How a side is called: by so many clients for so long; `rate` calls a second over all of them, 0: no pause."""

    clients: int
    seconds: float
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What the clients saw, in milliseconds. Of paced calls a latency counts from when the call was due."""

    calls: int
    per_second: float
    p50_ms: float
    p99_ms: float


class Refused(Exception):
    """An answer that is not 200; a benchmark that measures refusals measures nothing."""


def call_all(port: int, path: str, headers: dict[str, str], body: Body, load: Load) -> Answered:
    """Calls until the time is over; raises Refused at the first answer that is not 200."""
    return asyncio.run(_all(port, path, headers, body, load))


async def _all(port: int, path: str, headers: dict[str, str], body: Body, load: Load) -> Answered:
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "hub", **headers}.items())
    begin = f"POST {path} HTTP/1.1\r\n{head}Content-Type: application/json\r\nContent-Length: ".encode()
    latencies: list[float] = []
    begun = time.perf_counter()
    await asyncio.gather(*(_one(port, begin, body, load, number, latencies) for number in range(load.clients)))
    took = time.perf_counter() - begun
    cuts = statistics.quantiles(latencies, n=100)
    return Answered(len(latencies), round(len(latencies) / took, 1), round(cuts[49], 1), round(cuts[98], 1))


async def _one(port: int, begin: bytes, body: Body, load: Load, number: int, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    pause = load.clients / load.rate if load.rate else 0.0
    begun = time.perf_counter()
    until, due, at = begun + load.seconds, begun + pause * number / load.clients, number
    while (now := time.perf_counter()) < until:
        if pause:
            if due >= until:
                break
            await asyncio.sleep(max(0.0, due - now))
            now, due = due, due + pause
        sent = body(at)
        writer.write(begin + str(len(sent)).encode() + b"\r\n\r\n" + sent)
        await _answer(reader)
        latencies.append((time.perf_counter() - now) * 1000)
        at += load.clients
    writer.close()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    content = await reader.readexactly(int(length))
    if not head.startswith(b"HTTP/1.1 200"):
        raise Refused(f"{head[:20]!r} {content[:300]!r}")
