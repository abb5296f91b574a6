"""Connections to model providers, one per provider and process, made when first needed.

Connecting imports a provider's library, which takes a second or so: do it on a thread.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from common.contracts.models import provider_of
from executor.models.conventions import COMPATIBLE
from executor.models.traits import Traits

if TYPE_CHECKING:
    from executor.models.client import BoundedClient


class MissingKey(Exception):  # noqa: N818 - it says what is missing
    """The provider has no key in this process's environment."""


class UnknownModel(Exception):  # noqa: N818
    """There is no such provider or model."""


class MissingLibrary(Exception):  # noqa: N818
    """The installation lacks what a provider's models need."""


@dataclass(frozen=True, slots=True)
class Access:
    """How this process reaches a provider: its key, and the address if it is not the usual one.

    A workspace's own access comes with the `client` that all such requests share; it takes whether it
    mends answers. Nothing of the operator's may get into these requests.
    """

    key: str | None = field(default=None, repr=False)
    url: str | None = None
    client: "Callable[[bool], BoundedClient] | None" = field(default=None, repr=False)

    @property
    def own(self) -> bool:
        """Whether a workspace has set it, and not the operator."""
        return self.client is not None

    @property
    def is_given(self) -> bool:
        """Whether there is a key or an address: without both, no request is possible."""
        return bool(self.key or self.url)

    def http(self, timeout: float, *, mends: bool = False) -> "BoundedClient":
        """Return the client of requests to the provider."""
        from executor.models.client import BoundedClient

        return BoundedClient(timeout, mends=mends) if self.client is None else self.client(mends)


@dataclass(frozen=True, slots=True)
class ProviderConnection:
    """A connection to one provider. `model` returns pydantic-ai's model for a name."""

    model: Callable[[str], Any]
    close: Callable[[], Awaitable[None]]
    traits: Traits


AS_REGISTERED = {"json_schema_transformer": None}
"""Makes pydantic-ai send schemas unchanged over OpenAI's protocols."""
_NO_TAG = f"\0{token_hex(16)}\0"
_NO_TAGS = {"thinking_tags": (_NO_TAG, _NO_TAG)}
"""Makes pydantic-ai leave thoughts in answers to us: it would also split at tags in code.

The tag is one that no answer can contain: at each tag, pydantic-ai copies the rest of the answer.
"""


def connect_compatible(
    access: Access,
    timeout: float,
    *,
    name: str = COMPATIBLE,
    priced: bool = False,
    more: Mapping[str, Any] | None = None,
) -> ProviderConnection:
    """Connect to the server at `access.url`, which speaks OpenAI's chat completions.

    `name` is what the provider is called, and `more` are further traits of pydantic-ai's for its models.
    """
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    client = AsyncOpenAI(
        base_url=access.url,
        api_key=access.key or "none",
        max_retries=0,
        timeout=timeout,
        http_client=access.http(timeout, mends=True),
    )
    if access.own:
        forget_environment(client)
    provider = OpenAICompatibleProvider(name, openai_client=client)
    traits = Traits(priced=priced, tagged=True, beside_tools=False, one_shape=True, assembled=True)

    def model(name: str) -> Any:
        known = {
            "supports_json_schema_output": True,
            # Only OpenAI's own models, behind whatever server, want the newer name of `max_tokens`.
            "openai_chat_supports_max_completion_tokens": provider_of(name)[0] == "openai",
        }
        traits_of_all = profile({**AS_REGISTERED, **_NO_TAGS, **known, **(more or {})})
        return OpenAIChatModel(name, provider=provider, profile=traits_of_all)

    return ProviderConnection(model, client.close, traits)


def forget_environment(client: Any) -> None:
    """Remove from a provider's client what it took from this process's environment: that is the operator's."""
    client._custom_headers = {}  # noqa: SLF001 - there is no argument for it
    if hasattr(client, "organization"):
        client.organization = client.project = None


def connect_by_key(name: str, access: Access, timeout: float) -> ProviderConnection:
    """Connect to a provider that pydantic-ai knows and that needs nothing but a key."""
    from pydantic_ai.models import infer_model
    from pydantic_ai.providers import infer_provider_class

    made: Any = infer_provider_class(name)
    provider = made(api_key=access.key or "none", http_client=access.http(timeout))
    forget_environment(provider.client)
    traits = Traits(tagged=True, shapes=False)
    return ProviderConnection(
        lambda full_name: infer_model(full_name, lambda _: provider), provider.client.close, traits
    )


def connect_by_name(name: str) -> ProviderConnection:
    """Connect to any provider that pydantic-ai knows; the key comes from the provider's own variable.

    Raises `UnknownModel`, `MissingLibrary` or `MissingKey`.
    """
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.models import infer_model
    from pydantic_ai.providers import infer_provider, infer_provider_class

    try:
        infer_provider_class(name)
    except ImportError:
        raise MissingLibrary(
            f"this installation lacks the library of {name}, which its operator can add "
            f"(pydantic-ai-slim[{name}]). A server that speaks OpenAI's protocol can be an endpoint instead: "
            "PUT /models/endpoints/{endpoint}"
        ) from None
    except ValueError as fault:
        raise UnknownModel(_one_line(fault)) from None
    try:
        provider = infer_provider(name)
    except (UserError, ImportError, ValueError) as fault:
        raise MissingKey(_one_line(fault)) from None

    def model(full_name: str) -> Any:
        try:
            return infer_model(full_name, lambda _: provider)
        except (UserError, ImportError, ValueError) as fault:
            raise UnknownModel(_one_line(fault)) from None

    async def close() -> None:
        async with provider:
            pass

    return ProviderConnection(model, close, Traits(tagged=True, shapes=False))


def profile(traits: Mapping[str, Any]) -> Any:
    """Return pydantic-ai's profile of a model with these traits."""
    from pydantic_ai.profiles import ModelProfile

    return ModelProfile(**traits)  # type: ignore[typeddict-item]


def _one_line(fault: Exception) -> str:
    return " ".join(str(fault).split())[:300]
