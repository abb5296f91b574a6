"""How a workspace reaches models by keys and endpoints of its own.

Crews keeps them. A snapshot only names those that a run goes by; the executor asks for the keys when it
calls a model.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from common.contracts.bodies import ExactNumbers
from common.contracts.models import endpoint_of, prefix_of, provider_of


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TokenPrice(ExactNumbers, _Part):
    """What a million tokens cost, in US dollars."""

    input: float = Field(
        ge=0, le=1_000_000, description="US dollars for a million tokens read", examples=[0.5]
    )
    output: float = Field(
        ge=0, le=1_000_000, description="US dollars for a million tokens written", examples=[1.5]
    )


class OwnModels(_Part):
    """The providers and endpoints for which a run uses what its workspace has set, by their names."""

    providers: list[str] = []
    endpoints: list[str] = []

    @property
    def any(self) -> bool:
        return bool(self.providers or self.endpoints)

    def holds(self, model: str) -> bool:
        """Say whether `model` is reached by what the workspace has set."""
        return self.any and access_name(model) in {*self.providers, *self.endpoints}


class OwnAccess(_Part):
    """What a workspace has set for one provider or endpoint, with its key."""

    api_key: str | None = Field(default=None, repr=False)
    base_url: str | None = None
    headers: dict[str, str] = Field(default={}, repr=False)
    price: TokenPrice | None = None


class ModelAccess(_Part):
    """All that a workspace has set, by name. The answer of `GET /internal/models`.

    `unreadable` names what is sealed under a lost secret key.
    """

    providers: dict[str, OwnAccess] = {}
    endpoints: dict[str, OwnAccess] = {}
    unreadable: list[str] = []

    def of(self, model: str) -> OwnAccess | None:
        """Return what the workspace has set for `model`, if anything."""
        name = access_name(model)
        return self.providers.get(name) or self.endpoints.get(name)


def access_name(model: str) -> str:
    """Return the provider or the endpoint that `model` is reached by; their names differ."""
    return endpoint_of(model) or provider_of(model)[0] or prefix_of(model)


def own_models(
    models: Iterable[str], providers: Iterable[str], endpoints: Iterable[str]
) -> OwnModels:
    """Return which of a workspace's `providers` and `endpoints` a run with these models goes by."""
    named = {access_name(model) for model in models}
    return OwnModels(
        providers=sorted(named.intersection(providers)),
        endpoints=sorted(named.intersection(endpoints)),
    )
