"""The platform that a chaos journey travels on, in one of its forms."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from chaos.faults import Fault, Happened
from common.contracts.messages import JobSubmitted

Publish = Callable[[JobSubmitted], Awaitable[None]]


class ChaosForm(Protocol):
    """A running platform, and what is done to it.

    `base` ends with `/api/v1`. `died` names the processes that ended without being told to.
    """

    base: str
    happened: list[Happened]
    died: list[str]

    async def carry_out(self, faults: Sequence[Fault], seconds: float) -> None:
        """Spread the faults over about so many seconds; return when all of them are over."""

    @property
    def publish(self) -> Publish | None:
        """Sends a job over the bus, which may bring it twice; None if no other process reaches the bus."""

    async def dead_letters(self) -> list[str]:
        """Return what the bus could not deliver."""
