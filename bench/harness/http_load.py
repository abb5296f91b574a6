"""A load generator: one GET over and over on each of N kept-alive connections.

`python -m bench.harness.http_load PORT PATH TOKEN CONNECTIONS SECONDS` prints one JSON line. It parses no more of an answer
than its length and its status, so that it takes little of the machine from what it measures.
"""

import asyncio
import json
import re
import statistics
import sys
import time
from typing import Any

import uvloop

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """Asks again as soon as the answer is there."""

    def __init__(self, request: bytes, latencies: list[float]) -> None:
        self._request = request
        self._latencies = latencies
        self._buffer = b""
        self.counting = False
        self.stopped = False
        self.fault = ""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or not self._whole(head, body):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.fault = self._buffer[:300].decode(errors="replace")
            self._transport.close()
            return
        self._buffer = b""
        if self.counting:
            self._latencies.append(time.perf_counter() - self._asked)
        if self.stopped:
            self._transport.close()
        else:
            self._ask()

    def _whole(self, head: bytes, body: bytes) -> bool:
        length = _LENGTH.search(head)
        if length is None:  # chunked
            return body.endswith(b"0\r\n\r\n")
        return len(body) >= int(length[1])


async def main() -> None:
    port, path, token, connections, seconds = sys.argv[1:]
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    held = [
        (
            await loop.create_connection(
                lambda: Connection(request, latencies), "127.0.0.1", int(port)
            )
        )[1]
        for _ in range(int(connections))
    ]
    await asyncio.sleep(0.5)  # warms up
    started = time.perf_counter()
    for one in held:
        one.counting = True
    await asyncio.sleep(float(seconds))
    for one in held:
        one.counting, one.stopped = False, True
    elapsed = time.perf_counter() - started
    faults = [one.fault for one in held if one.fault]
    if faults:
        raise SystemExit(f"not every answer was a 200: {faults[0]}")
    quantiles = statistics.quantiles(latencies, n=100)
    found = {
        "requests_per_s": len(latencies) / elapsed,
        "p50_ms": quantiles[49] * 1000,
        "p99_ms": quantiles[98] * 1000,
        "own_cpu_share": time.process_time() / elapsed,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    uvloop.run(main())
