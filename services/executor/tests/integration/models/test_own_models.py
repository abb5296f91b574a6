"""Models that a workspace reaches by keys and endpoints of its own.

Covers: executor.models.access_cache, executor.models.guarded, executor.models.own,
    executor.models.sent_settings, executor.models.trial, executor.models.trying
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from common.contracts.model_access import ModelAccess, OwnAccess, TokenPrice, own_models
from common.errors import Unavailable
from common.security.outgoing import OutgoingGuard
from executor.models.access_cache import AccessCache
from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.dialogue import Tokens
from executor.models.model import ModelFault
from executor.models.own import Owner
from executor.models.patience import ModelPatience
from executor.models.trying import Trials


class Keeper:
    """Stands in for crews."""

    def __init__(self) -> None:
        self.access = ModelAccess()
        self.asked = 0
        self.fault: Exception | None = None

    async def model_access(self, workspace_id: str) -> ModelAccess:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.access if workspace_id == "ws_1" else ModelAccess()


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
async def own(server: Any, keeper: Keeper) -> Any:
    """Return models whose operator has a server with a key, and allows the test's."""
    made: list[Models] = []

    def make(*allowed: str) -> Models:
        settings = ModelSettings(
            {"openai": Access("sk-operators-key", server.url)},
            own=keeper,
            guard=OutgoingGuard(allowed),
            timeout=60,
            patience=ModelPatience(longest=0.3, first=0.01),
        )
        made.append(Models(settings))
        return made[-1]

    yield make
    for models in made:
        await models.close()


def owner(*models: str) -> Owner:
    return Owner("ws_1", own_models(models, ["openai", "deepseek"], ["corp"]))


@pytest.fixture
def endpoint(server: Any, keeper: Keeper, kit: SimpleNamespace) -> OwnAccess:
    server.answers = [kit.said("Hello.")]
    made = OwnAccess(
        api_key="sk-ours-and-nobody-elses",
        base_url=server.url,
        headers={"X-Team": "research"},
        price=TokenPrice(input=1.0, output=2.0),
    )
    keeper.access = ModelAccess(endpoints={"corp": made})
    return made


async def test_an_endpoint_gets_its_key_its_headers_and_its_own_name_of_the_model(
    own: Any, server: Any, endpoint: OwnAccess, talk: Any
) -> None:
    model = await own("127.0.0.1").resolve("corp/llama-3", owner("corp/llama-3"))
    reply = await model.request(talk(), [])
    assert (model.label, reply.text, server.asked[0]["model"]) == (
        "corp/llama-3",
        "Hello.",
        "llama-3",
    )
    assert server.headers[0]["Authorization"] == "Bearer sk-ours-and-nobody-elses"
    assert server.headers[0]["X-Team"] == "research"


async def test_an_endpoint_costs_what_the_workspace_says(
    own: Any, endpoint: OwnAccess, talk: Any
) -> None:
    model = await own("127.0.0.1").resolve("corp/llama-3", owner("corp/llama-3"))
    assert model.price(Tokens(1_000_000, 500_000)) == 2.0
    reply = await model.request(talk(), [])
    assert reply.tokens.cost_usd == pytest.approx((11 * 1.0 + 7 * 2.0) / 1e6)


async def test_a_workspaces_own_key_is_used_in_place_of_the_operators(
    own: Any, server: Any, keeper: Keeper, kit: SimpleNamespace, talk: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "the operator's")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Operator: secret")
    server.answers = [kit.said("Hello.")]
    keeper.access = ModelAccess(providers={"openai": OwnAccess(base_url=server.url)})
    models = own("127.0.0.1")
    for mine in (owner("gpt-4o"), None):
        await (await models.resolve("gpt-4o", mine)).request(talk(), [])
    keys = [headers["Authorization"] for headers in server.headers]
    assert keys == ["Bearer none", "Bearer sk-operators-key"]
    assert not {"X-Operator", "OpenAI-Organization"} & set(server.headers[0])


async def test_an_address_inside_is_refused_at_once_unless_the_operator_allows_it(
    own: Any, server: Any, endpoint: OwnAccess, talk: Any
) -> None:
    model = await own().resolve("corp/llama-3", owner("corp/llama-3"))
    with pytest.raises(ModelFault) as refused:
        await model.request(talk(), [])
    assert refused.value.code == "MODEL_UNAVAILABLE"
    assert "KASAL_TOOL_ALLOWED_HOSTS" in refused.value.message
    assert "was asked" not in refused.value.message
    assert server.asked == []


async def test_a_redirect_is_not_followed_with_the_key(
    own: Any, server: Any, endpoint: OwnAccess, talk: Any
) -> None:
    server.answers = [(307, {}, {"Location": "http://127.0.0.1:9/v1/chat/completions"})]
    model = await own("127.0.0.1").resolve("corp/llama-3", owner("corp/llama-3"))
    with pytest.raises(ModelFault, match="redirects"):
        await model.request(talk(), [])
    assert len(server.asked) == 1


async def test_a_refused_key_is_not_shown_and_the_message_says_who_sets_it(
    own: Any, server: Any, endpoint: OwnAccess, talk: Any
) -> None:
    said = "Incorrect key sk-ours-and-nobody-elses for team research"
    server.answers = [(401, {"error": {"message": said}}, {})]
    model = await own("127.0.0.1").resolve("corp/llama-3", owner("corp/llama-3"))
    with pytest.raises(ModelFault) as refused:
        await model.request(talk(), [])
    assert "PUT /models/endpoints/corp" in refused.value.message
    assert "ours" not in refused.value.message
    assert "research" not in refused.value.message


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gpt-4o", "PUT /models/providers/openai"),
        ("corp/llama-3", "PUT /models/endpoints/corp"),
        ("deepseek:deepseek-chat", "PUT /models/providers/deepseek"),
    ],
)
async def test_a_key_that_was_deleted_while_the_job_ran_is_told_of(
    own: Any, name: str, told: str
) -> None:
    with pytest.raises(ModelFault) as gone:
        await own().resolve(name, owner(name))
    assert gone.value.code == "MODEL_UNAVAILABLE"
    assert told in gone.value.message


async def test_a_key_under_a_lost_secret_is_told_of(own: Any, keeper: Keeper) -> None:
    keeper.access = ModelAccess(unreadable=["openai"])
    with pytest.raises(ModelFault, match="KASAL_SECRET_KEY"):
        await own().resolve("gpt-4o", owner("gpt-4o"))


async def test_a_keeper_that_does_not_answer_is_told_of(own: Any, keeper: Keeper) -> None:
    keeper.fault = Unavailable("The service crews cannot be reached.")
    with pytest.raises(ModelFault, match="crews cannot be reached"):
        await own().resolve("gpt-4o", owner("gpt-4o"))


async def test_a_changed_key_is_used_by_the_next_call(
    own: Any, server: Any, keeper: Keeper, endpoint: OwnAccess, talk: Any
) -> None:
    models, mine = own("127.0.0.1"), owner("corp/llama-3")
    before = await models.resolve("corp/llama-3", mine)
    assert await models.resolve("corp/llama-3", mine) is before
    changed = endpoint.model_copy(update={"api_key": "sk-new"})
    keeper.access = ModelAccess(endpoints={"corp": changed})
    models.forget("ws_1")
    await (await models.resolve("corp/llama-3", mine)).request(talk(), [])
    assert server.headers[0]["Authorization"] == "Bearer sk-new"


async def test_another_workspace_gets_nothing_of_it(own: Any, endpoint: OwnAccess) -> None:
    models = own("127.0.0.1")
    await models.resolve("corp/llama-3", owner("corp/llama-3"))
    with pytest.raises(ModelFault, match="no endpoint corp"):
        await models.resolve("corp/llama-3")
    other = Owner("ws_2", owner("corp/llama-3").models)
    with pytest.raises(ModelFault, match="no endpoint corp"):
        await models.resolve("corp/llama-3", other)


async def test_a_provider_that_needs_only_a_key_gets_the_workspaces(
    own: Any, keeper: Keeper, monkeypatch: Any
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "the operator's")
    keeper.access = ModelAccess(providers={"deepseek": OwnAccess(api_key="ours")})
    name = "deepseek:deepseek-chat"
    model: Any = await own().resolve(name, owner(name))
    assert model._native.client.api_key == "ours"


async def test_a_trial_asks_one_token(own: Any, server: Any, endpoint: OwnAccess) -> None:
    trial = await Trials(own("127.0.0.1")).of("corp/llama-3", owner("corp/llama-3"))
    assert (trial.code, trial.model, trial.provider) == (None, "corp/llama-3", "openai-compatible")
    assert (server.asked[0]["model"], server.asked[0]["max_tokens"]) == ("llama-3", 1)


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        ((401, {"error": {"message": "bad key"}}, {}), "MODEL_ERROR", "does not accept the key"),
        ((404, {"error": {"message": "none"}}, {}), "MODEL_ERROR", "does not know it"),
        ((503, {"error": {"message": "busy"}}, {}), "MODEL_UNAVAILABLE", "503"),
        (b"nonsense", "MODEL_UNAVAILABLE", "corp/llama-3"),
    ],
)
async def test_a_trial_says_what_is_wrong_after_one_request(
    own: Any, server: Any, endpoint: OwnAccess, answer: Any, code: str, told: str
) -> None:
    server.answers = [answer]
    trial = await Trials(own("127.0.0.1")).of("corp/llama-3", owner("corp/llama-3"))
    assert trial.code == code
    assert told in str(trial.message)
    assert len(server.asked) == 1


async def test_a_trial_that_gets_no_text_for_its_one_token_is_good(
    own: Any, server: Any, endpoint: OwnAccess, kit: SimpleNamespace
) -> None:
    server.answers = [kit.said("", finish="length")]
    trial = await Trials(own("127.0.0.1")).of("corp/llama-3", owner("corp/llama-3"))
    assert trial.code is None


async def test_settings_are_sent_in_the_providers_own_names(
    own: Any, server: Any, endpoint: OwnAccess, talk: Any
) -> None:
    model = await own("127.0.0.1").resolve("corp/llama-3", owner("corp/llama-3"))
    dialogue = talk()
    dialogue.settings = {
        "temperature": 0.2,
        "max_tokens": 50,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END"],
        "reasoning_effort": "low",
    }
    await model.request(dialogue, [])
    sent = server.asked[0]
    assert (sent["temperature"], sent["top_p"], sent["seed"]) == (0.2, 0.9, 7)
    assert (sent["stop"], sent["reasoning_effort"]) == (["END"], "low")
    assert 50 in {sent.get("max_tokens"), sent.get("max_completion_tokens")}


async def test_keys_are_asked_for_once_in_a_while_and_after_a_change(keeper: Keeper) -> None:
    now = [0.0]
    cache = AccessCache(keeper, 5.0, lambda: now[0])
    await asyncio.gather(*(cache.of("ws_1") for _ in range(50)))
    assert keeper.asked == 1
    now[0] = 4.9
    await cache.of("ws_1")
    assert keeper.asked == 1
    now[0] = 5.1
    await cache.of("ws_1")
    assert keeper.asked == 2
    cache.forget("ws_1")
    await cache.of("ws_1")
    assert keeper.asked == 3


async def test_what_was_on_its_way_while_it_changed_is_not_kept() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    class Slow(Keeper):
        async def model_access(self, workspace_id: str) -> ModelAccess:
            begun.set()
            await go.wait()
            return await super().model_access(workspace_id)

    keeper = Slow()
    cache = AccessCache(keeper)
    asking = asyncio.create_task(cache.of("ws_1"))
    await begun.wait()
    cache.forget("ws_1")
    go.set()
    await asking
    await cache.of("ws_1")
    assert keeper.asked == 2
