"""Celery worker nodes of one process each, and their load generator, over a stack's backends."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bench.harness.processes import ROOT, cpu_seconds, run_module, tree
from bench.peers.environments import celery_python

_FLAGS = (
    "--pool=prefork",
    "--concurrency=1",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
)


class CeleryWorkers:
    """Nodes by name, each a process group of its own: the node and the child that runs tasks."""

    def __init__(self, broker: str, redis: str, folder: Path, model: str = "") -> None:
        self._python = celery_python()
        self._folder = folder
        self._environment = {
            **os.environ,
            "BROKER_URL": broker,
            "RESULT_URL": redis.rpartition("/")[0] + "/1",
            "MODEL_URL": model,
            "PYTHONPATH": str(ROOT),
        }
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self, name: str) -> None:
        """Start a node and wait until it takes tasks."""
        sign = self._folder / f"celery-{name}.ready"
        sign.unlink(missing_ok=True)
        self._nodes[name] = self._start_node(name, sign)
        async with asyncio.timeout(60):
            while not sign.exists():  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(0.02)

    def _start_node(self, name: str, sign: Path) -> subprocess.Popen[bytes]:
        command = [str(self._python), "-m", "celery", "-A", "bench.peers.celery", "worker"]
        command += [*_FLAGS, "--loglevel=WARNING", f"--hostname={name}@bench"]
        environment = self._environment | {"CELERY_READY": str(sign)}
        with (self._folder / f"celery-{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                env=environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """End the node and its child at once."""
        node = self._nodes.pop(name)
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()

    def cpu_seconds(self) -> float:
        pids = (pid for node in self._nodes.values() for pid in tree(node.pid))
        return sum(cpu_seconds(pid) for pid in pids)

    async def run(self, *arguments: str) -> dict[str, Any]:
        """Run `bench.peers.celery` to its end."""
        return await asyncio.to_thread(
            run_module,
            self._python,
            "bench.peers.celery",
            *arguments,
            environment=self._environment,
        )

    def close(self) -> None:
        for node in self._nodes.values():
            node.terminate()
        for node in self._nodes.values():
            try:
                node.wait(20)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(node.pid, signal.SIGKILL)
                node.wait()


@contextlib.asynccontextmanager
async def celery_workers(
    urls: dict[str, str], folder: Path, names: tuple[str, ...], model: str = ""
) -> AsyncIterator[CeleryWorkers]:
    """Run nodes on the stack's RabbitMQ, their results in its Redis's second database."""
    found = CeleryWorkers(urls["KASAL_AMQP_URL"], urls["KASAL_REDIS_URL"], folder, model)
    try:
        for name in names:
            await found.start(name)
        yield found
    finally:
        found.close()
