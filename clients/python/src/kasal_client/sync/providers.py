"""Models, and the workspace's own keys and endpoints for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kasal_client.addresses import segment
from kasal_client.bodies import body_of
from kasal_client.models import (
    CheckAnswer,
    EndpointSet,
    EndpointSettings,
    EndpointView,
    ModelsAnswer,
    ProviderSet,
    ProviderSettings,
    ProviderView,
)

from .transport import Transport


class Models:
    """What agents' `model` can name."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, provider: str | None = None) -> ModelsAnswer:
        """Return the providers with their models and prices, and the workspace's endpoints."""
        return self._transport.get("/models", ModelsAnswer, params={"provider": provider})

    def check(self, model: str) -> CheckAnswer:
        """Ask a model for one token; `ok` says whether it can be used, `message` why not."""
        body = {"model": model}
        return CheckAnswer.model_validate(self._transport.json("POST", "/models/check", json=body))

    def provider(self, provider: str) -> ProviderView:
        """Return how the workspace reaches a provider. Raises `NotFoundError`."""
        return self._transport.get(f"/models/providers/{segment(provider)}", ProviderView)

    def set_provider(
        self,
        provider: str,
        settings: ProviderSettings | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> ProviderSet:
        """Set the workspace's own key for a provider. `fields` are those of `ProviderSettings`."""
        path = f"/models/providers/{segment(provider)}"
        return ProviderSet.model_validate(
            self._transport.json("PUT", path, json=body_of(settings, fields))
        )

    def delete_provider(self, provider: str) -> None:
        """Use the operator's settings again."""
        self._transport.json("DELETE", f"/models/providers/{segment(provider)}")

    def endpoint(self, name: str) -> EndpointView:
        """Return an endpoint. Raises `NotFoundError`."""
        return self._transport.get(f"/models/endpoints/{segment(name)}", EndpointView)

    def set_endpoint(
        self,
        name: str,
        settings: EndpointSettings | Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> EndpointSet:
        """Name a server that speaks OpenAI's chat completions; `<name>/<model>` are its models."""
        path = f"/models/endpoints/{segment(name)}"
        return EndpointSet.model_validate(
            self._transport.json("PUT", path, json=body_of(settings, fields))
        )

    def delete_endpoint(self, name: str) -> None:
        """Delete an endpoint."""
        self._transport.json("DELETE", f"/models/endpoints/{segment(name)}")
