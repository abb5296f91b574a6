"""Crews' stores in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from common.errors import Conflict, NotFound
from common.idempotency.once import Receipt
from crews.domain.activity import Activity
from crews.domain.crew import Crew
from crews.domain.mcp_servers import RegisteredServer
from crews.domain.memory import Memory
from crews.domain.own_models import AccessSecrets, OwnModelAccess
from crews.domain.tool_names import tool_names
from crews.domain.tools import RegisteredTool
from crews.domain.versions import VersionRow, row_of
from devkit.stores.receipts import MemoryReceipts


class VersionsInMemory:
    def __init__(self) -> None:
        self.held: dict[tuple[str, int], tuple[Crew, datetime | None]] = {}

    async def keep(self, crew: Crew) -> None:
        self.held.setdefault((crew.id, crew.version), (crew, None))

    async def find(self, crew: Crew, number: int) -> Crew | None:
        found = self.held.get((crew.id, number))
        return found and found[0]

    async def of(self, crew: Crew) -> Sequence[VersionRow]:
        rows = [row_of(old, at) for old, at in self.held.values() if old.id == crew.id]
        return sorted(rows, key=lambda row: -row.number)

    async def mark_published(self, crew: Crew, now: datetime) -> bool:
        key = (crew.id, crew.version)
        if key in self.held:
            self.held[key] = (self.held[key][0], now)
        return key in self.held

    async def remove(self, crew: Crew) -> None:
        self.held = {key: one for key, one in self.held.items() if key[0] != crew.id}


class CrewsInMemory(MemoryReceipts):
    def __init__(self, versions: VersionsInMemory | None = None) -> None:
        super().__init__()
        self.versions = versions or VersionsInMemory()
        self.held: dict[str, Crew] = {}

    async def add(self, crew: Crew, receipt: Receipt | None = None) -> None:
        self.check_free(receipt)
        if crew.id in self.held:
            raise Conflict(f"The id {crew.id} is taken.")
        self.held[crew.id] = crew
        self.keep(receipt)

    def _found(self, workspace_id: str, found: list[Crew]) -> Crew | None:
        return next((crew for crew in found if crew.workspace_id == workspace_id), None)

    async def find(self, workspace_id: str, crew_id: str) -> Crew | None:
        return self._found(workspace_id, [c for c in self.held.values() if c.id == crew_id])

    async def with_agent(self, workspace_id: str, agent_id: str) -> Crew | None:
        found = [c for c in self.held.values() if any(a.id == agent_id for a in c.agents)]
        return self._found(workspace_id, found)

    async def with_task(self, workspace_id: str, task_id: str) -> Crew | None:
        found = [c for c in self.held.values() if any(t.id == task_id for t in c.tasks)]
        return self._found(workspace_id, found)

    async def replace(self, before: Crew, after: Crew, receipt: Receipt | None = None) -> bool:
        self.check_free(receipt)
        if self.held.get(before.id) != before:
            return False
        await self.versions.keep(before)
        self.held[after.id] = after
        self.keep(receipt)
        return True

    async def publish(self, crew: Crew, published: Crew | None) -> bool:
        held = self.held.get(crew.id)
        if held is None or (published is None and held.published_version != crew.published_version):
            return False
        number = published and published.version
        self.held[crew.id] = held.model_copy(update={"published_version": number})
        return True

    async def remove(self, crew: Crew) -> bool:
        return self.held.pop(crew.id, None) is not None

    async def using(self, workspace_id: str, tool: str, most: int) -> Sequence[str]:
        return await self.using_any(workspace_id, [tool], most)

    async def using_any(self, workspace_id: str, tools: Sequence[str], most: int) -> Sequence[str]:
        mine = [crew for crew in self.held.values() if crew.workspace_id == workspace_id]
        return [crew.id for crew in mine if not tool_names(crew).isdisjoint(tools)][:most]


class ActivitiesInMemory:
    def __init__(self) -> None:
        self.held: dict[str, Activity] = {}
        self.reads = 0
        self.races = 0
        """So many replaces are still to find that another was faster."""

    async def add(self, activity: Activity) -> None:
        self.held.setdefault(activity.crew_id, activity)

    async def of(self, crew_ids: Sequence[str]) -> Mapping[str, Activity]:
        self.reads += 1
        return {crew_id: self.held[crew_id] for crew_id in crew_ids if crew_id in self.held}

    async def replace(self, before: Activity, after: Activity) -> bool:
        self.races -= 1
        held = self.held.get(before.crew_id)
        if self.races >= 0 or held is None or held.version != before.version:
            return False
        self.held[after.crew_id] = after
        return True

    async def remove(self, crew_id: str) -> None:
        self.held.pop(crew_id, None)


class MemoriesInMemory:
    def __init__(self) -> None:
        self.reads = 0
        self.held: dict[str, Memory] = {}

    async def add(self, memory: Memory) -> None:
        self.held.setdefault(memory.id, memory)

    async def find(self, memory_id: str) -> Memory | None:
        self.reads += 1
        return self.held.get(memory_id)

    async def newest(self, memory_id: str) -> Memory | None:
        return self.held.get(memory_id)

    async def clear_keyed(self, crew_id: str, kind: Any, now: Any) -> None:
        for memory in list(self.held.values()):
            if memory.crew_id == crew_id and memory.shelf.startswith("key:"):
                self.held[memory.id] = memory.without(kind, now)

    async def discard(self, memory_id: str) -> None:
        self.held.pop(memory_id, None)

    async def replace(self, memory: Memory) -> bool:
        held = self.held.get(memory.id)
        if held is None or held.version != memory.version - 1:
            return False
        self.held[memory.id] = memory
        return True

    async def remove(self, crew_id: str) -> None:
        self.held = {key: one for key, one in self.held.items() if one.crew_id != crew_id}


class ToolsInMemory(MemoryReceipts):
    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, RegisteredTool] = {}

    async def add(
        self,
        tool: RegisteredTool,
        credentials: Mapping[str, str] | None,
        receipt: Receipt | None = None,
    ) -> None:
        self.check_free(receipt)
        if any(tool.name == one.name for one in await self.all(tool.workspace_id)):
            raise Conflict("The name is taken.")
        self.held[tool.id] = tool
        self.keep(receipt)

    async def all(self, workspace_id: str) -> Sequence[RegisteredTool]:
        return [tool for tool in self.held.values() if tool.workspace_id == workspace_id]


class OwnModelsInMemory:
    def __init__(self) -> None:
        self.held: dict[str, tuple[OwnModelAccess, AccessSecrets]] = {}

    async def find(self, workspace_id: str, kind: str, name: str) -> OwnModelAccess | None:
        held = self.held.get(f"{workspace_id}:{kind}:{name}")
        return None if held is None else held[0]

    async def all(self, workspace_id: str) -> Sequence[OwnModelAccess]:
        return [one for one, _ in self.held.values() if one.workspace_id == workspace_id]

    async def all_with_secrets(
        self, workspace_id: str
    ) -> Sequence[tuple[OwnModelAccess, AccessSecrets | None]]:
        return [held for held in self.held.values() if held[0].workspace_id == workspace_id]

    async def secrets(self, access: OwnModelAccess) -> AccessSecrets | None:
        held = self.held.get(access.id)
        return AccessSecrets() if held is None else held[1]

    async def put(
        self, before: OwnModelAccess | None, after: OwnModelAccess, secrets: AccessSecrets
    ) -> bool:
        held = self.held.get(after.id)
        if (None if held is None else held[0]) != before:
            return False
        self.held[after.id] = (after, secrets)
        return True

    async def remove(self, workspace_id: str, kind: str, name: str) -> bool:
        return self.held.pop(f"{workspace_id}:{kind}:{name}", None) is not None


class ServersInMemory(MemoryReceipts):
    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, RegisteredServer] = {}
        self.secrets: dict[str, Mapping[str, str]] = {}
        self.races = 0
        """So many replaces are still to find that another was faster."""

    async def add(
        self,
        server: RegisteredServer,
        credentials: Mapping[str, str] | None,
        receipt: Receipt | None = None,
    ) -> None:
        self.check_free(receipt)
        if await self.by_names(server.workspace_id, [server.name]):
            raise Conflict("The name is taken.")
        self.held[server.id] = server
        self.secrets[server.id] = credentials or {}
        self.keep(receipt)

    async def find(self, workspace_id: str, server_id: str) -> RegisteredServer | None:
        return next((s for s in await self.all(workspace_id) if s.id == server_id), None)

    async def all(self, workspace_id: str) -> Sequence[RegisteredServer]:
        return [server for server in self.held.values() if server.workspace_id == workspace_id]

    async def by_names(self, workspace_id: str, names: Any) -> Sequence[RegisteredServer]:
        return [server for server in await self.all(workspace_id) if server.name in names]

    async def replace(
        self,
        before: RegisteredServer,
        after: RegisteredServer,
        credentials: Mapping[str, str] | None,
        *,
        keep: bool,
    ) -> bool:
        self.races -= 1
        if self.races >= 0 or self.held[before.id].version != before.version:
            return False
        self.held[after.id] = after
        if not keep:
            self.secrets[after.id] = credentials or {}
        return True

    async def remove(self, workspace_id: str, server_id: str) -> bool:
        return self.held.pop(server_id, None) is not None

    async def credentials(
        self, workspace_id: str, server_id: str
    ) -> tuple[RegisteredServer, Mapping[str, str]]:
        found = await self.find(workspace_id, server_id)
        if found is None:
            raise NotFound("There is no such server.")
        return found, self.secrets[server_id]


class NewsInMemory:
    def __init__(self) -> None:
        self.told: list[str] = []

    async def tell(self, workspace_id: str) -> None:
        self.told.append(workspace_id)
