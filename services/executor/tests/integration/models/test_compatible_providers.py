"""Groq and Mistral: asked at their own addresses in OpenAI's words, with what they take, at published prices.

Covers: executor.models.providers.groq, executor.models.providers.mistral
"""

import re
from typing import Any

import pytest

from common.contracts.model_access import ModelAccess, OwnAccess, own_models
from executor.domain.meters import NoMeters
from executor.models.connections import Access
from executor.models.dialogue import Reply, Tokens, ToolRequest, ToolReturn
from executor.models.patience import ModelPatience
from executor.models.providers import groq, mistral
from executor.models.published import listing
from executor.models.remote import RemoteModel

SETTINGS = {"temperature": 0.2, "max_tokens": 9, "seed": 4, "top_p": 0.5}
MODELS = {
    "groq": (groq, "llama-3.3-70b-versatile"),
    "mistral": (mistral, "mistral-large-latest"),
}


@pytest.fixture(params=MODELS)
async def model(request: Any, server: Any, monkeypatch: Any) -> Any:
    """Yield a model of each provider, whose address is the test's server."""
    module, name = MODELS[request.param]
    monkeypatch.setattr(module, "_ADDRESS", server.url)
    connection = module.connect(Access(key="sk-theirs"), 60)
    native, patience = connection.model(name), ModelPatience(tries=1)
    yield RemoteModel(name, native, patience, NoMeters(), connection.traits)
    await connection.close()


def test_their_addresses_are_their_own() -> None:
    found = {name: module._ADDRESS for name, (module, _) in MODELS.items()}
    assert found == {
        "groq": "https://api.groq.com/openai/v1",
        "mistral": "https://api.mistral.ai/v1",
    }


async def test_they_get_their_key_and_the_settings_that_they_have(
    model: Any, server: Any, talk: Any, kit: Any
) -> None:
    server.answers = [kit.said("Hello")]
    dialogue = talk()
    dialogue.settings = SETTINGS
    reply = await model.request(dialogue, [])
    assert (reply.text, reply.tokens.input) == ("Hello", 11)
    assert server.headers[0]["Authorization"] == "Bearer sk-theirs"
    asked = server.asked[0]
    assert (asked["temperature"], asked["max_tokens"]) == (0.2, 9)
    assert ("seed" in asked) is (model.provider == "groq")


async def test_calls_of_another_model_go_to_mistral_with_ids_that_it_takes(
    model: Any, server: Any, talk: Any, kit: Any
) -> None:
    server.answers = [kit.said("Done")]
    dialogue = talk()
    call = ToolRequest("call_0123456789abcdef", "look", {"q": 1})
    dialogue.turns += [Reply("", (call,)), (ToolReturn(call.id, "look", "seen"),)]
    await model.request(dialogue, [])
    *_, said, result = server.asked[0]["messages"]
    (sent,) = [one["id"] for one in said["tool_calls"]]
    assert result["tool_call_id"] == sent
    if model.provider == "mistral_ai":
        assert re.fullmatch("[A-Za-z0-9]{9}", sent)
    else:
        assert sent == call.id


async def test_their_prices_are_published_but_not_those_of_a_server_in_their_place(
    model: Any, server: Any
) -> None:
    assert model.price(Tokens(1_000_000, 1_000_000))
    module, name = MODELS["groq"]
    connection = module.connect(Access(key="k", url=server.url), 60)
    other = RemoteModel(
        name, connection.model(name), ModelPatience(tries=1), NoMeters(), connection.traits
    )
    assert other.price(Tokens(1_000_000, 1_000_000)) is None
    await connection.close()


@pytest.mark.parametrize("name", MODELS)
def test_a_workspace_may_have_its_own_key_and_sees_their_models(name: str) -> None:
    mine = ModelAccess(providers={name: OwnAccess(api_key="k")})
    (found,) = listing(mine, {}, {}, name).providers
    assert (found.key, found.names) == ("workspace", f"{name}:…")
    assert found.models
    assert all(one.model.startswith(f"{name}:") for one in found.models)
    assert own_models([found.models[0].model], [name], []).providers == [name]
