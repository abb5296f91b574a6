"""Replays over HTTP, against a real store.

Covers: executor.domain.api.replays, executor.engine.differences
"""

import pytest

from executor.domain.api import replays
from executor.store.counters import MongoCounters

pytestmark = pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)

FIGURES = ("executions", "success_rate", "avg_duration")
START = {"crew_id": "crew_abc123", "inputs": {"topic": "bees"}}


@pytest.fixture
async def ask(executor_app, served, make_token):
    async with served(executor_app) as running:

        async def send(method, path, body=None, **token):
            headers = {"Authorization": f"Bearer {make_token(**token)}"}
            async with running.http.request(method, path, json=body, headers=headers) as answer:
                return answer.status, await answer.json()

        yield send


@pytest.fixture
async def finished(ask, eventually):
    async def wait(job_id):
        async def over():
            _, told = await ask("GET", f"/executions/{job_id}")
            return told if told["finished_at"] else None

        return await eventually(over)

    return wait


@pytest.fixture
async def runner(make_runner, workers):
    """A runner that notes what it is to replay."""

    class Noting(make_runner):
        def __init__(self):
            super().__init__()
            self.jobs = []

        async def run(self, job, journal):
            self.jobs.append(job)
            await super().run(job, journal)

    made = Noting()
    await workers.start(made)
    return made


@pytest.fixture
def counted(monkeypatch, eventually):
    """Waits until a job is in the counters."""
    found, count = set(), MongoCounters.count

    async def noting(self, workspace_id, crew_id, endings):
        await count(self, workspace_id, crew_id, endings)
        found.update(ending.job_id for ending in endings)

    async def wait(job_id):
        async def is_counted():
            return job_id in found

        await eventually(is_counted)

    monkeypatch.setattr(MongoCounters, "count", noting)
    return wait


@pytest.fixture
async def job(ask, runner, finished):
    _, told = await ask("POST", "/executions", START)
    return await finished(told["job_id"])


async def test_a_replay_runs_the_recorded_crew_with_its_inputs(ask, runner, job, finished, peers):
    peers.crews["crew_abc123"] = peers.crews["crew_abc123"].model_copy(update={"name": "Another"})
    asked = {"crew_id": "crew_abc123", "replay_of": job["job_id"]}
    status, told = await ask("POST", "/executions", asked)
    assert status == 202
    replay = await finished(told["job_id"])
    assert (replay["replay_of"], replay["status"]) == (job["job_id"], "completed")
    played = runner.jobs[-1]
    assert (played.snapshot.name, played.inputs) == ("Customer Support Crew", START["inputs"])
    assert played.replayed.modes.strict
    assert len(played.replayed.history) == job["last_seq"]
    current = {**asked, "replay": {"crew": "current", "on_miss": "live"}}
    _, told = await ask("POST", "/executions", current)
    await finished(told["job_id"])
    assert (runner.jobs[-1].snapshot.name, runner.jobs[-1].replayed.modes.on_miss) == (
        "Another",
        "live",
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"replay": {"models": "live"}}, "replay"),
        ({"replay_of": "bees"}, "replay_of"),
        ({"replay": {"models": "old"}}, "replay.models"),
        ({"crew_id": "crew_other"}, "crew_id"),
        ({"inputs": {}}, "inputs.topic"),
    ],
)
async def test_a_replay_that_cannot_be_is_refused_with_its_path(ask, job, change, field):
    of = {} if field == "replay" else {"replay_of": job["job_id"]}
    status, told = await ask("POST", "/executions", {**START, **of, **change})
    assert (status, told["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert told["error"]["details"]["field"] == field


async def test_only_an_ended_job_of_ones_own_is_replayed(ask, finished):
    _, told = await ask("POST", "/executions", START)
    asked = {**START, "replay_of": told["job_id"]}
    assert (await ask("POST", "/executions", asked))[0] == 409
    assert (await ask("POST", "/executions", asked, workspace_id="ws_other"))[0] == 404
    await ask("POST", f"/executions/{told['job_id']}/stop")
    assert (await ask("POST", "/executions", asked))[0] == 202


async def test_a_job_whose_log_is_too_long_is_not_replayed(ask, job, monkeypatch):
    monkeypatch.setattr(replays, "MOST_EVENTS", job["last_seq"] - 1)
    status, told = await ask("POST", "/executions", {**START, "replay_of": job["job_id"]})
    assert status == 409
    assert "too long to be replayed" in told["error"]["message"]


async def test_replays_change_no_figures_of_runs(ask, counted, job):
    async def figures():
        _, usage = await ask("GET", "/analytics/usage")
        _, by_crew = await ask("GET", "/analytics/usage?group_by=crew,day")
        _, performance = await ask("GET", "/analytics/performance")
        whole = [{name: told[name] for name in FIGURES} for told in (usage, by_crew)]
        return [*whole, *(row["executions"] for row in by_crew["rows"]), performance["crews"]]

    await counted(job["job_id"])
    before = await figures()
    assert before[0]["executions"] == 1
    asked = {"crew_id": "crew_abc123", "replay_of": job["job_id"]}
    _, told = await ask("POST", "/executions", asked)
    await counted(told["job_id"])
    _, listed = await ask("GET", "/executions")
    assert listed["total"] == 2
    assert await figures() == before
