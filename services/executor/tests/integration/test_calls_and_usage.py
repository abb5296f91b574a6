"""Routes that tell what jobs were sent and have used.

Covers: executor.routes.analytics, executor.routes.calls
"""

import asyncio

import pytest

JOB = {
    "crew_id": "crew_abc123",
    "inputs": {"topic": "Q4 Marketing Strategy", "deadline": "2024-12-31"},
}


@pytest.fixture
async def ask(executor_app, served, make_token):
    async with served(executor_app) as running:

        async def send(method, path, body=None, **token):
            headers = {"Authorization": f"Bearer {make_token(**token)}"}
            async with running.http.request(method, path, json=body, headers=headers) as answer:
                return answer.status, await answer.json()

        yield send


async def start(ask):
    status, answer = await ask("POST", "/executions", JOB)
    assert status == 202
    return answer["job_id"]


async def counted(ask, jobs):
    """Return the month's figures once so many jobs have been counted."""
    async with asyncio.timeout(60):
        while True:
            _, usage = await ask("GET", "/analytics/usage")
            if usage["executions"] == jobs:
                return usage
            await asyncio.sleep(0.05)


async def test_what_was_sent_is_for_editors_and_no_other_workspace(ask):
    job_id = await start(ask)
    for path in (f"/executions/{job_id}/{what}" for what in ("calls", "calls/1", "inputs")):
        status, answer = await ask("GET", path, role="viewer")
        assert (status, answer["error"]["details"]["required_role"]) == (403, "editor")
        assert (await ask("GET", path, workspace_id="ws_other"))[0] == 404
    assert await ask("GET", f"/executions/{job_id}/calls") == (200, {"calls": [], "next": None})
    status, answer = await ask("GET", f"/executions/{job_id}/calls/1")
    assert (status, answer["error"]["code"]) == (404, "NOT_FOUND")
    for wrong in ("calls?limit=0", "calls?after=x", "calls/0", "calls/x", "calls?page=2"):
        assert (await ask("GET", f"/executions/{job_id}/{wrong}"))[0] == 400, wrong


async def test_a_job_shows_what_it_was_started_with(ask):
    job_id = await start(ask)
    told = await ask("GET", f"/executions/{job_id}/inputs")
    assert told == (200, {"inputs": JOB["inputs"]})


async def test_usage_is_told_by_crew_model_day_and_job(ask, workers, make_runner):
    await workers.start(make_runner())
    jobs = [await start(ask) for _ in range(2)]
    month = await counted(ask, 2)
    assert "rows" not in month
    tokens, period = month["tokens_used"], month["period"]
    _, by_crew = await ask("GET", f"/analytics/usage?group_by=month,crew&period={period}")
    (row,) = by_crew["rows"]
    assert (row["month"], row["crew_id"], row["executions"]) == (period, "crew_abc123", 2)
    assert (row["tokens"], by_crew["tokens_used"]) == (tokens, tokens)
    _, by_model = await ask("GET", "/analytics/usage?group_by=day,model")
    (row,) = by_model["rows"]
    assert (row["model"], row["tokens"], row["day"][:7]) == ("offline", tokens, period)
    _, foreign = await ask("GET", "/analytics/usage?group_by=crew", workspace_id="ws_other")
    assert foreign["rows"] == []
    _, by_job = await ask("GET", "/analytics/usage?group_by=job&limit=1")
    assert [one["job_id"] for one in by_job["rows"]] == [jobs[1]]
    assert (by_job["executions"], by_job["tokens_used"]) == (2, tokens)
    _, by_job = await ask("GET", f"/analytics/usage?group_by=job&limit=1&after={by_job['next']}")
    assert ([one["job_id"] for one in by_job["rows"]], by_job.get("next")) == ([jobs[0]], None)


@pytest.mark.parametrize(
    "wrong",
    [
        *("group_by=week", "group_by=crew,crew", "group_by=job,crew", "since=yesterday"),
        *("since=2026-02-01&until=2026-01-01", "period=2026-01&since=2026-01-01"),
        *("period=2026-13", "period=2026-11-01", "period="),
        *("group_by=day&since=2020-01-01&until=2026-01-01", "by=crew", "limit=0&group_by=job"),
        *("period=0000-01&group_by=crew", "period=0999-01", "period=9999-12&group_by=crew"),
        *("group_by=job&until=9999-12-31", "since=2026-11-01&until=9999-12-31", "since=9999-12-31"),
    ],
)
async def test_a_wrong_question_is_refused(ask, wrong):
    status, told = await ask("GET", f"/analytics/usage?{wrong}")
    assert (status, told["error"]["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("group_by", ["crew", "day", "job"])
async def test_days_of_any_year_can_be_asked_for(ask, group_by):
    for span in ("since=0001-01-01&until=0001-02-28", "since=9998-12-01&until=9998-12-31"):
        status, told = await ask("GET", f"/analytics/usage?{span}&group_by={group_by}")
        assert (status, told["rows"]) == (200, []), span
