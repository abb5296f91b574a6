"""What the engine needs from outside."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from common.contracts.crew import ToolSnapshot
from common.contracts.deltas import TextDelta
from common.contracts.messages import MemoryRemembered
from executor.domain.budgets.amounts import Amount
from executor.domain.budgets.budget import Wanted, WorkspaceBudget
from executor.models.model import Model
from executor.models.own import Owner
from executor.tools.call import Call
from executor.tools.spec import ToolSpec


class ModelSource(Protocol):
    """The models there are. `executor.models.catalogue` implements it."""

    async def resolve(self, name: str, owner: Owner | None = None) -> Model:
        """Return the model called `name`. Raises `ModelFault` (`MODEL_UNAVAILABLE`).

        With an `owner`, what the workspace has set comes before what the operator has.
        """


class Tool(Protocol):
    """A tool an agent may call. If it fails, it returns a `FailedResult` text.

    `safe` says that a call of unknown outcome may be repeated: the tool only reads (`reads`), or
    it honours its idempotency key.
    """

    @property
    def spec(self) -> ToolSpec: ...

    @property
    def safe(self) -> bool: ...

    @property
    def reads(self) -> bool: ...

    @property
    def asks(self) -> bool:
        """Whether a person answers it: it has no effect, and the run waits for the answer."""

    async def fit_arguments(self, arguments: Mapping[str, Any] | None) -> Mapping[str, Any] | str:
        """Return the arguments to call the tool with, or a text that says why they do not fit."""

    async def call(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Call the tool and return its result as text.

        Raises only `RunFault`, which ends the run, and `InputWanted`.
        """


class ToolSource(Protocol):
    """Where tools come from. `executor.tools.toolbox` implements it."""

    def tool(self, snapshot: ToolSnapshot) -> Tool | None:
        """Return the tool, or None if there is none of that name."""


class DeltaSink(Protocol):
    """Delivers text to those who watch a job while its models write."""

    def wanted(self, job_id: str) -> bool:
        """Return whether somebody watches the texts of this job."""

    def expected(self, workspace_id: str) -> bool:
        """Return whether somebody may soon watch a job of this workspace that begins now."""

    async def publish(self, workspace_id: str, delta: TextDelta) -> None:
        """Send a delta to whoever watches. Raises `Unavailable`; it is then lost."""


class NoDeltas:
    """A `DeltaSink` that nobody watches."""

    def wanted(self, _: str) -> bool:
        return False

    def expected(self, _: str) -> bool:
        return False

    async def publish(self, workspace_id: str, delta: TextDelta) -> None:
        pass


class Purse(Protocol):
    """What a run may spend of its workspace's budget of the month."""

    async def budget(self, *, fresh: bool = False) -> WorkspaceBudget | None:
        """Return the budget, None if there is none. Raises `Unavailable`.

        It is as it was a second ago at most; with `fresh`, as it is now.
        """

    async def hold(self, wanted: Wanted) -> Amount | None:
        """Set aside what a call needs, or wait until it can be; None if there is no budget.

        Raises `BudgetRefused`, and `Unavailable`.
        """

    def spend(self, held: Amount | None, used: Amount, model: str = "") -> None:
        """End a call for which `held` was set aside; the job has now used `used` in all."""

    def catch_up(self, used: Amount) -> None:
        """Take over what the job has used in calls for which nothing was set aside."""

    def close(self, used: Amount) -> None:
        """Give back what is left: the run is over."""


class Purses(Protocol):
    """Where purses come from. `executor.domain.budgets.ledger` implements it."""

    def open(self, workspace_id: str, job_id: str, attempt: int, used: Amount) -> Purse:
        """Return the purse of a run that begins; its job has used `used` so far."""


class NoPurses:
    """Purses without any budget."""

    def open(self, _w: str, _j: str, _a: int, _u: Amount) -> "NoPurses":
        return self

    async def budget(self, *, fresh: bool = False) -> WorkspaceBudget | None:  # noqa: ARG002 - by its name
        return None

    async def hold(self, _: Wanted) -> Amount | None:
        return None

    def spend(self, _h: Amount | None, _u: Amount, _m: str = "") -> None:
        pass

    def catch_up(self, _: Amount) -> None:
        pass

    def close(self, _: Amount) -> None:
        pass


class MemorySink(Protocol):
    """Delivers what a run wants its crew to remember to the service that owns memory."""

    async def remember(self, entries: Sequence[MemoryRemembered]) -> None:
        """Send `entries` now, or as soon as that is possible; sent twice, they count once."""


class NoMemory:
    """A `MemorySink` that keeps nothing."""

    async def remember(self, entries: Sequence[MemoryRemembered]) -> None:
        pass
