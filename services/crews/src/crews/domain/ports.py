"""What crews' rules need from other rooms."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from common.idempotency.once import Receipt, Receipts
from common.mcp.server import Listing, McpAddress
from crews.domain.activity import Activity, TaskStatus
from crews.domain.crew import Agent, Crew, CrewStatus, Task
from crews.domain.mcp_servers import RegisteredServer
from crews.domain.memory import Memory, MemoryKind
from crews.domain.own_models import AccessSecrets, Kind, OwnModelAccess
from crews.domain.tools import RegisteredTool
from crews.domain.versions import VersionRow

T = TypeVar("T")


class CrewStore(Receipts, Protocol):
    """The crew documents, with the receipts of the requests that made them and what is in them."""

    async def add(self, crew: Crew, receipt: Receipt | None = None) -> None:
        """Store a new crew. Raises `Conflict` when its id, or the receipt's key, is taken."""

    async def find(self, workspace_id: str, crew_id: str) -> Crew | None: ...

    async def with_agent(self, workspace_id: str, agent_id: str) -> Crew | None: ...

    async def with_task(self, workspace_id: str, task_id: str) -> Crew | None: ...

    async def replace(self, before: Crew, after: Crew, receipt: Receipt | None = None) -> bool:
        """Store a changed crew if its stored version still is that of `before`, which is kept beside it.

        Raises `KeyTaken` when there is a receipt of the same key.
        """

    async def publish(self, crew: Crew, published: Crew | None) -> bool:
        """Have the crew run as `published`, one of its versions, or as its newest with None.

        Returns False if the crew is gone.
        """

    async def remove(self, crew: Crew) -> bool:
        """Remove the crew if its stored version is still this one."""

    async def using(self, workspace_id: str, tool: str, most: int) -> Sequence[str]:
        """Return the ids of at most `most` crews with an agent or a task that may call the tool."""

    async def using_any(self, workspace_id: str, tools: Sequence[str], most: int) -> Sequence[str]:
        """Return the ids of at most `most` crews with an agent or a task that may call one of `tools`."""


@dataclass(frozen=True, slots=True)
class Stretch(Generic[T]):
    """A part of a list by numbers. The list goes on below the number `end`; None at its end.

    `total` is exact, except where each entry must be looked at: there it counts only the newest.
    """

    entries: Sequence[T]
    total: int
    end: int | None = None


class Lists(Protocol):
    """Parts of a workspace's crews, agents and tasks, newest first: `skip` down, or `before` a number."""

    async def crews(
        self,
        workspace_id: str,
        *,
        name: str | None = None,
        status: CrewStatus | None = None,
        skip: int,
        limit: int,
        before: int | None = None,
    ) -> Stretch[Crew]: ...

    async def agents(
        self, workspace_id: str, *, skip: int, limit: int, before: int | None = None
    ) -> Stretch[tuple[Crew, Agent]]: ...

    async def tasks(
        self,
        workspace_id: str,
        *,
        status: TaskStatus | None = None,
        skip: int,
        limit: int,
        before: int | None = None,
    ) -> Stretch[tuple[Crew, Task]]: ...


class Versions(Protocol):
    """The versions of crews but for the newest, which the crew itself is."""

    async def keep(self, crew: Crew) -> None:
        """Keep the version that `crew` is; one that is kept stays as it is."""

    async def find(self, crew: Crew, number: int) -> Crew | None:
        """Return an older version of the crew."""

    async def of(self, crew: Crew) -> Sequence[VersionRow]:
        """Return the rows of all that are kept of the crew, newest first."""

    async def mark_published(self, crew: Crew, now: datetime) -> bool:
        """Note that the kept version that `crew` is was published; False if it is not kept any more."""

    async def remove(self, crew: Crew) -> None:
        """Remove all of the crew's."""


class Activities(Protocol):
    """What runs do to crews' tasks. Made before the crew and removed after it."""

    async def add(self, activity: Activity) -> None:
        """Store a new one; an existing one stays."""

    async def of(self, crew_ids: Sequence[str]) -> Mapping[str, Activity]: ...

    async def statuses(self, crew_ids: Sequence[str]) -> Mapping[str, Mapping[str, TaskStatus]]:
        """Return, by crew, the status of each task that has run."""

    async def showing(self, workspace_id: str, status: TaskStatus, most: int) -> Sequence[str]:
        """Return the ids of at most `most` crews of the workspace with a task in this state."""

    async def replace(self, before: Activity, after: Activity) -> bool:
        """Store `after` if the stored version is that of `before`, which it was made from."""

    async def remove(self, crew_id: str) -> None: ...


class Memories(Protocol):
    """What is remembered, by the memory's id. A crew's own is made before it and removed after it."""

    async def add(self, memory: Memory) -> None:
        """Store a new one; an existing one stays.

        A keyed one takes the place of the crew's least used where the crew has as many as it may.
        """

    async def find(self, memory_id: str) -> Memory | None: ...

    async def newest(self, memory_id: str) -> Memory | None:
        """Return it with only the newest entries, as many as a snapshot needs."""

    async def replace(self, memory: Memory) -> bool:
        """Store a changed one if its stored version is the one it was read with."""

    async def clear_keyed(self, crew_id: str, kind: MemoryKind, now: datetime) -> None:
        """Clear all of the crew's memories that are kept apart by a key."""

    async def discard(self, memory_id: str) -> None:
        """Remove one memory."""

    async def remove(self, crew_id: str) -> None:
        """Remove the crew's own memory and all that are kept apart by a key."""


class CustomTools(Receipts, Protocol):
    async def add(
        self,
        entry: RegisteredTool,
        credentials: Mapping[str, str] | None,
        receipt: Receipt | None = None,
    ) -> None:
        """Store a tool and its credentials, sealed. Raises `Conflict` for a taken name or key."""

    async def find(self, workspace_id: str, entry_id: str) -> RegisteredTool | None: ...

    async def all(self, workspace_id: str) -> Sequence[RegisteredTool]:
        """Return the workspace's tools, oldest first."""

    async def replace(
        self,
        before: RegisteredTool,
        after: RegisteredTool,
        credentials: Mapping[str, str] | None,
        *,
        keep: bool,
    ) -> bool:
        """Store a changed tool if its endpoint, headers and kind of credentials are still those `before`.

        `keep` leaves its credentials. Raises `Conflict` for a taken name.
        """

    async def remove(self, workspace_id: str, entry_id: str) -> bool: ...

    async def credentials(
        self, workspace_id: str, entry_id: str
    ) -> tuple[RegisteredTool, Mapping[str, str]]:
        """Return the tool as it is, with its opened credentials. Raises `NotFound`."""


class OwnModelStore(Protocol):
    """What workspaces have set to reach models. Secrets are sealed."""

    async def find(self, workspace_id: str, kind: Kind, name: str) -> OwnModelAccess | None: ...

    async def all(self, workspace_id: str) -> Sequence[OwnModelAccess]:
        """Return what a workspace has set, by name."""

    async def all_with_secrets(
        self, workspace_id: str
    ) -> Sequence[tuple[OwnModelAccess, AccessSecrets | None]]:
        """Return the same, each read at one moment with what is sealed for it; None as in `secrets`."""

    async def secrets(self, access: OwnModelAccess) -> AccessSecrets | None:
        """Return what is sealed for `access` now, None if no key of KASAL_SECRET_KEY opens it."""

    async def put(
        self, before: OwnModelAccess | None, after: OwnModelAccess, secrets: AccessSecrets
    ) -> bool:
        """Store `after` if what is stored is still `before`. Raises `Conflict` beyond the limit."""

    async def remove(self, workspace_id: str, kind: Kind, name: str) -> bool: ...


class McpServers(Receipts, Protocol):
    """The servers that workspaces have registered, with what they said about their tools."""

    async def add(
        self,
        entry: RegisteredServer,
        credentials: Mapping[str, str] | None,
        receipt: Receipt | None = None,
    ) -> None:
        """Store a server and its credentials, sealed. Raises `Conflict` for a taken name or key."""

    async def find(self, workspace_id: str, entry_id: str) -> RegisteredServer | None: ...

    async def all(self, workspace_id: str) -> Sequence[RegisteredServer]:
        """Return the workspace's servers, oldest first."""

    async def by_names(
        self, workspace_id: str, names: Collection[str]
    ) -> Sequence[RegisteredServer]:
        """Return the workspace's servers of these names, oldest first."""

    async def replace(
        self,
        before: RegisteredServer,
        after: RegisteredServer,
        credentials: Mapping[str, str] | None,
        *,
        keep: bool,
    ) -> bool:
        """Store a changed server if its stored version is that of `before`. `keep` leaves its credentials.

        Raises `Conflict` for a taken name.
        """

    async def remove(self, workspace_id: str, entry_id: str) -> bool: ...

    async def credentials(
        self, workspace_id: str, entry_id: str
    ) -> tuple[RegisteredServer, Mapping[str, str]]:
        """Return the server as it is, with its opened credentials. Raises `NotFound`."""


class ServerAsker(Protocol):
    async def listing(self, workspace_id: str, address: McpAddress) -> Listing:
        """Ask a server for its tools. Raises `McpFault`."""


class ModelNews(Protocol):
    """Tells workers that a workspace has changed how it reaches models. It never fails."""

    async def tell(self, workspace_id: str) -> None: ...


class PublishedModels(Protocol):
    """What providers publish about their models: names and prices. It makes no request."""

    def names(self, provider: str) -> Collection[str]:
        """Return the names of the provider's models; none for an unknown provider."""

    def priced(self, provider: str, model: str) -> bool:
        """Return whether a model has a published price."""
