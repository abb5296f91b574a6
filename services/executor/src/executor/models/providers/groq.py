"""Groq, by its own address for OpenAI's chat completions."""

from dataclasses import replace

from common.contracts.models import ProviderDeclaration
from executor.models.connections import Access, ProviderConnection, connect_compatible
from executor.models.provider import ModelProvider, ProviderSetting

NAME = "groq"
_ADDRESS = "https://api.groq.com/openai/v1"


def connect(access: Access, timeout: float) -> ProviderConnection:
    """Connect to Groq, or to the server that a workspace has set in its place."""
    priced = access.url is None
    return connect_compatible(
        replace(access, url=access.url or _ADDRESS), timeout, name=NAME, priced=priced
    )


PROVIDER = ModelProvider(
    ProviderDeclaration(
        NAME,
        patterns=(r"groq:(.+)",),
        shown="groq:…",
        examples=("groq:llama-3.3-70b-versatile",),
    ),
    connect,
    key=ProviderSetting("groq_api_key", "For `groq:` models.", ("GROQ_API_KEY",)),
    library="pydantic_ai.models.openai",
)
