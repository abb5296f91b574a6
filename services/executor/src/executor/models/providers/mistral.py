"""Mistral, whose own API is OpenAI's chat completions with some settings less."""

from dataclasses import replace

from common.contracts.models import ProviderDeclaration
from executor.models.connections import Access, ProviderConnection, connect_compatible
from executor.models.provider import ModelProvider, ProviderSetting

NAME = "mistral"
_ADDRESS = "https://api.mistral.ai/v1"
_TRAITS = {
    "tool_call_id_length": 9,
    # It refuses a request with fields that it does not know.
    "openai_unsupported_model_settings": ("seed", "top_k", "openai_reasoning_effort", "thinking"),
}


def connect(access: Access, timeout: float) -> ProviderConnection:
    """Connect to Mistral, or to the server that a workspace has set in its place."""
    priced = access.url is None
    return connect_compatible(
        replace(access, url=access.url or _ADDRESS), timeout, name=NAME, priced=priced, more=_TRAITS
    )


PROVIDER = ModelProvider(
    ProviderDeclaration(
        NAME,
        patterns=(r"mistral:(.+)",),
        shown="mistral:…",
        examples=("mistral:mistral-large-latest",),
    ),
    connect,
    key=ProviderSetting("mistral_api_key", "For `mistral:` models.", ("MISTRAL_API_KEY",)),
    library="pydantic_ai.models.openai",
)
