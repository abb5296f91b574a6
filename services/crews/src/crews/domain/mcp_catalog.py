"""The use cases of MCP servers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from common.contracts import query_keys
from common.contracts.tools import auth_headers
from common.errors import Conflict, InvalidRequest, NotFound
from common.idempotency.once import Once, at_most_once, receipt_of
from common.ids import new_id
from common.mcp.server import AllowedCommands, McpFault
from common.times import utc_now
from crews.domain.mcp_servers import (
    SEPARATOR,
    Inventory,
    RegisteredServer,
    ServerChanges,
    ServerDraft,
    place_fault,
)
from crews.domain.mcp_tools import inventory_of
from crews.domain.offered_tools import OfferedTools
from crews.domain.origins import Fate, harmless_headers, origin, unmask_headers
from crews.domain.ports import CrewStore, CustomTools, McpServers, ServerAsker
from crews.domain.tools import check_credentials

_RACES = 5
_USERS_NAMED = 20
_AFTER_A_FAULT = timedelta(seconds=60)
_ASKED = ("name", "url", "command", "transport", "headers", "auth_type")
"""Fields after whose change a server is asked again."""


@dataclass(frozen=True, slots=True)
class ServerChanged:
    """A server after a change, and what happened to its keys."""

    server: RegisteredServer
    credentials: Fate
    dropped_headers: tuple[str, ...] = ()


class McpCatalog:
    """Registers, asks, changes and removes a workspace's MCP servers."""

    def __init__(
        self,
        servers: McpServers,
        tools: CustomTools,
        crews: CrewStore,
        asker: ServerAsker,
        commands: AllowedCommands,
        offered: OfferedTools,
    ) -> None:
        self._servers = servers
        self._tools = tools
        self._crews = crews
        self._asker = asker
        self._commands = commands
        self._offered = offered

    async def register(
        self, workspace_id: str, draft: ServerDraft, once: Once[RegisteredServer] | None = None
    ) -> RegisteredServer:
        """Ask a server for its tools and store it with them.

        Raises `InvalidRequest` if it cannot be asked, `Conflict` for a name that is taken, and as `at_most_once`.
        """

        async def make() -> RegisteredServer:
            now = utc_now()
            server = RegisteredServer(
                id=new_id("mcp"),
                workspace_id=workspace_id,
                created_at=now,
                inventory=Inventory(asked_at=now, fresh_until=now),
                has_credentials=bool(draft.credentials),
                **{
                    **draft.model_dump(exclude={"credentials"}),
                    "headers": unmask_headers(draft.headers, {}),
                },
            )
            await self._check_name(server)
            asked = await self._ask(server, draft.credentials or {})
            await self._servers.add(asked, draft.credentials, receipt_of(once, asked))
            return asked

        return await at_most_once(once, self._servers, make)

    async def find(self, workspace_id: str, server_id: str) -> RegisteredServer:
        """Return the server. Raises `NotFound`."""
        server = await self._servers.find(workspace_id, server_id)
        if server is None:
            raise NotFound(f"There is no MCP server {server_id}.")
        return server

    async def update(
        self, workspace_id: str, server_id: str, changes: ServerChanges
    ) -> ServerChanged:
        """Change a server; ask it again if it is reached, called or trusted otherwise than before.

        Its keys do not follow it to another origin, or to another kind of credentials. Raises `InvalidRequest`,
        `NotFound`, and `Conflict` for a taken name or one in use.
        """
        for _ in range(_RACES):
            server, held = await self._servers.credentials(workspace_id, server_id)
            changed = _apply(server, changes)
            after = changed.server
            if after.name != server.name:
                await self._check_name(after)
                await self._check_unused(server)
            keep = changed.credentials in {"kept", "none"}
            if changes.credentials or any(
                getattr(after, name) != getattr(server, name) for name in _ASKED
            ):
                given = held if changed.credentials == "kept" else changes.credentials or {}
                after = await self._ask(after, given)
            after = after.model_copy(update={"version": server.version + 1})
            if await self._servers.replace(server, after, changes.credentials, keep=keep):
                return replace(changed, server=after)
        raise Conflict(f"The MCP server {server_id} is being changed from several places at once.")

    async def refresh(self, workspace_id: str, server_id: str) -> RegisteredServer:
        """Ask a server for its tools again. Raises `NotFound`, and `InvalidRequest` if it cannot be asked."""
        for _ in range(_RACES):
            server, held = await self._servers.credentials(workspace_id, server_id)
            asked = await self._ask(server, held)
            after = asked.model_copy(update={"version": server.version + 1})
            if await self._servers.replace(server, after, None, keep=True):
                return after
        raise Conflict(f"The MCP server {server_id} is being changed from several places at once.")

    async def renew(self, before: RegisteredServer) -> None:
        """Ask a server again whose list is out of date. If it cannot be asked, note why and keep its tools.

        Nothing is noted on one that was changed or removed meanwhile.
        """
        try:
            await self.refresh(before.workspace_id, before.id)
        except NotFound:
            return
        except (InvalidRequest, Conflict) as fault:
            server = await self._servers.find(before.workspace_id, before.id)
            if server is None or server.version != before.version:
                return
            held = server.inventory.model_copy(
                update={
                    "fault": str(fault.details.get("reason", fault.message)),
                    "fresh_until": utc_now() + _AFTER_A_FAULT,
                }
            )
            after = server.model_copy(update={"inventory": held, "version": server.version + 1})
            await self._servers.replace(server, after, None, keep=True)

    async def credentials(
        self, workspace_id: str, server_id: str, target: str | None
    ) -> tuple[RegisteredServer, Mapping[str, str]]:
        """Return the credentials for calls to `target`, if the server still has that origin.

        Raises `NotFound`, and `Conflict` for a run that began before the server moved elsewhere.
        """
        server, credentials = await self._servers.credentials(workspace_id, server_id)
        if target is not None and _origin(target) != _origin(server.target):
            raise Conflict(
                f"The MCP server {server_id} has moved to another host since this run began; its credentials "
                "are only for the new host."
            )
        return server, credentials

    async def remove(self, workspace_id: str, server_id: str) -> None:
        """Remove a server. Raises `NotFound`, and `Conflict` while a crew uses its tools."""
        await self._check_unused(await self.find(workspace_id, server_id))
        if not await self._servers.remove(workspace_id, server_id):
            raise NotFound(f"There is no MCP server {server_id}.")

    async def _ask(self, server: RegisteredServer, held: Mapping[str, str]) -> RegisteredServer:
        """Return the server with the tools that it says it has. Raises `InvalidRequest`."""
        field = "command" if server.transport == "stdio" else "url"
        if server.transport == "stdio" and not self._commands.allow(server.target):
            reason = "This command may not be started here: the platform's operator allows commands by KASAL_MCP_STDIO"
            raise InvalidRequest("Invalid MCP server", field=field, reason=reason)
        try:
            headers = auth_headers(server.auth_type, held) if held else {}
            address = server.address(headers)
            listing = await self._asker.listing(server.workspace_id, address)
        except McpFault as fault:
            reason = f"The server cannot be asked: {fault}"
            raise InvalidRequest("Invalid MCP server", field=field, reason=reason) from fault
        inventory = await inventory_of(server.name, listing, utc_now())
        return server.model_copy(update={"inventory": inventory})

    async def _check_name(self, server: RegisteredServer) -> None:
        prefix = f"{server.name}{SEPARATOR}"
        custom = [tool.name for tool in await self._tools.all(server.workspace_id)]
        taken = [name for name in (*self._offered, *custom) if name.startswith(prefix)]
        if taken:
            raise Conflict(
                f"The tool {taken[0]} has a name that would be one of this server's tools.",
                field="name",
            )

    async def _check_unused(self, server: RegisteredServer) -> None:
        names = [server.wildcard, *(tool.name for tool in server.inventory.tools)]
        users = await self._crews.using_any(server.workspace_id, names, _USERS_NAMED)
        if users:
            raise Conflict(
                f"Tools of the MCP server {server.name} are used by crews.",
                details={"crews": [*users]},
            )


def _origin(target: str) -> Any:
    return origin(target) if "://" in target else target


def _apply(server: RegisteredServer, changes: ServerChanges) -> ServerChanged:
    sent = changes.model_dump(exclude_unset=True, exclude={"credentials"})
    values = {
        name: value
        for name, value in sent.items()
        if value is not None or name in {"url", "command", "expires_in", "on_expiry", "answered_by"}
    }
    if "transport" in values and values["transport"] != server.transport:
        values.setdefault("url", None if values["transport"] == "stdio" else server.url)
        values.setdefault("command", server.command if values["transport"] == "stdio" else None)
    changed = RegisteredServer.model_validate({**server.model_dump(), **values})
    fault = place_fault(changed.transport, changed.url, changed.command)
    if fault is not None:
        raise InvalidRequest("Invalid MCP server", field="transport", reason=fault)
    moved = _origin(changed.target) != _origin(server.target)
    wanted = unmask_headers(changed.headers, {} if moved else server.headers)
    if moved and "headers" not in values:
        wanted = harmless_headers(server.headers)
    dropped = tuple(name for name in changed.headers if name not in wanted)
    url = changed.url and query_keys.unmask(changed.url, None if moved else server.url)[0]
    try:
        check_credentials(changed.auth_type, changes.credentials)
    except ValueError as wrong:
        raise InvalidRequest("Invalid MCP server", field="credentials", reason=str(wrong)) from None
    fate = _fate(server, changed, changes, moved=moved)
    holds = fate in {"kept", "replaced"}
    after = changed.model_copy(update={"headers": wanted, "url": url, "has_credentials": holds})
    return ServerChanged(after, fate, dropped)


def _fate(
    server: RegisteredServer, changed: RegisteredServer, changes: ServerChanges, *, moved: bool
) -> Fate:
    if changes.credentials:
        return "replaced"
    if not server.has_credentials:
        return "none"
    taken_off = "credentials" in changes.model_fields_set
    return "dropped" if taken_off or moved or changed.auth_type != server.auth_type else "kept"
