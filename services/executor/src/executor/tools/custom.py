"""Custom tools: HTTP endpoints that a workspace has registered."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import orjson

from common.contracts.crew import ToolSnapshot
from executor.tools.call import Call
from executor.tools.network import GuardedClient, Outgoing
from executor.tools.tool import ToolFault

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "idempotency-key", "content-type"}
)


class Credentials(Protocol):
    """Where custom tools' credentials are kept."""

    async def tool_credentials(
        self, workspace_id: str, tool_id: str, endpoint: str
    ) -> Mapping[str, Any]:
        """Return `{token}`, `{key, header}` or `{username, password}`.

        Raises `NotFound` or `Unavailable`.
        """


class CustomTool:
    """Calls one endpoint: arguments fill `{name}`s of its path, then its body or query."""

    def __init__(
        self, snapshot: ToolSnapshot, client: GuardedClient, credentials: Credentials
    ) -> None:
        self._snapshot = snapshot
        self._client = client
        self._credentials = credentials
        self._method = snapshot.method.upper()

    async def run(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Call the endpoint once and return what it answers. Raises `ToolFault`, `KasalError`."""
        request = self._request(arguments, call, await self._secrets(call))
        answer = await self._client.send(request)
        text = answer.text().strip()
        if answer.status >= 400:
            raise ToolFault(f"{self._snapshot.name} answered {answer.status}: {text[:1_000]}")
        return text or f"Done ({answer.status})."

    def _request(
        self, arguments: Mapping[str, Any], call: Call, secrets: Mapping[str, str]
    ) -> Outgoing:
        url, rest = placed(self._snapshot.endpoint or "", arguments)
        headers = {
            name: value
            for name, value in self._snapshot.headers.items()
            if name.lower() not in _OURS
        }
        headers["Idempotency-Key"] = call.key
        headers.setdefault("Accept", "application/json, text/*;q=0.9, */*;q=0.1")
        if self._method not in _WITH_BODY:
            return Outgoing(self._method, with_query(url, rest), headers, secrets)
        headers["Content-Type"] = "application/json"
        body = orjson.dumps(rest)
        return Outgoing(self._method, url, headers, secrets, body)

    async def _secrets(self, call: Call) -> dict[str, str]:
        kind, tool_id = self._snapshot.auth_type, self._snapshot.tool_id
        if kind == "none" or tool_id is None:
            return {}
        held = await self._credentials.tool_credentials(
            call.workspace_id, tool_id, self._snapshot.endpoint or ""
        )
        try:
            return signed(kind, held)
        except KeyError:
            raise ToolFault(f"the credentials of {self._snapshot.name} are incomplete.") from None


def signed(kind: str, held: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that credentials of a kind become. Raises `KeyError`."""
    if kind == "bearer":
        return {"Authorization": f"Bearer {held['token']}"}
    if kind == "api_key":
        return {str(held.get("header") or "X-API-Key"): str(held["key"])}
    pair = f"{held['username']}:{held['password']}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def placed(endpoint: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return `endpoint` with its path's `{name}`s filled in, and the arguments that are left.

    Raises `ToolFault` when one is missing.
    """
    parts, rest = urlsplit(endpoint), dict(arguments)

    def filled(found: re.Match[str]) -> str:
        if found[1] not in arguments:
            raise ToolFault(f"the argument {found[1]} is missing; the address needs it.")
        rest.pop(found[1], None)
        value = _as_text(arguments[found[1]])
        return quote(value, safe="") if value not in {".", ".."} else quote("_" + value, safe="")

    path = _PLACEHOLDER.sub(filled, parts.path)
    return urlunsplit(parts._replace(path=path)), rest


def with_query(url: str, values: Mapping[str, Any]) -> str:
    """Return `url` with `values` added to its query; a list gives its name once per entry."""
    pairs = [
        (name, _as_text(entry))
        for name, value in values.items()
        for entry in (value if isinstance(value, list) else [value])
    ]
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(pairs)) if part)
    return urlunsplit(parts._replace(query=query))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
