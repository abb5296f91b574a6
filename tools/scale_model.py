"""How many of what a load needs: unit costs times rates, by the figures of `bench/costs.json`.

Nothing here is measured. Each function is one line of docs/how-to/scale.md's arithmetic.
"""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

COSTS = Path(__file__).parent.parent / "bench/costs.json"
LOOKERS = 16
"""Workers that look in a round: executor.domain.worker.lookout.LOOKERS, held equal by a test."""
_LEAST = 2
"""Processes of a kind, so that one may be lost."""


@dataclass(frozen=True)
class Level:
    """A load. `slots` is KASAL_WORKER_SLOTS there."""

    name: str
    jobs_per_minute: float
    sockets: int
    slots: int

    @property
    def rate(self) -> float:
        return self.jobs_per_minute / 60


class Model:
    """The figures, and what follows from them. `told` is what the file holds."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.value = {
            k: float(v[0]) for part in ("measured", "assumed") for k, v in told[part].items()
        }
        self.levels = [Level(**level) for level in told["levels"]]

    @classmethod
    def read(cls, path: Path = COSTS) -> "Model":
        return cls(json.loads(path.read_text()))

    def __getitem__(self, name: str) -> float:
        return self.value[name]

    @cached_property
    def limits(self) -> dict[str, float]:
        """Jobs a second that one broker can take at full load, by what limits them."""
        pair = 1 / self["bindings_per_s"] + 1 / self["unbindings_per_s"]
        watched = max(self["watched"] * self["binding_cluster_factor"], 1e-9)
        return {
            "queue `crews.events`": self["events_queue_per_s"] / self["crews_messages_per_job"],
            "bindings of watched jobs": 1 / pair / watched,
            "queue `jobs`": self["job_queue_per_s"],
        }

    @property
    def cell(self) -> float:
        """Jobs a second that one platform with one broker is planned for."""
        return min(self.limits.values()) * self["headroom"]

    def plan(self, level: Level) -> "Plan":
        return Plan(self, level)

    def processes(self, ms_per_s: float) -> int:
        """How many single-core processes do that work, with headroom."""
        return max(_LEAST, math.ceil(ms_per_s / 1000 / self["headroom"]))


@dataclass(frozen=True)
class Plan:
    """What one level needs: how many cells, and all else for each of them."""

    model: Model
    level: Level

    @property
    def cells(self) -> int:
        return math.ceil(self.level.rate / self.model.cell)

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.level.rate / self.cells

    @property
    def sockets(self) -> float:
        return self.level.sockets / self.cells

    @property
    def at_once(self) -> float:
        return self.rate * self.model["run_seconds"]

    @property
    def requests(self) -> float:
        return self.rate * self.model["requests_per_job"]

    @property
    def gateways(self) -> int:
        more = self.requests - self.rate
        used = self.rate * self.model["gateway_ms_per_job"]
        return self.model.processes(used + more * self.model["gateway_ms_per_request"])

    @property
    def apis(self) -> int:
        return self.model.processes(self.rate * self.model["api_ms_per_job"])

    @property
    def crews(self) -> int:
        return self.model.processes(self.rate * self.model["crews_ms_per_job"])

    @property
    def workers(self) -> int:
        """By slots, of which a quarter stays free, or by CPU: whichever needs more."""
        by_slots = math.ceil(self.at_once / (0.75 * self.level.slots))
        by_cpu = self.model.processes(self.rate * self.model["worker_ms_per_job"])
        return max(by_slots, by_cpu)

    @property
    def relays(self) -> int:
        by_sockets = math.ceil(self.sockets / self.model["sockets_per_relay"])
        watched = self.rate * self.model["watched"]
        return max(by_sockets, self.model.processes(watched * self.model["events_ms_per_job"]))

    @property
    def relay_mib(self) -> float:
        sockets = self.sockets / self.relays
        return self.model["idle_mib"] + sockets * self.model["events_kib_per_socket"] / 1024

    @property
    def worker_mib(self) -> float:
        """Without the models' libraries and what runs hold in tools."""
        jobs = self.at_once / self.workers
        return self.model["idle_mib"] + jobs * self.model["worker_mib_per_job"]

    @property
    def rabbitmq_cores(self) -> float:
        return self.rate * self.model["rabbitmq_ms_per_job"] / 1000 / self.model["headroom"]

    @property
    def crews_messages(self) -> float:
        return self.rate * self.model["crews_messages_per_job"]

    @property
    def binding_changes(self) -> float:
        return 2 * self.rate * self.model["watched"]

    @property
    def writes(self) -> float:
        each = self.model["writes_per_job"] + self.model["crews_writes_per_job"]
        return self.rate * each

    @property
    def shards(self) -> int:
        """By writes, or by the bytes that are kept: whichever needs more."""
        by_writes = self.writes / (self.model["shard_writes_per_s"] * self.model["headroom"])
        by_bytes = self.gib_per_day * self.model["kept_days"] / self.model["shard_gib"]
        return math.ceil(max(by_writes, by_bytes))

    @property
    def gib_per_day(self) -> float:
        return self.rate * 86_400 * self.model["job_bytes"] / 2**30

    @property
    def redis_cores(self) -> float:
        calls = self.requests + self.rate * self.model["watched"]
        return calls * self.model["redis_us_per_request"] / 1e6 / self.model["headroom"]

    @property
    def beats(self) -> float:
        return self.workers * self.model["beats_per_worker_s"]

    @property
    def looks(self) -> float:
        """Queries that workers send to every shard, for jobs without a worker and for their own."""
        own = self.model["own_looks_per_worker_s"]
        by_lot = self.model["looks_per_worker_s"] - own
        return min(self.workers, LOOKERS) * by_lot + self.workers * own

    @property
    def looks_by_all(self) -> float:
        """The same if each worker searched, as in earlier versions."""
        return self.workers * self.model["looks_per_worker_s"]

    @property
    def leases_read(self) -> float:
        """Documents a second: each worker reads all leases twice."""
        return 2.0 * self.workers**2
