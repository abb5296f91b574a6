"""The library's client, as far as it tells servers what it can do."""

from contextlib import AsyncExitStack
from typing import Any

from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp_types import ClientCapabilities, ElicitationCapability, FormElicitationCapability
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

_FORMS = ElicitationCapability(form=FormElicitationCapability())


class FormSession(ClientSession):
    """Tells servers that they may ask people for values, but not to open a page.

    Only those of stateless versions: in others a call stays open while its server waits for an answer.
    """

    def _build_capabilities(self, version: str) -> ClientCapabilities:
        told = super()._build_capabilities(version)
        modern = version in MODERN_PROTOCOL_VERSIONS
        return told.model_copy(update={"elicitation": _FORMS if modern else None})


class FormClient(Client):
    """A client whose session is a `FormSession`."""

    async def _build_session(self, exit_stack: AsyncExitStack) -> ClientSession:
        dispatcher: Any = await self._connect(exit_stack, self.mode, self.raise_exceptions)
        return FormSession(
            dispatcher=dispatcher,
            read_timeout_seconds=self.read_timeout_seconds,
            client_info=self.client_info,
        )
