"""Tools of MCP servers."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from common.contracts.crew import McpTool, ToolSnapshot
from common.contracts.tools import auth_headers
from common.errors import KasalError
from common.mcp.pool import McpPool
from common.mcp.server import McpAddress, McpFault
from executor.tools.artifacts import Artifacts
from executor.tools.call import Call, Heard, InputWanted
from executor.tools.custom import credential_mask
from executor.tools.secrets import Mask
from executor.tools.tool import ToolFault, hide_secrets_beside

if TYPE_CHECKING:
    from mcp_types import CallToolResult, InputRequiredResult

    from executor.tools.mcp_results import ReadResult

KEY = "idempotency-key"
"""The name under which a server finds a call's key, which stays the same if the call is repeated."""

_GOES_ON, _PAUSE = 10, 0.25
"""How often, and after how many seconds, a call goes on that its server has only put off."""


class ServerCredentials(Protocol):
    """The source of servers' credentials."""

    async def server_credentials(
        self, workspace_id: str, server_id: str, target: str
    ) -> Mapping[str, Any]:
        """Return `{token}`, `{key, header}` or `{username, password}`.

        Raises `NotFound` or `Unavailable`.
        """


class McpServerTool:
    """Calls one tool of a server."""

    def __init__(
        self,
        snapshot: ToolSnapshot,
        place: McpTool,
        pool: McpPool,
        credentials: ServerCredentials,
        artifacts: Artifacts,
    ) -> None:
        self._snapshot = snapshot
        self._place = place
        self._pool = pool
        self._credentials = credentials
        self._artifacts = artifacts

    async def run(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Call the tool once and return its result. Raises `ToolFault`, `KasalError` or `InputWanted`."""
        held = await self._fetch_credentials(call)
        mask = credential_mask(held, self._snapshot.headers, self._place.target)
        try:
            result = await self._call(arguments, call, held)
        except McpFault as fault:
            raise ToolFault(mask.hide(f"{self._snapshot.name}: {fault}.")) from None
        read = await asyncio.to_thread(_read, result, self._snapshot.name, mask)
        await self._keep_files(read, call)
        text = await hide_secrets_beside(mask, read.text)
        if getattr(result, "is_error", False):
            raise ToolFault(text)
        return text

    async def _keep_files(self, read: "ReadResult", call: Call) -> None:
        """Keep the files in a result as artifacts of the job, and tell the model of each."""
        for part, file in enumerate(read.files):
            try:
                kept = await self._artifacts.keep(
                    call, file.name, file.content, media_type=file.media_type, part=part
                )
                told = f"kept as {kept.name}; its id is {kept.file_id}"
            except KasalError as fault:
                told = f"not kept: {fault.message}"
            read.lines[file.line] = f"{read.lines[file.line][:-1]}: {told}]"

    async def _fetch_credentials(self, call: Call) -> Mapping[str, Any]:
        if self._snapshot.auth_type == "none":
            return {}
        place = self._place
        return await self._credentials.server_credentials(
            call.workspace_id, place.server_id, place.target
        )

    async def _call(
        self, arguments: Mapping[str, Any], call: Call, held: Mapping[str, Any]
    ) -> "CallToolResult | InputRequiredResult":
        """Make the call, and go on with it as long as its server wants nothing but that."""
        state = None if call.heard is None else call.heard.state
        answers = None if call.heard is None else await asyncio.to_thread(_responses, call.heard)
        for _ in range(_GOES_ON):
            result = await self._once_or_again(arguments, call, held, answers, state)
            state, answers = _put_off(result), None
            if state is None:
                return result
            await asyncio.sleep(_PAUSE)
        raise ToolFault(f"{self._snapshot.name} is not done: its server puts off its answer.")

    async def _once_or_again(
        self,
        arguments: Mapping[str, Any],
        call: Call,
        held: Mapping[str, Any],
        answers: Mapping[str, Any] | None,
        state: str | None,
    ) -> "CallToolResult | InputRequiredResult":
        try:
            return await self._once(arguments, call, held, answers, state)
        except McpFault as fault:
            if not (fault.unmade or self._snapshot.idempotent):
                raise
        # A server that was restarted forgets its sessions: the call goes on over a new connection.
        return await self._once(arguments, call, held, answers, state)

    async def _once(
        self,
        arguments: Mapping[str, Any],
        call: Call,
        held: Mapping[str, Any],
        answers: Mapping[str, Any] | None,
        state: str | None,
    ) -> "CallToolResult | InputRequiredResult":
        place, name = self._place, self._snapshot.name
        try:
            headers = auth_headers(self._snapshot.auth_type, held)
        except KeyError as missing:
            raise ToolFault(
                f"the server of {name} has no {missing.args[0]}; an admin of the workspace sets it with "
                f"PUT /tools/mcp/{place.server_id} and `credentials`."
            ) from None
        address = McpAddress(place.transport, place.target, {**self._snapshot.headers, **headers})
        key = (call.workspace_id, place.server_id)
        async with self._pool.connection(key, address) as connection:
            return await connection.call(
                place.name, arguments, place.timeout, {KEY: call.key}, answers, state
            )


def _read(result: "CallToolResult | InputRequiredResult", tool: str, mask: Mask) -> "ReadResult":
    from mcp_types import CallToolResult

    from executor.tools.mcp_elicitation import inquiry_of
    from executor.tools.mcp_results import read_result

    if isinstance(result, CallToolResult):
        return read_result(result)
    raise InputWanted(inquiry_of(result, tool, mask))


def _put_off(result: "CallToolResult | InputRequiredResult") -> str | None:
    """Return the state with which a call goes on that its server has put off without a question."""
    asks = getattr(result, "input_requests", None)
    return None if asks else getattr(result, "request_state", None)


def _responses(heard: Heard) -> Mapping[str, Any]:
    from executor.tools.mcp_elicitation import responses

    return responses(heard)
