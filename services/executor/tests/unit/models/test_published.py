"""What can be named as a model.

Covers: executor.models.published
"""

from common.contracts.model_access import ModelAccess, OwnAccess, TokenPrice
from executor.models.connections import Access
from executor.models.published import listing

OWN = ModelAccess(
    providers={"anthropic": OwnAccess(api_key="k"), "google": OwnAccess(base_url="https://x")},
    endpoints={"corp": OwnAccess(base_url="https://y", price=TokenPrice(input=1, output=2))},
)
OPERATOR = {"openai": Access("k"), "ollama": Access(url="http://127.0.0.1:1/v1")}


def test_each_provider_says_whose_key_is_used():
    found = listing(OWN, OPERATOR, {"DEEPSEEK_API_KEY": "k"}, None)
    keys = {one.provider: one.key for one in found.providers}
    assert keys["openai"] == keys["deepseek"] == "operator"
    assert keys["anthropic"] == keys["google"] == "workspace"
    assert keys["ollama"] == keys["offline"] == "not_needed"
    assert keys["openrouter"] == "none"
    (corp,) = found.endpoints
    assert (corp.names, corp.has_api_key, corp.price) == (
        "corp/…",
        False,
        TokenPrice(input=1, output=2),
    )


def test_models_have_prices_and_context_windows_and_write_text():
    found = {one.provider: one.models for one in listing(OWN, OPERATOR, {}, None).providers}
    (gpt,) = [one for one in found["openai"] if one.model == "gpt-4o"]
    assert (gpt.context_window, gpt.price) == (128_000, TokenPrice(input=2.5, output=10))
    assert not [one for one in found["openai"] if "tts" in one.model or "embed" in one.model]
    assert found["google"] == [] or found["google"] == ()
    assert not found["openrouter"]


def test_one_provider_may_be_asked_for():
    found = listing(ModelAccess(), {}, {}, "deepseek")
    (only,) = found.providers
    assert only.models[0].model.startswith("deepseek:")
    assert listing(OWN, {}, {}, "corp").providers == []
    nothing = listing(OWN, {}, {}, "banana")
    assert not nothing.providers
    assert not nothing.endpoints
