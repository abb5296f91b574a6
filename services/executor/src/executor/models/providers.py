"""Connections to model providers, one per provider and process, made when first needed.

Everything here imports a provider's library, which takes a second or so: call it on a thread.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal

from executor.models.client import BoundedClient
from executor.models.traits import Traits

Family = Literal["openai", "anthropic", "google", "ollama"]


class NoKey(Exception):  # noqa: N818 - it says what is missing
    """The provider has no key in this process's environment."""


class Unknown(Exception):  # noqa: N818
    """There is no such provider or model."""


@dataclass(frozen=True, slots=True)
class Client:
    """A connection to one provider. `model` returns pydantic-ai's model of a name."""

    model: Callable[[str], Any]
    close: Callable[[], Awaitable[None]]
    traits: Traits


_AS_REGISTERED = {"json_schema_transformer": None}
"""Has pydantic-ai send schemas to OpenAI's protocols as they are."""
_NO_TAG = f"\0{token_hex(16)}\0"
_NO_TAGS = {"thinking_tags": (_NO_TAG, _NO_TAG)}
"""Has it leave thoughts in answers to us: it splits at tags in code, too.

What no answer can hold: at each tag it copies the rest of the answer, and makes a part of it.
"""


def openai(key: str, timeout: float) -> Client:
    """Connect to OpenAI."""
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    http = BoundedClient(timeout)
    client = AsyncOpenAI(api_key=key, max_retries=0, timeout=timeout, http_client=http)
    provider = OpenAIProvider(openai_client=client)

    def model(name: str) -> Any:
        return OpenAIResponsesModel(name, provider=provider, profile=_profile(_AS_REGISTERED))

    return Client(model, client.close, Traits())


def compatible(url: str, key: str | None, timeout: float) -> Client:
    """Connect to a server that speaks OpenAI's chat completions."""
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    http = BoundedClient(timeout, mends=True)
    client = AsyncOpenAI(
        base_url=url, api_key=key or "none", max_retries=0, timeout=timeout, http_client=http
    )
    provider = OpenAICompatibleProvider("openai-compatible", openai_client=client)
    traits = Traits(priced=False, tagged=True, beside_tools=False, one_shape=True)

    def model(name: str) -> Any:
        profile = _profile(_AS_REGISTERED | _NO_TAGS | {"supports_json_schema_output": True})
        return OpenAIChatModel(name, provider=provider, profile=profile)

    return Client(model, client.close, traits)


def anthropic(key: str, timeout: float) -> Client:
    """Connect to Anthropic."""
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    http = BoundedClient(timeout)
    client = AsyncAnthropic(api_key=key, max_retries=0, timeout=timeout, http_client=http)
    provider = AnthropicProvider(anthropic_client=client)
    traits = Traits(beside_tools=False, closed=True)
    return Client(lambda name: AnthropicModel(name, provider=provider), client.close, traits)


def google(key: str, timeout: float) -> Client:
    """Connect to the Gemini API."""
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    http = BoundedClient(timeout)
    provider = GoogleProvider(api_key=key, http_client=http)
    traits = Traits(beside_tools=False)
    return Client(lambda name: GoogleModel(name, provider=provider), http.aclose, traits)


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

    return Client(model, close, Traits(tagged=True, shapes=False))


def _profile(told: Mapping[str, Any]) -> Any:
    from pydantic_ai.profiles import ModelProfile

    return ModelProfile(**told)  # type: ignore[typeddict-item]


def _line(fault: Exception) -> str:
    return " ".join(str(fault).split())[:300]
