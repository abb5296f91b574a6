"""The built-in tools as crews lists and accepts them, and which headers of a custom tool may be keys.

The executor declares each in one module, `executor/tools/built_in/<name>.py`; `make docs` writes the
declarations to `built_in_tools.json`, since services know nothing of each other's code.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ToolDeclaration:
    """A tool every agent may be given. `parameters` is a JSON Schema of type object.

    `idempotent` says that a call whose outcome is unknown may be made again; `reads`, that a call
    changes nothing; `setting`, without which of the operator's settings the tool is not there.
    """

    name: str
    description: str
    category: str
    parameters: dict[str, Any]
    idempotent: bool = False
    reads: bool = False
    setting: str | None = None


DOCUMENT = Path(__file__).with_name("built_in_tools.json")
BUILT_IN_TOOLS = tuple(ToolDeclaration(**tool) for tool in json.loads(DOCUMENT.read_bytes()))
BUILT_IN_BY_NAME = {tool.name: tool for tool in BUILT_IN_TOOLS}

PATH_ARGUMENT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
"""An argument of a custom tool's call, in the path of its endpoint."""

_KEY_HEADER = re.compile(
    r"auth|cookie|credential|key|pass|secret|session|sign|token|jwt|bearer", re.IGNORECASE
)
_HARMLESS_HEADER = re.compile(
    r"accept(-.*)?|content-.*|user-agent|cache-control|pragma|origin|referer|prefer|dnt|te|via"
    r"|x-requested-with|x-(api-)?version|.*-version",
    re.IGNORECASE,
)


def is_key_header(name: str) -> bool:
    """Return whether a header's value may be a key, by its name."""
    return bool(_KEY_HEADER.search(name))


def is_harmless_header(name: str) -> bool:
    """Return whether a header is known to hold no key, however long its value is."""
    return bool(_HARMLESS_HEADER.fullmatch(name)) and not is_key_header(name)


def auth_headers(kind: str, held: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that carry credentials of this kind. Raises `KeyError` for a missing part."""
    if kind == "none":
        return {}
    if kind == "bearer":
        return {"Authorization": f"Bearer {held['token']}"}
    if kind == "api_key":
        return {str(held.get("header") or "X-API-Key"): str(held["key"])}
    pair = f"{held['username']}:{held['password']}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
