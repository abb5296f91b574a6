"""Anthropic."""

from common.contracts.models import ProviderDeclaration
from executor.models.connections import Access, ProviderConnection, forget_environment
from executor.models.provider import ModelProvider, ProviderSetting
from executor.models.traits import Traits

_ADDRESS = "https://api.anthropic.com"


def connect(access: Access, timeout: float) -> ProviderConnection:
    """Connect to Anthropic."""
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    client = AsyncAnthropic(
        api_key=access.key or "",
        base_url=access.url or (_ADDRESS if access.own else None),
        max_retries=0,
        timeout=timeout,
        http_client=access.http(timeout),
    )
    if access.own:
        forget_environment(client)
    provider = AnthropicProvider(anthropic_client=client)
    traits = Traits(priced=access.url is None, beside_tools=False, closed=True)
    return ProviderConnection(
        lambda name: AnthropicModel(name, provider=provider), client.close, traits
    )


PROVIDER = ModelProvider(
    ProviderDeclaration(
        "anthropic",
        patterns=(r"(?:anthropic:)?(claude-.+)",),
        shown="claude-…",
        examples=(
            "claude-3-opus", "claude-3-5-sonnet-latest", "claude-3-5-haiku-latest",
            "claude-sonnet-4-6", "claude-opus-4-6", "claude-haiku-4-5",
        ),
        words=("claude", "opus", "sonnet", "haiku"),
    ),
    connect,
    key=ProviderSetting("anthropic_api_key", "For `claude-*` models.", ("ANTHROPIC_API_KEY",)),
    library="pydantic_ai.models.anthropic",
)  # fmt: skip
