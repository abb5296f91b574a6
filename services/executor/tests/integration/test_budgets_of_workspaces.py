"""The routes of a workspace's budget, and what it refuses.

Covers: executor.domain.api.budgeting, executor.domain.budgets.wording, executor.routes.budget_bodies,
executor.routes.budgets
"""

import pytest

JOB = {"crew_id": "crew_abc123", "inputs": {"topic": "Tea", "deadline": "soon"}}


@pytest.fixture
async def ask(executor_app, served, make_token):
    async with served(executor_app) as running:

        async def send(method, path, body=None, **token):
            headers = {"Authorization": f"Bearer {make_token(**{'role': 'admin', **token})}"}
            async with running.http.request(method, path, json=body, headers=headers) as answer:
                return answer.status, await answer.json() if answer.status != 204 else None

        yield send


async def test_an_admin_sets_sees_and_removes_a_budget(ask):
    status, told = await ask("GET", "/workspace/budget")
    assert (status, told["max_cost_usd"], told["max_tokens"], told["spent"]) == (
        200,
        None,
        None,
        None,
    )
    status, told = await ask("PUT", "/workspace/budget", {"max_cost_usd": 12.5, "per": "month"})
    assert (status, told["max_cost_usd"], told["max_tokens"]) == (200, 12.5, None)
    assert told["spent"] == {"cost_usd": 0, "tokens": 0}
    assert told["resets_at"].startswith(told["resets_at"][:8] + "01T00:00:00Z")
    status, told = await ask("PUT", "/workspace/budget", {"max_tokens": 1_000})
    assert (told["max_cost_usd"], told["max_tokens"]) == (None, 1_000)
    assert (await ask("GET", "/workspace/budget"))[1]["max_tokens"] == 1_000
    assert (await ask("GET", "/workspace/budget", workspace_id="ws_2"))[1]["max_tokens"] is None
    assert (await ask("DELETE", "/workspace/budget"))[0] == 204
    assert (await ask("GET", "/workspace/budget"))[1]["max_tokens"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_cost_usd": -1}, "max_cost_usd"),
        ({"max_cost_usd": 10**9}, "max_cost_usd"),
        ({"max_tokens": 1, "per": "day"}, "per"),
        ({"max_token": 1}, "max_token"),
    ],
)
async def test_a_wrong_budget_is_refused(ask, body, field):
    status, told = await ask("PUT", "/workspace/budget", body)
    assert (status, told["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert field in {None, told["error"]["details"]["field"]}


async def test_only_admins_may(ask):
    for method, body in (("GET", None), ("PUT", {"max_tokens": 1}), ("DELETE", None)):
        status, told = await ask(method, "/workspace/budget", body, role="editor")
        assert (status, told["error"]["details"]["required_role"]) == (403, "admin")


async def test_a_job_of_a_workspace_that_has_used_its_budget_is_refused(ask, store_database):
    await ask("PUT", "/workspace/budget", {"max_tokens": 100})
    assert (await ask("POST", "/executions", JOB))[0] == 202
    spent = {"$set": {"spent": {"nano": 0, "tokens": 100}}, "$inc": {"version": 1}}
    await store_database("executor")["budgets"].update_one({"_id": "ws_test"}, spent)
    status, told = await ask("PUT", "/workspace/budget", {"max_tokens": 100})
    assert told["spent"]["tokens"] == 100
    status, told = await ask("POST", "/executions", JOB)
    assert (status, told["error"]["code"]) == (402, "BUDGET_EXCEEDED")
    assert "PUT /workspace/budget" in told["error"]["message"]
    assert told["error"]["details"]["resets_at"].endswith("-01T00:00:00Z")
    assert (await ask("POST", "/executions", JOB, workspace_id="ws_2"))[0] == 202
    await ask("PUT", "/workspace/budget", {"max_tokens": 101})
    assert (await ask("POST", "/executions", JOB))[0] == 202


async def test_money_cannot_bound_models_without_a_price(ask, peers):
    peers.crews = {name: one.model_copy(update={"version": 7}) for name, one in peers.crews.items()}
    peers.unpriced = [{"field": "agents.0.model", "reason": "What the model x costs is not known"}]
    await ask("PUT", "/workspace/budget", {"max_tokens": 100_000})
    assert (await ask("POST", "/executions", JOB))[0] == 202
    await ask("PUT", "/workspace/budget", {"max_cost_usd": 5})
    status, told = await ask("POST", "/executions", JOB)
    assert (status, told["error"]["details"]["field"]) == (400, "crew.agents.0.model")
    assert peers.priced == 7, "the version that would run"
    assert "PUT /workspace/budget" in told["error"]["message"]


async def test_a_fork_that_the_budget_refuses_is_answered_as_documented(
    ask, store_database, executor_app
):
    _, job = await ask("POST", "/executions", JOB)
    await ask("PUT", "/workspace/budget", {"max_tokens": 100})
    spent = {"$set": {"spent": {"nano": 0, "tokens": 100}}, "$inc": {"version": 1}}
    await store_database("executor")["budgets"].update_one({"_id": "ws_test"}, spent)
    await ask("PUT", "/workspace/budget", {"max_tokens": 100})
    status, told = await ask("POST", f"/executions/{job['job_id']}/fork", {})
    assert (status, told["error"]["code"]) == (402, "BUDGET_EXCEEDED")
    (path,) = (path for path in executor_app.openapi()["paths"] if path.endswith("/fork"))
    assert "402" in executor_app.openapi()["paths"][path]["post"]["responses"]
