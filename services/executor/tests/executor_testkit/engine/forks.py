"""Forks of jobs in a world of the tests."""

import re
from collections import Counter
from dataclasses import replace

from executor_testkit.engine.killing import KEYED, UNSAFE

from devkit.stores.executions import MemoryCounters
from devkit.stores.files import memory_files
from executor.domain.api.estimates import Estimates
from executor.domain.api.forks import forking
from executor.domain.api.forks.forking import Forking
from executor.domain.api.intake import JobIntake
from executor.domain.api.quotas import Quotas
from executor.domain.files.given import GivenFiles


class Nobody:
    """The bus and the crews' service: nobody is told, and nobody is asked."""

    def send_submission(self, job):
        pass


async def fork_of(world, job_id, wish):
    """Fork the world's job as `job_id`, which is then the world's job; return it as stored."""
    counters = MemoryCounters()
    quotas = Quotas(world.store, counters, queued=10, stored_mb=0)
    estimates, given = Estimates(counters), GivenFiles(memory_files())
    asking = Forking(JobIntake(world.store, Nobody(), estimates, Nobody(), quotas, given))
    was = forking.new_id
    forking.new_id = lambda _: job_id
    try:
        await asking.fork("ws_1", world.job_id, wish, requested_by="usr_1", traceparent="")
    finally:
        forking.new_id = was
    world.job_id = job_id
    return replace(world.store.jobs[job_id], tail=())


def nothing_is_repeated(world, source, after):
    """Check that the world's job repeats nothing of the log that it was forked from, under a key of its own."""
    kept = source if after is None else source[:after]
    replies = Counter()
    places = set()
    for event in kept:
        if event.type == "llm_call" and event.private.cut_off is not True:
            place = event.body.task_id, event.private.scope
            places.add((*place, replies[place]))
            replies[place] += 1
    asked = {
        (event.body.task_id, event.private.call)
        for event in source
        if event.type == "tool_call"
        and (event.body.task_id, event.private.scope, event.private.turn) in places
    }
    for name in (KEYED, UNSAFE):
        for key in world.made(name):
            job_id, task_id, number = re.fullmatch(r"(\w+):(.+):(\d+)", key).groups()
            if job_id == world.job_id:
                assert (task_id, int(number)) not in asked
