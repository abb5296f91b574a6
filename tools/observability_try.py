"""Have a real Prometheus read a running stack, and ask it all that rules and dashboards ask.

Starts `make stack` on free ports, with jobs that succeed, one that fails and a message that nobody can
read; Prometheus (Debian's) with our rules and its targets put in place of DNS names. Ends with 1 when a
query is refused, a target is down, or a panel shows nothing that has something to show.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import yaml
from openapi import ROOT

from common.logs import configure_logging
from kasal_platform.config import Settings
from kasal_platform.local.program import LocalProgram, free_port, replies
from kasal_platform.services import services
from kasal_platform.stack import Stack, stack_in

HERE = ROOT / "deploy/observability"
_JOBS = 20
_SCRAPE = "1s"
_READ_FOR = 40.0
"""Seconds that Prometheus gets to have read everything; the platform counts every 15."""
_VARIABLES = {"$__rate_interval": "20s", "$worker": ".*", "$service": ".*", "$provider": ".*"}
_FIRING = 'ALERTS{alertname="KasalDeadLettersGrow", alertstate="firing"}'
_MAY_BE_EMPTY = {
    "kasal_bus_redelivered_total": "nothing was handed out twice",
    "kasal_bus_retried_total": "no handler failed",
    "kasal_db_errors_total": "the database answered",
    "kasal_backend_up == 0": "every backend answers",
    'http_response_status_code=~"5.."': "no request failed",
    'gen_ai_execute_tool_duration_seconds_count{error_type!=""}': "no tool failed",
    "otelcol_": "no collector runs here",
}


@dataclass(frozen=True)
class Query:
    """One expression, and where it is asked: an alert or rule, or a panel."""

    where: str
    expression: str


def queries() -> Iterator[Query]:
    for group in yaml.safe_load((HERE / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield Query(rule.get("alert") or rule["record"], rule["expr"])
    for path in sorted((HERE / "grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                expression = target["expr"]
                for name, value in _VARIABLES.items():
                    expression = expression.replace(name, value)
                yield Query(f"{path.stem}: {panel['title']}", expression)


def configuration(stack: Stack, folder: Path) -> Path:
    """Return our configuration for compose with the stack's processes in place of DNS names."""
    config = yaml.safe_load((HERE / "prometheus.yaml").read_text())
    config["global"]["scrape_interval"] = config["global"]["evaluation_interval"] = _SCRAPE
    config["global"]["scrape_timeout"] = _SCRAPE
    kept = []
    processes = [names for service in services().values() for names in service.processes.values()]
    in_stack = {names.kubernetes: names.compose for names in processes}
    for scrape in config["scrape_configs"]:
        wanted = in_stack.get(scrape["job_name"])
        ports = [
            process.metrics_port
            for name, process in stack.processes.items()
            if name.partition("-")[0] == wanted
        ]
        if ports:
            targets = [f"127.0.0.1:{port}" for port in ports]
            kept.append({"job_name": scrape["job_name"], "static_configs": [{"targets": targets}]})
    config["scrape_configs"] = kept
    rules = yaml.safe_load((HERE / "alerts.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = _SCRAPE
    (folder / "alerts.yaml").write_text(yaml.safe_dump(rules))
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextlib.contextmanager
def prometheus(config: Path, folder: Path) -> Iterator[str]:
    program, port = shutil.which("prometheus"), free_port()
    if program is None:
        sys.exit("prometheus is not installed (Debian: apt-get install prometheus)")
    command = [
        *(program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"),
    ]
    question = b"GET /-/ready HTTP/1.0\r\n\r\n"
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        return replies(port, question, b"HTTP/1.0 200")

    server = LocalProgram("Prometheus", folder / "prometheus", command, url, answers)
    server.start()
    try:
        server.wait()
        yield url
    finally:
        server.stop()


class Caller:
    """Someone with a workspace of their own."""

    def __init__(self, http: aiohttp.ClientSession, base: str) -> None:
        self._http = http
        self._base = base
        self._headers: dict[str, str] = {}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        url = self._base + path
        async with self._http.request(method, url, json=body, headers=self._headers) as answer:
            return await answer.json(content_type=None)

    async def begin(self) -> None:
        who = {"email": f"{secrets.token_hex(6)}@example.com", "password": secrets.token_hex(8)}
        await self.call("POST", "/auth/register", who)
        token = (await self.call("POST", "/auth/login", who))["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    async def crew(self, model: str) -> str:
        agent = {"role": "Clerk", "goal": "Count", "model": model, "tools": ["calculator"]}
        task = {"agent": "Clerk", "description": "What is 12 * 21?", "expected_output": "A number"}
        body = {"name": model, "process": "sequential", "agents": [agent], "tasks": [task] * 3}
        return str((await self.call("POST", "/crews", body))["id"])

    async def run(self, crew_id: str) -> str:
        """Run the crew, watch the job to its end, return how it ended."""
        job = (await self.call("POST", "/executions", {"crew_id": crew_id, "inputs": {}}))["job_id"]
        async with self._http.ws_connect(self._base + "/ws", headers=self._headers) as socket:
            await socket.send_json({"type": "subscribe", "job_id": job, "after_seq": 0})
            async for frame in socket:
                kind = frame.json()["type"]
                if kind in {"execution_complete", "error", "execution_stopped"}:
                    return str(kind)
        return "lost"


async def load(stack: Stack) -> None:
    """Make the platform do a bit of everything."""
    base = stack.urls["KASAL_GATEWAY_URL"] + "/api/v1"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        caller = Caller(http, base)
        await caller.begin()
        good, bad = await caller.crew("offline"), await caller.crew("gpt-away")
        ended = await asyncio.gather(*(caller.run(good) for _ in range(_JOBS)), caller.run(bad))
        assert ended == ["execution_complete"] * _JOBS + ["error"], ended  # noqa: S101
        for _ in range(12):
            await caller.call("POST", "/auth/refresh", {"refresh_token": "wrong"})
    async with await aio_pika.connect(stack.urls["KASAL_AMQP_URL"]) as connection:
        channel = await connection.channel()
        letter = aio_pika.Message(b"{}", type="job.submitted.v1")
        await channel.default_exchange.publish(letter, "jobs")


class Asker:
    """Asks Prometheus over its HTTP API."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def get(self, path: str, **parameters: str) -> Mapping[str, Any]:
        async with self._http.get(self._url + path, params=parameters) as answer:
            told: Mapping[str, Any] = await answer.json()
        if told["status"] != "success":
            raise ValueError(f"{told['errorType']}: {told['error']}")
        return told

    async def series(self, expression: str) -> int:
        now = time.time()
        window = {"start": f"{now - 60:.3f}", "end": f"{now:.3f}", "step": "1"}
        told = await self.get("/api/v1/query_range", query=expression, **window)
        return len(told["data"]["result"])


async def faults(asker: Asker) -> list[str]:
    """Return what is wrong, and print what was seen."""
    wrong, filled, excused = [], 0, 0
    targets = (await asker.get("/api/v1/targets"))["data"]["activeTargets"]
    wrong += [
        f"{t['labels']['job']} is down: {t['lastError']}" for t in targets if t["health"] != "up"
    ]
    for group in (await asker.get("/api/v1/rules"))["data"]["groups"]:
        wrong += [f"{r['name']}: {r['lastError']}" for r in group["rules"] if r["health"] != "ok"]
    alerts = {rule["alert"] for rule in _alerts()}
    asked = list(queries())
    for query in asked:
        try:
            found = await asker.series(query.expression)
        except ValueError as fault:
            wrong.append(f"{query.where}: {fault}: {query.expression}")
            continue
        filled += bool(found)
        if not found and query.where not in alerts:
            why = [why for part, why in _MAY_BE_EMPTY.items() if part in query.expression]
            excused += bool(why)
            wrong += [] if why else [f"{query.where} shows nothing: {query.expression}"]
    firing = (await asker.get("/api/v1/alerts"))["data"]["alerts"]
    names = sorted({f"{a['labels']['alertname']} ({a['state']})" for a in firing})
    sys.stdout.write(
        f"{len(targets)} targets, {len(asked)} queries: {filled} with data, {excused} rightly empty, "
        f"{len(wrong)} wrong.\nAlerts: {', '.join(names) or 'none'}\n"
    )
    return wrong


def _alerts() -> Iterator[Mapping[str, Any]]:
    for group in yaml.safe_load((HERE / "alerts.yaml").read_text())["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Stack]:
    extra = {
        "KASAL_METRICS_PORT": "0",
        "KASAL_OPEN_ROUTE_LIMIT": "10",
        # Nobody listens there: a provider that is away.
        "KASAL_OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1",
        "KASAL_MODEL_PATIENCE": "1",
        "KASAL_LOG_LEVEL": "WARNING",
    }
    async with stack_in(Settings(port=0), folder / "stack", os.environ, extra) as stack:
        yield stack


async def main() -> None:
    configure_logging("WARNING")
    folder = Path(tempfile.mkdtemp(prefix="kasal-observability-"))
    async with running(folder) as stack:
        with prometheus(configuration(stack, folder), folder) as url:
            sys.stdout.write(f"Prometheus reads {len(stack.processes)} processes.\n")
            async with aiohttp.ClientSession() as http:
                asker = Asker(http, url)
                await _read(asker, "kasal_workers_live > 1")
                await load(stack)
                await _read(asker, _FIRING)
                wrong = await faults(asker)
    shutil.rmtree(folder, ignore_errors=True)
    if wrong:
        sys.exit("\n".join(wrong))


async def _read(asker: Asker, expression: str) -> None:
    """Wait until Prometheus has something for `expression`: only it knows when it has read."""
    until = time.monotonic() + _READ_FOR
    while not await asker.series(expression):
        if time.monotonic() > until:
            sys.exit(f"Prometheus has not seen this in {_READ_FOR:g} s: {expression}")
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(main())
