"""Connections to model providers, one per provider and process, made when first needed.

Everything here imports a provider's library, which takes a second or so: call it on a thread.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

Family = Literal["openai", "anthropic", "google", "ollama"]


class NoKey(Exception):  # noqa: N818 - it says what is missing
    """The provider has no key in this process's environment."""


class Unknown(Exception):  # noqa: N818
    """There is no such provider or model."""


@dataclass(frozen=True, slots=True)
class Client:
    """A connection to one provider.

    `model` returns pydantic-ai's model of a name; `priced` says that its prices are published.
    """

    model: Callable[[str], Any]
    close: Callable[[], Awaitable[None]]
    priced: bool = True


def openai(key: str, timeout: float) -> Client:
    """Connect to OpenAI."""
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(api_key=key, max_retries=0, timeout=timeout)
    provider = OpenAIProvider(openai_client=client)
    return Client(lambda name: OpenAIResponsesModel(name, provider=provider), client.close)


def compatible(url: str, key: str | None, timeout: float) -> Client:
    """Connect to a server that speaks OpenAI's chat completions."""
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    client = AsyncOpenAI(base_url=url, api_key=key or "none", max_retries=0, timeout=timeout)
    provider = OpenAICompatibleProvider("openai-compatible", openai_client=client)
    return Client(lambda name: OpenAIChatModel(name, provider=provider), client.close, priced=False)


def anthropic(key: str, timeout: float) -> Client:
    """Connect to Anthropic."""
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    client = AsyncAnthropic(api_key=key, max_retries=0, timeout=timeout)
    provider = AnthropicProvider(anthropic_client=client)
    return Client(lambda name: AnthropicModel(name, provider=provider), client.close)


def google(key: str) -> Client:
    """Connect to the Gemini API."""
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(api_key=key)
    return Client(lambda name: GoogleModel(name, provider=provider), provider.client.aio.aclose)


def other(name: str) -> Client:
    """Connect to any provider pydantic-ai knows; its key comes from the provider's own variable.

    Raises `Unknown` or `NoKey`.
    """
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.models import infer_model
    from pydantic_ai.providers import infer_provider, infer_provider_class

    try:
        infer_provider_class(name)
    except (ValueError, ImportError) as fault:
        raise Unknown(_line(fault)) from None
    try:
        provider = infer_provider(name)
    except (UserError, ImportError, ValueError) as fault:
        raise NoKey(_line(fault)) from None

    def model(full_name: str) -> Any:
        try:
            return infer_model(full_name, lambda _: provider)
        except (UserError, ImportError, ValueError) as fault:
            raise Unknown(_line(fault)) from None

    async def close() -> None:
        async with provider:
            pass

    return Client(model, close)


def _line(fault: Exception) -> str:
    return " ".join(str(fault).split())[:300]
