"""The executor's routes, against a real store.

Covers: executor.routes.analytics, executor.routes.internal
"""

import asyncio
from unittest.mock import ANY

import pytest

from common.contracts.events import EventType, ExecutionStatus
from common.contracts.messages import JobSubmitted
from common.contracts.replay import EVENT_LINES, split_lines
from common.contracts.topology import JOBS_QUEUE
from executor.wiring import build_app


@pytest.fixture
async def api(executor_app, served, make_token):
    async with served(executor_app) as running:
        http = running.http

        class Api:
            app = executor_app

            async def ask(self, method, path, *, body=None, **token):
                headers = {"Authorization": f"Bearer {make_token(**token)}"}
                async with http.request(method, path, json=body, headers=headers) as answer:
                    return answer.status, await answer.json()

            async def raw(self, path, accept, **token):
                headers = {"Authorization": f"Bearer {make_token(**token)}", "Accept": accept}
                async with http.get(path, headers=headers) as answer:
                    return answer.content_type, await answer.read()

        yield Api()


SEED = {
    "crew_id": "crew_abc123",
    "inputs": {"topic": "Q4 Marketing Strategy", "deadline": "2024-12-31"},
}


async def start(api, **changes):
    status, answer = await api.ask("POST", "/executions", body={**SEED, **changes})
    assert status == 202
    return answer["job_id"]


async def ended(api, job_id, within=60.0):
    async with asyncio.timeout(within):
        while True:
            _, answer = await api.ask("GET", f"/executions/{job_id}")
            if answer["finished_at"]:
                return answer
            await asyncio.sleep(0.02)


async def test_the_seeds_start_is_accepted(api):
    status, answer = await api.ask("POST", "/executions", body=SEED)
    assert status == 202
    assert answer == {"job_id": answer["job_id"], "status": "queued", "estimated_duration": 300}
    status, answer = await api.ask("GET", f"/executions/{answer['job_id']}")
    assert (status, answer["status"], answer["progress"]) == (200, "queued", 0)


async def test_without_a_broker_jobs_are_taken_and_traffic_still_comes(
    settings, backends, verifier, served, make_token
):
    away = settings.model_copy(update={"amqp_url": "amqp://127.0.0.1:1/"})
    app = build_app(away, backends)
    app.state.verifier = verifier
    bearer = {"Authorization": f"Bearer {make_token()}"}
    async with served(app) as running:
        async with running.http.get("/readyz") as answer:
            told = (await answer.json())["error"]["details"]
            assert (answer.status, told["missing"]) == (503, ["bus"])
        async with running.http.get("/readyz?for=traffic") as answer:
            told = await answer.json()
            assert (answer.status, told["checks"]) == (200, {"mongo": "ok", "bus": "missing"})
        async with running.http.post("/executions", json=SEED, headers=bearer) as answer:
            assert answer.status == 202


async def test_a_run_as_its_caller_sees_it(api, workers, make_runner):
    await workers.start(make_runner())
    job_id = await start(api)
    done = await ended(api, job_id)
    assert (done["status"], done["progress"], done["result"]) == ("completed", 100, "all ok")
    assert done["started_at"].endswith("Z")
    assert done["error"] is None
    assert done["usage"] == {
        "requests": 3,
        "input_tokens": 30,
        "output_tokens": 15,
        "cost_usd": None,
    }
    assert done["tasks"][0] == {"task_id": "task_1", "status": "completed", "output": "ok"}

    status, page = await api.ask("GET", f"/executions/{job_id}/traces?limit=5")
    assert (status, page["last_seq"], page["next_after_seq"]) == (200, 11, 5)
    assert [row["seq"] for row in page["traces"]] == [1, 2, 3, 4, 5]
    _, rest = await api.ask("GET", f"/executions/{job_id}/traces?after_seq=5")
    assert [row["seq"] for row in rest["traces"]] == [6, 7, 8, 9, 10, 11]
    assert rest["next_after_seq"] is None
    row = page["traces"][2]
    assert (row["agent"], row["action"], row["type"], row["task_id"]) == (
        "Ann",
        "offline",
        "llm_call",
        "task_1",
    )
    assert all(isinstance(row["result"], str) for row in page["traces"])


async def test_figures_of_the_month_and_of_the_crews(api, workers, make_runner):
    await workers.start(make_runner())
    job_id = await start(api)
    done = await ended(api, job_id)
    stopped = await start(api, inputs={"topic": "x"})
    await ended(api, stopped)
    period = done["finished_at"][:7]
    async with asyncio.timeout(60):
        while True:
            _, usage = await api.ask("GET", f"/analytics/usage?period={period}")
            if usage["executions"] == 2:
                break
            await asyncio.sleep(0.05)
    assert (usage["period"], usage["tokens_used"], usage["success_rate"]) == (period, 90, 1.0)
    assert usage["avg_duration"] > 0
    _, performance = await api.ask("GET", "/analytics/performance")
    (crew,) = performance["crews"]
    assert (crew["crew_id"], crew["executions"], crew["success_rate"]) == ("crew_abc123", 2, 1.0)
    _, accepted = await api.ask("POST", "/executions", body=SEED)
    assert accepted["estimated_duration"] == 1
    assert (await api.ask("GET", "/analytics/usage?period=1999-01"))[1]["executions"] == 0
    _, foreign = await api.ask("GET", "/analytics/performance", workspace_id="ws_other")
    assert foreign == {"crews": []}


async def test_lists_and_their_totals(api):
    jobs = [await start(api) for _ in range(3)]
    await api.ask("POST", f"/executions/{jobs[0]}/stop")
    status, page = await api.ask("GET", "/executions?page_size=2")
    assert (status, page["total"], page["page"], page["page_size"]) == (200, 3, 1, 2)
    assert [row["job_id"] for row in page["executions"]] == [jobs[2], jobs[1]]
    _, page = await api.ask("GET", "/executions?page=2&page_size=2")
    assert [row["job_id"] for row in page["executions"]] == [jobs[0]]
    async with asyncio.timeout(60):
        while True:
            _, page = await api.ask("GET", "/executions?status=stopped&crew_id=crew_abc123")
            assert page["total"] == 1
            if not await api.app.state.use_cases.reading._lists.open_jobs(
                "ws_test", crew_id=None, status=ExecutionStatus.STOPPED, limit=9
            ):
                break
            await asyncio.sleep(0.02)
    assert [row["job_id"] for row in page["executions"]] == [jobs[0]]
    _, foreign = await api.ask("GET", "/executions", workspace_id="ws_other")
    assert (foreign["executions"], foreign["total"]) == ([], 0)


async def test_a_list_is_read_on_by_cursors_while_jobs_come(api):
    jobs = [await start(api) for _ in range(5)]
    shown, after = [], ""
    for _ in range(3):
        status, page = await api.ask("GET", f"/executions?limit=2{after}")
        assert (status, page["page_size"]) == (200, 2)
        shown += [row["job_id"] for row in page["executions"]]
        after = f"&after={page['next']}"
        await start(api)
    assert (shown, page["next"]) == (jobs[::-1], None)


async def test_a_cursor_of_another_list_is_refused(api):
    for _ in range(3):
        await start(api)
    _, page = await api.ask("GET", "/executions?page_size=1")
    refused = {
        f"after={page['next']}&status=queued": "after",
        f"after={page['next']}&crew_id=crew_abc123": "after",
        f"after={page['next']}x": "after",
        "after=": "after",
        f"after={'A' * 4_000}": "after",
        "after=%00": "after",
        "page=600&page_size=20&after=x": None,
        "limit=2&page_size=3": None,
        "limit=0": "limit",
    }
    for query, field in refused.items():
        status, answer = await api.ask("GET", f"/executions?{query}")
        assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR"), query
        assert field in {None, answer["error"]["details"]["field"]}, query
    query = f"/executions?page_size=1&after={page['next']}"
    status, answer = await api.ask("GET", query, workspace_id="ws_other")
    assert (status, answer["error"]["details"]["field"]) == (400, "after")


async def test_a_workspace_with_a_full_queue_is_told_when_to_come_again(
    executor_app, served, settings, backends, verifier, make_token
):
    app = build_app(settings.model_copy(update={"queue_limit": 2}), backends)
    app.state.verifier = verifier
    async with served(app) as running:

        async def post(workspace_id):
            headers = {"Authorization": f"Bearer {make_token(workspace_id=workspace_id)}"}
            async with running.http.post("/executions", json=SEED, headers=headers) as answer:
                return answer.status, answer.headers, await answer.json()

        assert [(await post("ws_test"))[0] for _ in range(2)] == [202, 202]
        status, headers, answer = await post("ws_test")
        assert (status, answer["error"]["code"]) == (429, "RATE_LIMIT")
        assert int(headers["Retry-After"]) >= 1
        assert answer["error"]["details"]["setting"] == "KASAL_QUEUE_LIMIT"
        assert (await post("ws_other"))[0] == 202


async def test_a_page_too_far_down_is_refused_and_says_what_to_do(api, monkeypatch):
    monkeypatch.setattr("common.storage.cursors.FARTHEST", 1)
    for _ in range(3):
        await start(api)
    status, answer = await api.ask("GET", "/executions?page=3&page_size=1")
    assert (status, answer["error"]["details"]["field"]) == (400, "page")
    assert "`after`" in answer["error"]["message"]
    assert (await api.ask("GET", "/executions?page=2&page_size=1"))[0] == 200
    assert (await api.ask("GET", "/executions?page=1000000"))[1]["executions"] == []


async def test_another_workspaces_job_does_not_exist(api):
    job_id = await start(api)
    other = {"workspace_id": "ws_other"}
    for method, path, body in [
        ("GET", f"/executions/{job_id}", None),
        ("GET", f"/executions/{job_id}/traces", None),
        ("POST", f"/executions/{job_id}/stop", None),
        ("POST", f"/executions/{job_id}/input", {"input": "x"}),
    ]:
        status, answer = await api.ask(method, path, body=body, **other)
        assert (status, answer["error"]["code"]) == (404, "NOT_FOUND")
    inside = {"kind": "service", "workspace_id": "ws_other"}
    assert (await api.ask("GET", f"/internal/executions/{job_id}", **inside))[0] == 404
    assert (await api.ask("GET", f"/internal/executions/{job_id}/events", **inside))[0] == 404


async def test_an_unknown_crew_is_not_found(api):
    status, answer = await api.ask("POST", "/executions", body={"crew_id": "crew_none"})
    assert (status, answer["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "crew_id"),
        ({"crew_id": "nonsense"}, "crew_id"),
        ({"crew_id": "crew_abc123", "inputs": []}, "inputs"),
        ({"crew_id": "crew_abc123", "inputs": {}}, "inputs.topic"),
        ({"crew_id": "crew_abc123", "inputs": {"topic": 2**80}}, "body"),
        ({"crew_id": "crew_new", "inputs": {"topic": "x"}}, "crew_id"),
        ({"crew_id": "crew_abc123", "typo": 1}, "typo"),
    ],
)
async def test_what_does_not_fit_is_refused_and_named(api, peers, make_crew, body, field):
    peers.crews["crew_new"] = make_crew("crew_new", status="configuring")
    status, answer = await api.ask("POST", "/executions", body=body)
    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert answer["error"]["details"]["field"] == field


async def test_a_viewer_may_look_but_not_run(api):
    job_id = await start(api)
    assert (await api.ask("GET", f"/executions/{job_id}", role="viewer"))[0] == 200
    for path in ("/executions", f"/executions/{job_id}/stop"):
        assert (await api.ask("POST", path, body=SEED, role="viewer"))[0] == 403


async def test_stop_of_an_ended_job(api, workers, make_runner):
    await workers.start(make_runner())
    job_id = await start(api)
    await ended(api, job_id)
    status, answer = await api.ask("POST", f"/executions/{job_id}/stop")
    assert (status, answer["error"]["code"]) == (409, "CONFLICT")


async def test_a_queued_job_is_stopped_for_good(api, workers, make_runner):
    job_id = await start(api)
    for _ in range(2):
        status, answer = await api.ask("POST", f"/executions/{job_id}/stop")
        assert (status, answer) == (200, {"job_id": job_id, "status": "stopped"})
    runner = make_runner()
    await workers.start(runner)
    other = await start(api)
    await ended(api, other)
    assert [started for started, _ in runner.started] == [other]


async def test_what_other_services_ask(api, workers, make_runner):
    await workers.start(make_runner())
    job_id = await start(api)
    await ended(api, job_id)
    inside = {"kind": "service", "workspace_id": "ws_test"}
    _, head = await api.ask("GET", f"/internal/executions/{job_id}", **inside)
    assert head == {
        "job_id": job_id,
        "workspace_id": "ws_test",
        "status": "completed",
        "last_seq": 11,
    }
    path = f"/internal/executions/{job_id}/events?after_seq=2&limit=3"
    _, page = await api.ask("GET", path, **inside)
    assert [event["seq"] for event in page["events"]] == [3, 4, 5]
    assert (page["last_seq"], page["status"]) == (11, "completed")
    assert page["events"][0]["type"] == EventType.LLM_CALL
    assert "private" not in page["events"][0]
    assert await api.raw(path, "*/*", **inside) == ("application/json", ANY)
    kind, lines = await api.raw(path, EVENT_LINES, **inside)
    head, frames = split_lines(lines)
    assert (kind, head.first_seq, head.last_seq, head.status) == (EVENT_LINES, 3, 11, "completed")
    assert head.types == [event["type"] for event in page["events"]]
    _, whole = await api.raw(path, "application/json", **inside)
    assert b",".join(frames) in whole, "the same bytes, however they are asked for"
    body = {"job_ids": [job_id, "job_none"]}
    everyone = {"kind": "service", "workspace_id": "*"}
    _, heads = await api.ask("POST", "/internal/executions/heads", body=body, **everyone)
    assert heads == {"heads": {job_id: {"status": "completed", "last_seq": 11}}}
    assert (await api.ask("POST", "/internal/executions/heads", body=body, **inside))[0] == 403
    assert (await api.ask("GET", f"/internal/executions/{job_id}"))[0] == 403


async def test_jobs_are_taken_while_the_bus_is_away(api, workers, make_runner, bus_away):
    told = bus_away(api.app.state.bus)
    job_id = await start(api)  # it would never end if it waited for the bus
    told.set()
    await workers.start(make_runner())
    assert (await ended(api, job_id))["status"] == "completed"


@pytest.fixture
def bus_away(monkeypatch):
    from common.bus import BusUnavailable

    def cut(bus):
        told = asyncio.Event()

        async def publish(*_):
            await told.wait()
            raise BusUnavailable("away")

        monkeypatch.setattr(bus, "publish", publish)
        return told

    return cut


async def test_the_crew_travels_with_the_submission(api, backends, settings, telemetry):
    bus = backends.bus(settings, telemetry)
    await bus.start()
    found: asyncio.Queue = asyncio.Queue()
    await bus.consume(JOBS_QUEUE, found.put)
    job_id = await start(api)
    message = await asyncio.wait_for(found.get(), 60)
    assert JobSubmitted.model_validate_json(message.body).job_id == job_id
    await bus.close()


async def test_a_job_of_a_newer_version_is_answered_503(api, store_database):
    job_id = await start(api)
    held = store_database("executor")["executions"]
    await held.update_one({"_id": job_id}, {"$set": {"format": 99}})
    before = await held.find_one({"_id": job_id})
    for method, path in (
        ("GET", ""),
        ("GET", "/traces"),
        ("POST", "/stop"),
    ):
        status, answer = await api.ask(method, f"/executions/{job_id}{path}")
        assert (status, answer["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert "written by a newer version of Kasal" in answer["error"]["message"]
    assert (await api.ask("GET", "/executions"))[0] == 503
    assert await held.find_one({"_id": job_id}) == before
