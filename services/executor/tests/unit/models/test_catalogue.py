"""Which model answers to a name.

Covers: common.registry, executor.models.declared, executor.models.provider
"""

import sys

import pytest

from common.contracts.model_access import OwnModels
from common.contracts.models import provider_of
from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.model import ModelFault
from executor.models.offline import OfflineModel
from executor.models.own import Owner
from executor.models.provider import configured_libraries
from executor.models.trying import Trials


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("gpt-4", "openai", "gpt-4"),
        ("openai:gpt-4o", "openai", "gpt-4o"),
        ("o3", "openai", "o3"),
        ("o4-mini", "openai", "o4-mini"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("claude-3-opus", "anthropic", "claude-3-opus"),
        ("anthropic:claude-x", "anthropic", "claude-x"),
        ("gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("google-gla:gemini-x", "google", "gemini-x"),
        ("ollama/llama3", "ollama", "llama3"),
        ("ollama:llama3", "ollama", "llama3"),
        ("groq:llama", "groq", "llama"),
        ("mistral:mistral-large-latest", "mistral", "mistral-large-latest"),
        ("cohere:command", None, "cohere:command"),
        ("banana", None, "banana"),
        ("other-gpt-4", None, "other-gpt-4"),
    ],
)
def test_a_name_belongs_to_a_provider(name, provider, model):
    assert provider_of(name) == (provider, model)


@pytest.fixture
async def catalogue():
    made = []

    def make(**settings):
        made.append(Models(ModelSettings(**settings)))
        return made[-1]

    yield make
    for models in made:
        await models.close()


@pytest.mark.parametrize("name", ["gpt-4", "o3", "claude-3-opus", "gemini-pro"])
async def test_without_a_key_the_offline_model_stands_in_where_it_may(catalogue, name):
    model = await catalogue(fallback="offline").resolve(name)
    assert isinstance(model, OfflineModel)
    assert model.stands_for == name


@pytest.mark.parametrize("name", ["gpt-4", "claude-3-opus", "gemini-pro"])
async def test_without_a_key_a_model_is_unavailable_otherwise(catalogue, name):
    with pytest.raises(ModelFault) as fault:
        await catalogue().resolve(name)
    assert fault.value.code == "MODEL_UNAVAILABLE"
    assert name in fault.value.message


@pytest.mark.parametrize(
    "name", ["banana", "", "nobody:model", "no such thing", "x" * 5000, "a:b c"]
)
async def test_an_unknown_model_is_unavailable_with_a_fallback_too(catalogue, name):
    with pytest.raises(ModelFault) as fault:
        await catalogue(fallback="offline").resolve(name)
    assert fault.value.code == "MODEL_UNAVAILABLE"
    assert len(fault.value.message) < 500


async def test_a_provider_whose_library_is_not_installed_is_told_of_with_what_to_do(catalogue):
    with pytest.raises(ModelFault) as fault:
        await catalogue(fallback="offline").resolve("cohere/command-r")
    assert fault.value.code == "MODEL_UNAVAILABLE"
    assert "lacks the library of cohere" in fault.value.message
    assert "PUT /models/endpoints/" in fault.value.message


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gpt-4o", "PUT /models/providers/openai"),
        ("deepseek:deepseek-chat", "PUT /models/providers/deepseek"),
        ("azure:gpt-4o", "PUT /models/endpoints/{endpoint}"),
    ],
)
async def test_a_trial_without_a_key_says_how_to_give_one_that_can_be_given(
    catalogue, monkeypatch, name, told
):
    for variable in ("DEEPSEEK_API_KEY", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    trials = Trials(catalogue(fallback="offline"))
    trial = await trials.of(name, Owner("ws_1", OwnModels()))
    assert trial.code == "MODEL_UNAVAILABLE"
    assert told in trial.message


async def test_another_provider_without_its_key_is_stood_in_for(catalogue, monkeypatch):
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    model = await catalogue(fallback="offline").resolve("deepseek:deepseek-chat")
    assert model.stands_for == "deepseek:deepseek-chat"


async def test_offline_is_always_there_and_stands_for_nobody(catalogue):
    model = await catalogue().resolve("offline")
    assert model.stands_for is None


@pytest.mark.parametrize(
    ("access", "name"),
    [
        ({"openai": Access("k")}, "gpt-4"),
        ({"openai": Access(url="http://127.0.0.1:9/v1")}, "gpt-4"),
        ({"anthropic": Access("k")}, "claude-3-opus"),
        ({"google": Access("k")}, "gemini-pro"),
        ({}, "ollama/llama3"),
    ],
)
async def test_with_a_key_the_providers_model_answers(catalogue, access, name):
    models = catalogue(fallback="offline", access=access)
    model = await models.resolve(name)
    assert (model.label, model.stands_for) == (name, None)
    assert await models.resolve(name) is model


def test_keys_are_not_shown():
    settings = ModelSettings({"openai": Access("sk-1"), "anthropic": Access("sk-2")})
    assert "sk-" not in repr(settings)


@pytest.mark.parametrize(
    ("access", "needed"),
    [
        ({}, []),
        ({"ollama": Access(url="http://127.0.0.1:11434/v1")}, []),
        ({"openai": Access("sk-1")}, ["pydantic_ai.models.openai"]),
        ({"openai": Access(url="http://127.0.0.1:1/v1")}, ["pydantic_ai.models.openai"]),
    ],
)
def test_only_configured_providers_need_their_libraries(access, needed):
    assert configured_libraries(access) == needed


def test_warming_up_without_keys_imports_no_provider():
    import subprocess

    code = (
        "import sys; from executor.models.catalogue import Models, ModelSettings;"
        "Models(ModelSettings()).warm_up();"
        "print([m for m in ('pydantic_ai', 'openai', 'anthropic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
