"""What a workspace sets to reach models: keys and addresses of providers, and endpoints of its own."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from common.contracts.model_access import TokenPrice
from common.contracts.models import KEYED, PREFIXES, PROVIDERS_BY_NAME, endpoint_name_fault
from crews.domain.drafts import CatalogInput
from crews.domain.origins import Origin, endpoint_fault, origin
from crews.domain.tools import Headers

Kind = Literal["provider", "endpoint"]
SETTABLE = PROVIDERS_BY_NAME.keys() | KEYED
"""The providers for which a workspace may have a key of its own."""
ENDPOINT_NAME = r"^[a-z][a-z0-9-]{0,62}$"


def _base_url(value: str) -> str:
    fault = endpoint_fault(value)
    if fault is None and re.search(r"[?#{}]", value):
        fault = "It has no query, fragment or placeholders: keys belong into api_key or headers"
    if fault is not None:
        raise ValueError(fault)
    return value.rstrip("/")


def _key(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value.strip():
        raise ValueError("A key has visible ASCII characters only")
    return value.strip()


BaseUrl = Annotated[str, StringConstraints(max_length=500), AfterValidator(_base_url)]
ApiKey = Annotated[str, StringConstraints(min_length=1, max_length=8_000), AfterValidator(_key)]

_ANSWERED = frozenset({"provider", "name", "has_api_key", "warnings", "updated_at"})
_BASE_URL = (
    "Where the requests go, with the version in its path; keys do not follow it to another host"
)
_API_KEY = "Kept encrypted and never shown. Left out, the stored key stays; null removes it"
_HEADERS = "Sent with each request, and kept encrypted like the key"


class ProviderSettings(CatalogInput):
    """How this workspace reaches a provider, in place of what the operator has set."""

    READ_ONLY = _ANSWERED

    api_key: ApiKey | None = Field(default=None, description=_API_KEY, examples=["sk-your-key"])
    base_url: BaseUrl | None = Field(
        default=None, description=_BASE_URL, examples=["https://llm.example.com/v1"]
    )
    headers: Headers = Field(default={}, description=_HEADERS, examples=[{"X-Team": "research"}])


class PriceSettings(TokenPrice):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EndpointSettings(CatalogInput):
    """A server that speaks OpenAI's chat completions; `<name>/<model>` names its models."""

    READ_ONLY = _ANSWERED

    base_url: BaseUrl = Field(description=_BASE_URL, examples=["https://llm.example.com/v1"])
    api_key: ApiKey | None = Field(default=None, description=_API_KEY, examples=["sk-your-key"])
    headers: Headers = Field(default={}, description=_HEADERS, examples=[{"X-Team": "research"}])
    price: PriceSettings | None = Field(
        default=None,
        description="What its models cost; without it, runs count tokens but no cost, and no crew with max_cost_usd "
        "may use them",
        examples=[{"input": 0.5, "output": 1.5}],
    )


class OwnModelAccess(BaseModel):
    """What is stored of a provider or an endpoint, except its secrets. `revision` counts its changes.

    `headers` are as they are shown.
    """

    model_config = ConfigDict(frozen=True)

    workspace_id: str
    kind: Kind
    name: str
    base_url: str | None = None
    headers: dict[str, str] = {}
    has_api_key: bool = False
    price: TokenPrice | None = None
    updated_at: datetime
    revision: int = 1

    @property
    def id(self) -> str:
        return f"{self.workspace_id}:{self.kind}:{self.name}"

    @property
    def origin(self) -> Origin | None:
        return None if self.base_url is None else origin(self.base_url)


class AccessSecrets(BaseModel):
    """What is sealed."""

    model_config = ConfigDict(frozen=True)

    api_key: str | None = Field(default=None, repr=False)
    headers: dict[str, str] = Field(default={}, repr=False)


def name_fault(kind: Kind, name: str) -> str | None:
    """Return why nothing can be set under this name."""
    if kind == "endpoint":
        if not re.fullmatch(ENDPOINT_NAME, name):
            return "A name has up to 63 small letters, digits and hyphens, and begins with a letter"
        return endpoint_name_fault(name)
    if name in SETTABLE:
        return None
    there = f"a workspace may have keys for {', '.join(sorted(SETTABLE))}"
    if name in PREFIXES:
        return f"{name} takes more than a key; {there}, and any server that speaks OpenAI's protocol may be an endpoint"
    return f"There is no provider {name[:60]}; {there}"
