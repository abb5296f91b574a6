"""Runs of jobs that are no longer the worker's own."""

import pytest

from common.times import utc_now
from executor.domain.log import moves


async def test_a_run_whose_job_another_worker_has_ended_is_cut_off(
    store, make_worker, queue, until
):
    await queue(1)
    worker = make_worker("worker_1")
    await worker.start()
    await until(lambda: store.jobs["job_0"].seq == 2)
    told = {"code": "ATTEMPTS_EXHAUSTED", "message": "it is given up"}
    assert await store.apply(moves.refuse(store.jobs["job_0"], "worker_2", utc_now(), **told))
    await until(lambda: not worker.runs.running())


async def test_many_jobs_of_its_own_are_checked_as_much_more_rarely(
    make_worker, monkeypatch, queue, until
):
    monkeypatch.setattr("executor.domain.worker.own_jobs._CHECKED", 1)
    await queue(10)
    worker = make_worker("worker_1")
    await worker.start()
    await until(lambda: len(worker.runs.places.held_jobs()) == 10)
    checks = 0

    async def check():
        nonlocal checks
        checks += 1

    monkeypatch.setattr(worker.own_jobs, "check", check)
    began = worker.own_jobs._rounds
    await until(lambda: worker.own_jobs._rounds >= began + 20)
    assert checks == pytest.approx(2, abs=1)
