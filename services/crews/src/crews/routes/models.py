"""The routes below /models/providers and /models/endpoints. The executor has the others below /models."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from common.contracts.model_access import TokenPrice
from common.web.access import Admin
from common.web.models import AnswerModel, Timestamp, failures
from crews.domain.origins import Fate
from crews.domain.own_model_catalog import AccessSet
from crews.domain.own_models import EndpointSettings, OwnModelAccess, ProviderSettings
from crews.routes.use_cases import Use

router = APIRouter(tags=["Models"])
ProviderName = Annotated[
    str, Path(description="The provider", examples=["openai"], min_length=1, max_length=63)
]
EndpointName = Annotated[
    str,
    Path(
        description="The name before the slash in `model`",
        examples=["corp"],
        min_length=1,
        max_length=63,
    ),
]
_HEADERS = "Values that may be keys are shown as `********`"
_FATE = (
    "What happened to the stored key: `kept`, `replaced`, `dropped`, or `none` where there was none"
)


class ProviderView(AnswerModel):
    provider: str = Field(examples=["openai"])
    base_url: str | None = Field(examples=["https://llm.example.com/v1"])
    headers: dict[str, str] = Field(description=_HEADERS, examples=[{"X-Team": "research"}])
    has_api_key: bool = Field(examples=[True])
    updated_at: Timestamp


class EndpointView(AnswerModel):
    name: str = Field(examples=["corp"])
    base_url: str | None = Field(examples=["https://llm.example.com/v1"])
    headers: dict[str, str] = Field(description=_HEADERS, examples=[{"X-Team": "research"}])
    has_api_key: bool = Field(examples=[True])
    price: TokenPrice | None = Field(examples=[{"input": 0.5, "output": 1.5}])
    updated_at: Timestamp


class ProviderSet(AnswerModel):
    provider: str = Field(examples=["openai"])
    api_key: Fate = Field(description=_FATE, examples=["replaced"])
    warnings: list[str] = Field(examples=[[]])


class EndpointSet(AnswerModel):
    name: str = Field(examples=["corp"])
    api_key: Fate = Field(description=_FATE, examples=["replaced"])
    warnings: list[str] = Field(examples=[[]])


@router.put("/models/providers/{provider}", responses=failures(409), summary="Set a provider's key")
async def set_provider(
    provider: ProviderName, body: ProviderSettings, caller: Admin, use: Use
) -> ProviderSet:
    done = await use.own_models.put(caller.workspace_id, "provider", provider, body)
    return ProviderSet(provider=provider, api_key=done.key, warnings=_warnings(done))


@router.get("/models/providers/{provider}", summary="Get a provider's settings")
async def get_provider(provider: ProviderName, caller: Admin, use: Use) -> ProviderView:
    found = await use.own_models.find(caller.workspace_id, "provider", provider)
    return ProviderView(
        provider=found.name,
        base_url=found.base_url,
        headers=found.headers,
        has_api_key=found.has_api_key,
        updated_at=found.updated_at,
    )


@router.delete(
    "/models/providers/{provider}", status_code=204, summary="Delete a provider's settings"
)
async def delete_provider(provider: ProviderName, caller: Admin, use: Use) -> None:
    await use.own_models.remove(caller.workspace_id, "provider", provider)


@router.put("/models/endpoints/{endpoint}", responses=failures(409), summary="Set an endpoint")
async def set_endpoint(
    endpoint: EndpointName, body: EndpointSettings, caller: Admin, use: Use
) -> EndpointSet:
    done = await use.own_models.put(caller.workspace_id, "endpoint", endpoint, body)
    return EndpointSet(name=endpoint, api_key=done.key, warnings=_warnings(done))


@router.get("/models/endpoints/{endpoint}", summary="Get an endpoint")
async def get_endpoint(endpoint: EndpointName, caller: Admin, use: Use) -> EndpointView:
    return _endpoint_view(await use.own_models.find(caller.workspace_id, "endpoint", endpoint))


@router.delete("/models/endpoints/{endpoint}", status_code=204, summary="Delete an endpoint")
async def delete_endpoint(endpoint: EndpointName, caller: Admin, use: Use) -> None:
    await use.own_models.remove(caller.workspace_id, "endpoint", endpoint)


def _endpoint_view(found: OwnModelAccess) -> EndpointView:
    return EndpointView(
        name=found.name,
        base_url=found.base_url,
        headers=found.headers,
        has_api_key=found.has_api_key,
        price=found.price,
        updated_at=found.updated_at,
    )


def _warnings(done: AccessSet) -> list[str]:
    warnings = [done.loss] if done.loss else []
    if done.lost_headers:
        warnings.append(
            f"Headers whose value was masked were left out: {', '.join(done.lost_headers)}."
        )
    return warnings
