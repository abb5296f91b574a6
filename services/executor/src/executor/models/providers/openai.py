"""OpenAI, or another server that speaks its chat completions."""

from typing import Any

from common.contracts.models import ProviderDeclaration
from executor.models.connections import (
    AS_REGISTERED,
    Access,
    ProviderConnection,
    connect_compatible,
    forget_environment,
    profile,
)
from executor.models.provider import ModelProvider, ProviderSetting
from executor.models.traits import Traits

_ADDRESS = "https://api.openai.com/v1"


def connect(access: Access, timeout: float) -> ProviderConnection:
    """Connect to OpenAI, or to the server configured in its place."""
    if access.url:
        return connect_compatible(access, timeout)

    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(
        api_key=access.key or "",
        base_url=_ADDRESS if access.own else None,
        max_retries=0,
        timeout=timeout,
        http_client=access.http(timeout),
    )
    if access.own:
        forget_environment(client)
    provider = OpenAIProvider(openai_client=client)

    def model(name: str) -> Any:
        return OpenAIResponsesModel(name, provider=provider, profile=profile(AS_REGISTERED))

    return ProviderConnection(model, client.close, Traits())


PROVIDER = ModelProvider(
    ProviderDeclaration(
        "openai",
        patterns=(r"(?:openai:)?((?:gpt-|o\d|chatgpt-|ft:gpt-).+|o\d)", r"openai:(.+)"),
        shown="gpt-…, o3 and the like",
        examples=(
            "gpt-4", "gpt-4-turbo", "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-5",
            "gpt-5-mini", "gpt-3.5-turbo", "o3", "o3-mini", "o4-mini", "chatgpt-4o-latest",
        ),
        words=(
            "gpt", "o", "chatgpt", "mini", "nano", "turbo", "pro", "latest", "preview", "codex",
            "audio", "realtime", "search", "image",
        ),
        own_server="openai_base_url",
    ),
    connect,
    key=ProviderSetting(
        "openai_api_key", "For `gpt-*`, `o*` and `openai:` models.", ("OPENAI_API_KEY",)
    ),
    address=ProviderSetting(
        "openai_base_url",
        "A server that speaks OpenAI's chat protocol, for `gpt-*`, `o*` and `openai:` models.",
    ),
    library="pydantic_ai.models.openai",
)  # fmt: skip
