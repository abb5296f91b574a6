"""All tools that a workspace's crews may name: built in, its own, and those of its MCP servers."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from common.contracts.crew import AgentSnapshot, TaskSnapshot, ToolSnapshot
from crews.domain.mcp_servers import ALL, SEPARATOR, RegisteredServer
from crews.domain.offered_tools import OfferedTools
from crews.domain.ports import CustomTools, McpServers
from crews.domain.tools import RegisteredTool


@dataclass(frozen=True)
class NamedTools:
    """A workspace's own tools and its MCP servers, as they are at one moment."""

    custom: Sequence[RegisteredTool] = ()
    servers: Sequence[RegisteredServer] = ()

    @property
    def custom_names(self) -> frozenset[str]:
        """The names of its own tools. One keeps its name when the operator offers a tool that is called the same."""
        return frozenset(tool.name for tool in self.custom)

    @property
    def names(self) -> frozenset[str]:
        """The names that agents and tasks may give, with those that stand for all of a server's tools."""
        remote = {tool.name for server in self.servers for tool in server.tools()}
        return frozenset(self.custom_names | remote | {server.wildcard for server in self.servers})

    def expand(self, named: Sequence[str]) -> list[str]:
        """Return the names with those of a server's tools in place of `<server>__*`, each once."""
        all_of = {server.wildcard: server for server in self.servers}
        found: dict[str, None] = {}
        for name in named:
            server = all_of.get(name)
            found |= dict.fromkeys([name] if server is None else _all_names(server))
        return list(found)

    def agent(self, agent: AgentSnapshot) -> AgentSnapshot:
        """Return an agent with the names of its tools one by one."""
        if not _any_wildcard(agent.tools, agent.approvals):
            return agent
        changes = {"tools": self.expand(agent.tools), "approvals": self.expand(agent.approvals)}
        return agent.model_copy(update=changes)

    def task(self, task: TaskSnapshot) -> TaskSnapshot:
        """Return a task with the names of its tools one by one."""
        if not _any_wildcard(task.tools, task.approvals):
            return task
        changes = {"tools": self.expand(task.tools), "approvals": self.expand(task.approvals)}
        return task.model_copy(update=changes)

    def snapshots(self, named: Collection[str]) -> list[ToolSnapshot]:
        """Return the workspace's tools that are `named`, one by one or all of a server, as a run sees them."""
        own = [tool.snapshot() for tool in self.custom if tool.name in named]
        for server in self.servers:
            all_of = server.wildcard in named
            own += [
                server.snapshot(tool) for tool in server.tools() if all_of or tool.name in named
            ]
            own += [
                ToolSnapshot(name=server.name_of(left), left_out=left.reason)
                for left in server.unusable_tools()
                if all_of or server.name_of(left) in named
            ]
        return own


class WorkspaceTools:
    """Finds the tools that crews name.

    `offered` are those that every workspace has; `look` is told of the servers that are looked at.
    """

    def __init__(
        self,
        custom: CustomTools,
        servers: McpServers,
        offered: OfferedTools,
        look: Callable[[Sequence[RegisteredServer]], None] | None = None,
    ) -> None:
        self.offered = offered
        self._custom = custom
        self._servers = servers
        self._look = look

    async def find(self, workspace_id: str, names: Collection[str]) -> NamedTools:
        """Return the workspace's tools, as far as `names` may be among them."""
        own = set(names) - self.offered.reserved
        if not own:
            return NamedTools()
        custom = await self._custom.all(workspace_id)
        servers = {name.split(SEPARATOR, 1)[0] for name in own if SEPARATOR in name}
        found = await self._servers.by_names(workspace_id, servers)
        if self._look is not None:
            self._look(found)
        return NamedTools(custom, found)


def _any_wildcard(*lists: Sequence[str]) -> bool:
    return any(name.endswith(SEPARATOR + ALL) for names in lists for name in names)


def _all_names(server: RegisteredServer) -> list[str]:
    """Return the names of a server's tools, also of those that cannot be used: a run tells of them."""
    return [tool.name for tool in server.tools()] + list(
        map(server.name_of, server.unusable_tools())
    )
