"""Asks a model one token, to see whether it can be used, and says plainly what is wrong."""

import asyncio
import time

from common.contracts.model_access import access_name
from common.contracts.models import KEYED, PROVIDERS_BY_NAME, provider_of
from executor.models.catalogue import Models
from executor.models.model import Model, ModelFault
from executor.models.own import Owner
from executor.models.remote import RemoteModel
from executor.models.trial import Trial

_LONGEST = 30.0
"""Seconds that a trial may take."""
_AT_ONCE = 8


class Trials:
    """Tries models. No more than a few trials run at the same time."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def of(self, name: str, owner: Owner) -> Trial:
        """Ask the model called `name` one token, as a run of the workspace would."""
        self._models.forget(owner.workspace_id)
        async with self._places:
            begun = time.perf_counter()
            try:
                async with asyncio.timeout(_LONGEST):
                    model = await self._models.resolve(name, owner)
                    await _try(model)
            except TimeoutError:
                message = f"The model {name} gave no answer within {_LONGEST:g} s."
                return Trial(name, code="MODEL_UNAVAILABLE", message=message)
            except ModelFault as fault:
                return Trial(name, code=fault.code, message=fault.message)
            return Trial(
                name, provider_of(name)[0] or model.provider, round(time.perf_counter() - begun, 3)
            )


async def _try(model: Model) -> None:
    if model.stands_for is not None:
        message = (
            f"The model {model.stands_for} has no key here: in a run, the offline model answers instead. "
            f"{_remedy(access_name(model.stands_for))}"
        )
        raise ModelFault("MODEL_UNAVAILABLE", message)
    if isinstance(model, RemoteModel):
        await model.check()


def _remedy(provider: str) -> str:
    if provider in PROVIDERS_BY_NAME or provider in KEYED:
        return f"An admin gives this workspace's key with PUT /models/providers/{provider}."
    return (
        f"{provider} takes more than a key, which only the platform's operator can set. A server that speaks "
        "OpenAI's protocol can be an endpoint instead: PUT /models/endpoints/{endpoint}."
    )
