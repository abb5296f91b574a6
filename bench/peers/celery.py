"""The other peer: the crew's three tasks as Celery tasks. Runs in Celery's own environment.

Tasks are persistent, published with confirms, on a quorum queue, and acknowledged late; their state
is kept in Redis. As a worker: `python -m celery -A bench.peers.celery worker`, which makes the file that
`CELERY_READY` names. As a load generator: `-m bench.peers.celery {chain|single} N OUTSTANDING` prints one
JSON line. `-m bench.peers.celery start {asking|whole}` starts one job whose steps ask the model at `MODEL_URL`.
"""

import json
import os
import sys
import time
import urllib.request
from collections import deque
from pathlib import Path
from typing import Any

from celery import Celery, chain
from celery.result import AsyncResult
from celery.signals import worker_ready

from bench.harness.workload import ANSWER, INPUTS, PARTS

app = Celery(
    "bench.peers.celery", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"]
)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue="celery.bench",
    task_default_queue_type="quorum",
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
)


@worker_ready.connect
def _ready(**_: Any) -> None:
    Path(os.environ["CELERY_READY"]).touch()


@app.task
def step(before: str, place: int) -> str:
    """One task of the crew on a model that answers at once: the prompt, and the answer."""
    part = PARTS[place]
    prompt = f"{part.backstory}\n{part.goal}\n{part.description}\n{part.expected_output}"
    return ANSWER if f"{prompt.format(**INPUTS)}\n{before}" else ""


@app.task
def asking_step(before: str, place: int) -> str:
    """One task of the crew that asks a model over HTTP."""
    return _reply(place, before)


@app.task
def whole(_: str) -> str:
    """The crew as one task."""
    return "\n".join(_reply(place) for place in range(len(PARTS)))


def _reply(place: int, before: str = "") -> str:
    prompt = f"{PARTS[place].description.format(**INPUTS)}\n{before}"
    body = {"model": "local", "messages": [{"role": "user", "content": prompt}]}
    request = urllib.request.Request(
        os.environ["MODEL_URL"] + "/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["choices"][0]["message"]["content"])


def send(form: str) -> AsyncResult:
    if form == "single":
        return step.delay("", 0)
    if form == "whole":
        return whole.delay("")
    one = step if form == "chain" else asking_step
    return chain(one.s("", 0), *(one.s(place) for place in range(1, len(PARTS)))).delay()


def rate(form: str, count: int, outstanding: int) -> dict[str, float]:
    """Keep a fixed number under way until `count` are done, as their results show."""
    cpu, started = time.process_time(), time.perf_counter()
    under_way: deque[AsyncResult] = deque()
    for number in range(count + outstanding):
        if number >= outstanding and under_way:
            _check(under_way.popleft())
        if number < count:
            under_way.append(send(form))
    wall = time.perf_counter() - started
    return {"per_s": count / wall, "own_cpu_ms": (time.process_time() - cpu) * 1000 / count}


def _check(result: AsyncResult) -> None:
    if result.get(timeout=60) != ANSWER:
        raise SystemExit("a task did not answer as the model did")
    result.forget()


def main() -> None:
    form, *rest = sys.argv[1:]
    if form == "start":
        send(rest[0])
        print("{}")
        return
    count, outstanding = map(int, rest)
    rate(form, outstanding, outstanding)  # warms up
    print(json.dumps(rate(form, count, outstanding)))


if __name__ == "__main__":
    main()
