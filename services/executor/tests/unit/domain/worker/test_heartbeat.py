"""What a worker's lease says, and owners without one."""

from executor.domain.worker.turns import Places


async def test_jobs_of_an_owner_that_has_no_lease_are_taken_over(
    store, make_worker, monkeypatch, queue, until
):
    """Nobody would see such an owner die."""
    monkeypatch.setattr("executor.domain.worker.worker._SLOW_SWEEP", 0.01)
    await queue(1)
    gone = make_worker("worker_gone")
    await gone.start()
    await until(lambda: store.jobs["job_0"].owner == "worker_gone" and store.jobs["job_0"].seq > 1)
    for task in gone.rounds.tasks:
        task.cancel()
    await gone.leases.leave("worker_gone")
    other = make_worker("worker_2")
    await other.start()
    await until(lambda: store.jobs["job_0"].owner == "worker_2")
    assert store.jobs["job_0"].attempt == 2


async def test_a_full_worker_says_so(make_worker, queue, until):
    worker = make_worker("worker_1")
    worker.runs.places.rule = Places(1)
    await queue(1)
    await worker.start()
    await until(lambda: worker.runs.places.free == 0)
    told = worker.leases._full
    await until(lambda: told == {"worker_1"})


async def test_a_worker_that_knows_to_be_alone_waits_for_no_lease_of_a_dead_one(
    store, make_worker, queue, until
):
    """Two seconds of every start of the embedded form would pass before its jobs go on."""
    await queue(3)
    killed = make_worker("worker_killed")
    await killed.start()
    await until(lambda: all(job.seq > 1 for job in store.jobs.values()))
    for task in killed.rounds.tasks:
        task.cancel()
    other = make_worker("worker_2", silence=3_600.0, alone=True)
    await other.start()
    other.look_at_once()
    await until(lambda: {job.owner for job in store.jobs.values()} == {"worker_2"})
    assert {job.attempt for job in store.jobs.values()} == {2}
    assert set(await other.leases.counters()) == {"worker_2"}
