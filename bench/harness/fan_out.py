"""Fan-out of one job's events to many sockets, beside a bare Starlette handler and `websockets`.

    python -m bench.harness.fan_out [--sockets 500] [--frames 2000] [--runs 3]

Each server runs in a process of its own, the clients in another one: they only count bytes, so
that they are not what is measured. `relay` is the events service as it is: bus (memory), parsing,
joining on `seq`; the other two only repeat one text. Two figures, medians of alternating runs:

- burst: as fast as it goes. Frames per second that arrive at all sockets together, from the first
  one sent to the last one received. The relay writes frames that come close together in one go;
  the other two write each alone, and that is most of the difference.
- paced: so few events per second that each is written alone by all three; microseconds of the
  server's CPU per frame. What the relay does besides writing shows here.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.harness.fan_out_clients import clients
from bench.harness.fan_out_servers import broadcast_server, relay_server, run, starlette_server
from bench.harness.processes import ROOT

KINDS = ("relay", "starlette", "broadcast")
PACED = 50
"""Events per second of the paced measurement."""


class Child:
    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.harness.fan_out", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise SystemExit("a process of the bench has ended; see above")
        return line

    def say(self, what: object) -> None:
        assert self._process.stdin is not None
        print(what, file=self._process.stdin, flush=True)

    def cpu(self) -> float:
        """Return the seconds of CPU it has used."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def measure(kind: str, sockets: int, frames: int) -> tuple[float, float]:
    """Return burst's frames per second, and paced's microseconds of CPU per frame."""
    server = Child("--server", kind)
    port, token = server.hear().split()
    crowd = Child("--clients", port, token, str(sockets))
    try:
        assert crowd.hear() == "connected"
        _send(server, crowd, max(1, frames // 10))  # warms up
        rate = frames * sockets / _send(server, crowd, frames)
        cpu = server.cpu()
        _send(server, crowd, 2 * PACED, 1 / PACED)
        return rate, (server.cpu() - cpu) / (2 * PACED * sockets) * 1e6
    finally:
        crowd.end()
        server.end()


def _send(server: Child, crowd: Child, count: int, pause: float = 0) -> float:
    """Return the seconds from the first frame sent to the last one received."""
    crowd.say(count)
    assert crowd.hear() == "counting"
    started = time.monotonic()
    server.say(f"{count} {pause}")
    return float(crowd.hear()) - started


def compare(sockets: int, frames: int, runs: int) -> None:
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for number in range(runs):
        for kind in KINDS[number % 3 :] + KINDS[: number % 3]:
            found[kind].append(measure(kind, sockets, frames))
            rate, cpu = found[kind][-1]
            print(f"run {number + 1} {kind:10} {rate:10,.0f} frames/s {cpu:6.2f} us CPU/frame")
    rates = {kind: statistics.median(rate for rate, _ in some) for kind, some in found.items()}
    costs = {kind: statistics.median(cpu for _, cpu in some) for kind, some in found.items()}
    print(f"medians of {runs}, {sockets} sockets, one job:")
    for kind in KINDS:
        print(f"  {kind:10} burst {rates[kind]:10,.0f} frames/s, paced {costs[kind]:6.2f} us/frame")
    for other in ("starlette", "broadcast"):
        burst, paced = rates["relay"] / rates[other], costs[other] / costs["relay"]
        print(f"relay : {other:10} burst {burst:6.2f}, paced {paced:6.2f}")
    print("at least 0.9 of starlette is asked for")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--frames", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--server", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--clients", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.server:
        servers = {
            "relay": relay_server,
            "starlette": starlette_server,
            "broadcast": broadcast_server,
        }
        run(servers[given.server]())
    elif given.clients:
        port, token, sockets = given.clients
        run(clients(int(port), token, int(sockets), 0))
    else:
        compare(given.sockets, given.frames, given.runs)


if __name__ == "__main__":
    main()
