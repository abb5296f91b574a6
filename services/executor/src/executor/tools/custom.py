"""Custom tools: HTTP endpoints that a workspace has registered."""

import asyncio
import base64
import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import orjson

from common.contracts import query_keys
from common.contracts.crew import ToolSnapshot
from common.contracts.tools import PATH_ARGUMENT, auth_headers, is_harmless_header, is_key_header
from executor.tools.call import Call
from executor.tools.network import GuardedClient, Incoming, Outgoing
from executor.tools.secrets import Mask
from executor.tools.tool import ToolFault, hide_secrets

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
_KEYS_LENGTH = 12
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "idempotency-key", "content-type"}
)


class Credentials(Protocol):
    """The source of custom tools' credentials."""

    async def tool_credentials(
        self, workspace_id: str, tool_id: str, endpoint: str
    ) -> Mapping[str, Any]:
        """Return `{token}`, `{key, header}` or `{username, password}`.

        Raises `NotFound` or `Unavailable`.
        """


class CustomTool:
    """Calls one endpoint: arguments fill the `{name}`s in its path, then its body or query."""

    def __init__(
        self, snapshot: ToolSnapshot, client: GuardedClient, credentials: Credentials
    ) -> None:
        self._snapshot = snapshot
        self._client = client
        self._credentials = credentials
        self._method = snapshot.method.upper()

    async def run(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Call the endpoint once and return its answer. Raises `ToolFault` or `KasalError`."""
        held = await self._fetch_credentials(call)
        mask = credential_mask(held, self._snapshot.headers, self._snapshot.endpoint or "")
        try:
            request = self._request(arguments, call, self._auth_headers(held))
            answer = await self._client.send(request)
            text = await asyncio.to_thread(lambda: hide_secrets(mask, _answer_text(answer)))
        except ToolFault as fault:
            raise ToolFault(mask.hide(str(fault))) from None
        if answer.status >= 400:
            raise ToolFault(f"{self._snapshot.name} answered {answer.status}: {text[:1_000]}")
        return text

    def _request(
        self, arguments: Mapping[str, Any], call: Call, secrets: Mapping[str, str]
    ) -> Outgoing:
        url, rest = fill_path(self._snapshot.endpoint or "", arguments)
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

    async def _fetch_credentials(self, call: Call) -> Mapping[str, Any]:
        kind, tool_id = self._snapshot.auth_type, self._snapshot.tool_id
        if kind == "none" or tool_id is None:
            return {}
        return await self._credentials.tool_credentials(
            call.workspace_id, tool_id, self._snapshot.endpoint or ""
        )

    def _auth_headers(self, held: Mapping[str, Any]) -> dict[str, str]:
        kind, name = self._snapshot.auth_type, self._snapshot.name
        if kind == "none" or self._snapshot.tool_id is None:
            return {}
        try:
            headers = auth_headers(kind, held)
        except KeyError as missing:
            raise ToolFault(
                f"the tool {name} has no {missing.args[0]}; an admin of the workspace sets it with "
                f"PUT /tools/custom/{self._snapshot.tool_id} and `credentials`."
            ) from None
        if any(header.lower() in _OURS for header in headers):
            raise ToolFault(
                f"the credentials of {name} are for a header that is set by the platform."
            )
        return headers


def _answer_text(answer: Incoming) -> str:
    """Return what a model is told about an answer; blocks."""
    what = answer.binary()
    if what is not None:
        return f"It answered {answer.status} with {what}, which is not text and is not shown."
    if not answer.body.strip():
        return f"Done ({answer.status}): the answer is empty."
    text = answer.text().strip()
    return f"{text}\n… (the answer is longer; only its beginning was read)" if answer.cut else text


def credential_mask(held: Mapping[str, Any], headers: Mapping[str, str], url: str) -> Mask:
    """Return what hides the credentials, and the keys in headers and address, that a call is made with."""
    in_query = [value for _, value in query_keys.keys(url)]
    forms, secrets = _credential_forms(held), _credential_secrets(held)
    return Mask([*secrets, *_header_secrets(headers), *forms, *in_query])


def _credential_forms(held: Mapping[str, Any]) -> list[str]:
    """Return the forms in which credentials are sent."""
    sent = [f"Bearer {held['token']}"] if "token" in held else []
    if "username" in held and "password" in held:
        pair = f"{held['username']}:{held['password']}"
        sent += [pair, base64.b64encode(pair.encode()).decode()]
    return sent


def _credential_secrets(held: Mapping[str, Any]) -> list[str]:
    """Return the secret parts of credentials: not the header's name, nor the user's."""
    return [str(text) for name, text in held.items() if name not in {"header", "username"}]


def _header_secrets(headers: Mapping[str, str]) -> list[str]:
    """Return the headers' values that may be keys, judged by the header's name or their length."""
    return [
        text
        for name, text in headers.items()
        if is_key_header(name) or (len(text) >= _KEYS_LENGTH and not is_harmless_header(name))
    ]


def fill_path(endpoint: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return `endpoint` with the `{name}`s in its path filled in, and the remaining arguments.

    Raises `ToolFault` if one is missing.
    """
    parts, rest = urlsplit(endpoint), dict(arguments)

    def fill(found: re.Match[str]) -> str:
        if found[1] not in arguments:
            raise ToolFault(f"the argument {found[1]} is missing; the address needs it.")
        rest.pop(found[1], None)
        value = _as_text(arguments[found[1]])
        return quote(value, safe="") if value not in {".", ".."} else quote("_" + value, safe="")

    path = PATH_ARGUMENT.sub(fill, parts.path)
    return urlunsplit(parts._replace(path=path)), rest


def with_query(url: str, values: Mapping[str, Any]) -> str:
    """Return `url` with `values` added to its query; a list repeats its name for each entry."""
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
