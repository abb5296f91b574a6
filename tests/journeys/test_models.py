"""Models by a workspace's own keys and endpoints, with settings and fallbacks.

Covers: executor.process.model_desk, executor.routes.model_bodies, executor.routes.models
"""

from typing import Any

import pytest
from journeys.model import REFUSED
from journeys.users import User

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]


async def _set_endpoint(user: User, name: str, key: str, **more: Any) -> None:
    body = {"base_url": user.platform.model.url, "api_key": key, **more}
    await user.call("PUT", f"/models/endpoints/{name}", body, expect=200)


def _newest(user: User) -> tuple[dict[str, Any], str]:
    return user.platform.model.calls[-1], user.platform.model.keys[-1]


async def test_a_workspace_runs_on_its_own_key_and_no_other_does(
    user: User, stranger: User
) -> None:
    settings = {"base_url": user.platform.model.url, "api_key": "sk-the-workspaces"}
    await user.call("PUT", "/models/providers/openai", settings, expect=200)
    for one, key in ((user, "sk-the-workspaces"), (stranger, "none")):
        job_id = await one.start(await one.crew("Say something", model="openai:fake"))
        assert (await one.finished(job_id))["status"] == "completed"
        assert _newest(one)[1] == key
    listed = await user.call("GET", "/models?provider=openai", expect=200)
    assert listed["providers"][0]["key"] == "workspace"
    await stranger.call("GET", "/models/providers/openai", expect=404)


async def test_an_endpoint_answers_with_settings_a_price_and_a_fallback(user: User) -> None:
    await _set_endpoint(user, "lab", "sk-of-the-lab", price={"input": 1.0, "output": 2.0})
    await _set_endpoint(user, "shut", REFUSED)
    settings = {"temperature": 0.25, "stop": "END"}
    agent = {"model_settings": settings, "fallback_models": ["lab/qwen"]}
    job_id = await user.start(await user.crew("Say something", model="shut/qwen", **agent))
    events = await user.watch(job_id)
    done = await user.finished(job_id)
    assert done["status"] == "completed"
    assert done["usage"]["cost_usd"] == pytest.approx((10 * 1.0 + 5 * 2.0) / 1e6)
    asked, key = _newest(user)
    assert (asked["model"], asked["temperature"], asked["stop"]) == ("qwen", 0.25, ["END"])
    assert key == "sk-of-the-lab"
    (warning,) = [one for one in events if one["type"] == "warning"]
    assert warning["code"] == "MODEL_FALLBACK"
    assert "does not accept the key" in warning["message"]
    assert "lab/qwen" in warning["message"]
    assert "sk-" not in str([events, await user.call("GET", f"/executions/{job_id}/calls")])


@pytest.mark.alike_in_every_form
async def test_a_check_says_plainly_what_is_wrong(user: User) -> None:
    await _set_endpoint(user, "lab", "sk-of-the-lab")
    good = await user.call("POST", "/models/check", {"model": "lab/qwen"}, expect=200)
    assert (good["ok"], good["code"]) == (True, None)
    assert _newest(user)[0]["max_tokens"] == 1
    await _set_endpoint(user, "lab", REFUSED)
    bad = await user.call("POST", "/models/check", {"model": "lab/qwen"}, expect=200)
    assert (bad["ok"], bad["code"]) == (False, "MODEL_ERROR")
    assert "PUT /models/endpoints/lab" in bad["message"]
    assert REFUSED not in bad["message"]
    unknown = await user.call("POST", "/models/check", {"model": "nowhere/qwen"}, expect=200)
    assert "no endpoint nowhere" in unknown["message"]


@pytest.mark.alike_in_every_form
async def test_a_crew_whose_endpoint_is_gone_is_not_started(user: User) -> None:
    await _set_endpoint(user, "lab", "sk-of-the-lab")
    crew_id = await user.crew("Say something", model="lab/qwen")
    await user.call("DELETE", "/models/endpoints/lab", expect=204)
    told = await user.call("POST", "/executions", {"crew_id": crew_id}, expect=400)
    assert "PUT /models/endpoints/lab" in told["error"]["details"]["reason"]
    await _set_endpoint(user, "lab", "sk-of-the-lab")
    assert (await user.finished(await user.start(crew_id)))["status"] == "completed"
