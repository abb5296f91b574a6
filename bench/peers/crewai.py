"""The peer: the same crew under CrewAI. Runs in CrewAI's own environment, prints one JSON line.

`-m bench.peers.crewai cpu N` runs N crews one after another on a model that answers at once;
`-m bench.peers.crewai crowd N {as_is|threads|native}` runs N at once, each model call taking `LATENCY`
seconds: by `kickoff_async`, by it with a thread for each crew, and by `akickoff`.
Crews are made outside the measured part, which is `kickoff` alone.
"""

import asyncio
import contextlib
import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

os.environ |= {
    "OTEL_SDK_DISABLED": "true",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "CREWAI_TESTING": "true",
}
_began = time.perf_counter()

from crewai import Agent, Crew, Process, Task  # noqa: E402
from crewai.llms.base_llm import BaseLLM  # noqa: E402

from bench.harness.workload import ANSWER, INPUTS, LATENCY, PARTS  # noqa: E402

IMPORTED = time.perf_counter() - _began


class LocalModel(BaseLLM):  # type: ignore[misc]
    """Answers in this process after `latency` seconds."""

    latency: float = 0.0

    def call(self, *_: Any, **__: Any) -> str:
        if self.latency:
            time.sleep(self.latency)
        return f"Thought: I now can give a great answer\nFinal Answer: {ANSWER}"

    async def acall(self, *_: Any, **__: Any) -> str:
        if self.latency:
            await asyncio.sleep(self.latency)
        return f"Thought: I now can give a great answer\nFinal Answer: {ANSWER}"


def crew(latency: float) -> Crew:
    model = LocalModel(model="local", latency=latency)
    agents = [
        Agent(role=p.role, goal=p.goal, backstory=p.backstory, llm=model, verbose=False)
        for p in PARTS
    ]
    tasks = [
        Task(description=p.description, expected_output=p.expected_output, agent=agent)
        for p, agent in zip(PARTS, agents, strict=True)
    ]
    return Crew(
        agents=agents,
        tasks=tasks,
        process=Process.sequential,
        memory=False,
        cache=False,
        verbose=False,
        tracing=False,
    )


def check(output: Any) -> None:
    if ANSWER not in str(output):
        raise SystemExit(f"CrewAI did not answer as the model did: {output}")


def cpu(count: int) -> dict[str, float]:
    check(crew(0.0).kickoff(inputs=INPUTS))
    crews = [crew(0.0) for _ in range(count)]
    cpu_before, wall_before = time.process_time(), time.perf_counter()
    for one in crews:
        check(one.kickoff(inputs=INPUTS))
    return {
        "cpu_ms_per_crew": (time.process_time() - cpu_before) * 1000 / count,
        "wall_ms_per_crew": (time.perf_counter() - wall_before) * 1000 / count,
    }


async def crowd(count: int, way: str) -> dict[str, float]:
    # `kickoff_async` runs each crew in a thread of the default pool, which is small.
    if way == "threads":
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(count))
    check(await crew(0.0).akickoff(inputs=INPUTS))
    crews = [crew(LATENCY) for _ in range(count)]
    cpu_before, wall_before = time.process_time(), time.perf_counter()
    start = [one.akickoff if way == "native" else one.kickoff_async for one in crews]
    for output in await asyncio.gather(*(kickoff(inputs=INPUTS) for kickoff in start)):
        check(output)
    wall = time.perf_counter() - wall_before
    return {
        "wall_s": wall,
        "crews_per_s": count / wall,
        "cpu_ms_per_crew": (time.process_time() - cpu_before) * 1000 / count,
    }


def main() -> None:
    what, count, *rest = sys.argv[1:]
    # CrewAI prints on its own; the result alone goes to the real standard output.
    with contextlib.redirect_stdout(sys.stderr):
        found = cpu(int(count)) if what == "cpu" else asyncio.run(crowd(int(count), rest[0]))
    found["import_s"] = IMPORTED
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
