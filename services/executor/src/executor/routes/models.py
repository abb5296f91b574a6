"""What can be named as a model, and whether it answers. Crews has the routes for keys and endpoints."""

from typing import Annotated

from fastapi import APIRouter, Query

from common.web.access import Editor, Viewer
from executor.routes.model_bodies import (
    CheckAnswer,
    CheckRequest,
    EndpointEntry,
    ModelEntry,
    ModelsAnswer,
    ProviderEntry,
)
from executor.routes.use_cases import Use

router = APIRouter(tags=["Models"])


@router.get("/models", summary="List what can be named as a model")
async def list_models(
    caller: Viewer,
    use: Use,
    provider: Annotated[
        str | None, Query(description="Only this provider or endpoint", max_length=63)
    ] = None,
) -> ModelsAnswer:
    found = await use.models.listing(caller.workspace_id, provider)
    return ModelsAnswer(
        providers=[
            ProviderEntry(
                provider=one.provider,
                names=one.names,
                key=one.key,
                models=[
                    ModelEntry(
                        model=model.model, context_window=model.context_window, price=model.price
                    )
                    for model in one.models
                ],
            )
            for one in found.providers
        ],
        endpoints=[
            EndpointEntry(
                endpoint=one.endpoint, names=one.names, has_api_key=one.has_api_key, price=one.price
            )
            for one in found.endpoints
        ],
    )


@router.post("/models/check", summary="Ask a model one token")
async def check_model(body: CheckRequest, caller: Editor, use: Use) -> CheckAnswer:
    trial = await use.models.check(caller.workspace_id, body.model)
    ok = trial.code is None
    return CheckAnswer(
        model=trial.model,
        ok=ok,
        provider=trial.provider if ok else None,
        seconds=trial.seconds if ok else None,
        code=trial.code,
        message=trial.message,
    )
