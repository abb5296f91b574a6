"""A worker that has nothing to run, in a process of its own: `python -m bench.harness.idle_worker URL SECONDS`.

It works on the database of `URL` and prints the megabytes that it takes after so many seconds, as JSON.
"""

import asyncio
import gc
import json
import os
import sys

import uvloop

from bench.harness.local_model import LocalModel
from bench.harness.processes import pss_mb
from bench.harness.worker import NoMemory, NoTools
from common.logs import configure_logging
from executor.config import Settings
from executor.engine.runner import Engine
from executor.wiring import build_worker
from kasal_platform.embedded.backends import InProcessBackends


async def main() -> None:
    url, seconds = sys.argv[1:]
    configure_logging("WARNING", "json")
    settings = Settings(mongo_url=url, amqp_url="memory://", service_secret="a-secret-of-the-bench")
    engine = Engine(LocalModel(0.0), NoTools(), NoMemory())
    worker = build_worker(settings, InProcessBackends(), runner=engine)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await asyncio.wait({running}, timeout=float(seconds))
    gc.collect()
    print(json.dumps({"mb": pss_mb(os.getpid())}))
    stop.set()
    await running


if __name__ == "__main__":
    uvloop.run(main())
