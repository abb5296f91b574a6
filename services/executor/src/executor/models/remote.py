"""A provider's model behind `pydantic_ai.direct`: translation, and trying again."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.logs import get_logger
from executor.domain.meters import Meters
from executor.domain.tools import ToolSpec
from executor.models import translation
from executor.models.dialogue import Dialogue, Reply
from executor.models.model import ModelFault

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is tried, and how many seconds all waits in between may add up to."""

    tries: int = 4
    longest: float = 30.0
    first: float = 0.5


class RemoteModel:
    """Fulfils `Model`. `native` is pydantic-ai's model."""

    stands_for: str | None = None

    def __init__(
        self, label: str, native: Any, patience: Patience, meters: Meters, *, priced: bool
    ) -> None:
        self.label = label
        self.provider = str(native.system)
        self._native = native
        self._patience = patience
        self._meters = meters
        self._priced = priced

    async def request(self, dialogue: Dialogue, tools: Sequence[ToolSpec]) -> Reply:
        """Return the next reply. Raises `ModelFault`.

        Rate limits, 5xx and lost connections are tried again first, as `Retry-After` asks.
        """
        waited, tries = 0.0, 0
        while True:
            try:
                return await self._once(dialogue, tools)
            except _Failed as failed:
                tries += 1
                pause = self._pause(failed, tries)
                if tries >= self._patience.tries or waited + pause > self._patience.longest:
                    raise failed.fault from None
                log.info("a model is asked again", model=self.label, code=failed.fault.code)
                self._meters.asked_again(self.provider, failed.fault.code)
                waited += pause
                await asyncio.sleep(pause)

    def _pause(self, failed: "_Failed", tries: int) -> float:
        if failed.retry_after is not None:
            return max(0.0, failed.retry_after)
        return self._patience.first * 2.0 ** (tries - 1) * random.uniform(0.8, 1.2)  # noqa: S311

    async def _once(self, dialogue: Dialogue, tools: Sequence[ToolSpec]) -> Reply:
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UserError

        try:
            response = await model_request(
                self._native,
                translation.messages(dialogue),
                model_settings={"max_retries": 0},
                model_request_parameters=translation.parameters(tools),
            )
        except ModelAPIError as fault:
            raise self._failed(fault) from fault
        except (UnexpectedModelBehavior, UserError) as fault:
            raise ModelFault("MODEL_ERROR", f"The model {self.label}: {_line(fault)}") from fault
        except Exception as fault:
            log.exception("a model's library failed", model=self.label)
            told = f"The model {self.label} failed ({type(fault).__name__})."
            raise ModelFault("MODEL_ERROR", told) from fault
        return translation.reply(response, priced=self._priced)

    def _failed(self, fault: Any) -> Exception:
        """Return the fault to raise, wrapped when the request is worth trying again."""
        from pydantic_ai import exceptions as known

        status = getattr(fault, "status_code", None)
        if isinstance(fault, known.ModelQuotaExceededError):
            return ModelFault("RATE_LIMIT", f"The model {self.label}: its quota is used up.")
        if isinstance(fault, known.ModelRateLimitError) or status == 429:
            told = ModelFault("RATE_LIMIT", f"The model {self.label}: rate limit exceeded.")
            return _Failed(told, fault.retry_after)
        if status is not None and status < 500 and status != 408:
            return ModelFault("MODEL_ERROR", f"The model {self.label}: {_line(fault)}")
        reason = f"answered {status}" if status is not None else "cannot be reached"
        told = ModelFault("MODEL_UNAVAILABLE", f"The model {self.label} {reason}.")
        return _Failed(told, fault.retry_after)


class _Failed(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, fault: ModelFault, retry_after: float | None) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.retry_after = retry_after


def _line(fault: Exception) -> str:
    return " ".join(str(fault).split())[:300]
