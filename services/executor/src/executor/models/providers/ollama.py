"""Ollama, which runs models on your own machines."""

from dataclasses import replace

from common.contracts.models import ProviderDeclaration
from executor.models.connections import Access, ProviderConnection, connect_compatible
from executor.models.provider import ModelProvider, ProviderSetting


def connect(access: Access, timeout: float) -> ProviderConnection:
    """Connect to Ollama, which requires a key but accepts any."""
    return connect_compatible(replace(access, key=access.key or "ollama"), timeout)


PROVIDER = ModelProvider(
    ProviderDeclaration(
        "ollama",
        patterns=(r"ollama[/:](.+)",),
        shown="ollama/…",
        examples=("ollama/llama3.2",),
        priced=False,
    ),
    connect,
    address=ProviderSetting(
        "ollama_base_url",
        "The server of `ollama/<name>` models, which speaks OpenAI's chat protocol; by default Ollama's own.",
        default="http://127.0.0.1:11434/v1",
    ),
)
