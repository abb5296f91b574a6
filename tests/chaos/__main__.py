"""`make chaos`: the long journey, printed. Ends with 1 when the platform broke a promise."""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
from pathlib import Path

from chaos.faults import Fault, embedded_plan, plan, short_plan
from chaos.journey import Options, run
from chaos.report import Report
from common.logs import configure_logging
from common.web.server import on_stop_signal

_PER_ROUND = 60.0
"""Seconds that one round of all faults is spread over."""
_BETWEEN_KILLS = 4.0
"""Seconds, on the average, for which the embedded form is left alone."""


def _options() -> tuple[Options, bool]:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="how many jobs are sent")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1_000_000), help="of the faults"
    )
    parser.add_argument("--minutes", type=float, default=3.0, help="how long they are sent")
    parser.add_argument("--rounds", type=int, help="of all faults; else one a minute")
    parser.add_argument("--short", action="store_true", help="one of each fault, some 20 seconds")
    parser.add_argument("--keep", action="store_true", help="keep the data and the logs")
    parser.add_argument("--embedded", action="store_true", help="the form in one process")
    given = parser.parse_args()
    seconds = 20.0 if given.short else given.minutes * 60
    faults = _faults(given, seconds)
    return Options(given.jobs, given.seed, seconds, faults, embedded=given.embedded), given.keep


def _faults(given: argparse.Namespace, seconds: float) -> list[Fault]:
    if given.embedded:
        return embedded_plan(given.seed, max(1, round(seconds / _BETWEEN_KILLS)))
    if given.short:
        return short_plan(given.seed)
    return plan(given.seed, given.rounds or max(1, round(seconds / _PER_ROUND)))


async def _run(options: Options, folder: Path) -> Report:
    journey = asyncio.current_task()
    assert journey is not None
    on_stop_signal(journey.cancel)  # so that no process of the stack is left behind
    return await run(options, folder)


def main() -> None:
    options, keep = _options()
    configure_logging("ERROR")
    # A worker that is killed in the midst of a request is none of the model's errors.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="kasal-chaos-"))
    sys.stdout.write(f"chaos: {options.jobs} jobs, seed {options.seed}; logs in {folder}\n")
    sys.stdout.flush()
    report = asyncio.run(_run(options, folder))
    sys.stdout.write(report.text() + "\n")
    if report.kept and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if report.kept else 1)


if __name__ == "__main__":
    main()
