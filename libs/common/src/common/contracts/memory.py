"""Whose memory a run reads and writes: a crew's scope, and the shelf that it and a job's inputs select.

A shelf is part of the key under which a memory is stored, so one shelf's memory is never visible from
another. It contains only a hash of an input, so no value can name or imitate somebody else's shelf.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from common.contracts.texts import WrittenAs

CREW, WORKSPACE = "crew", "workspace"
SCOPE = r"^(?:crew|workspace|\{[A-Za-z_][A-Za-z0-9_-]{0,63}\})$"
Scope = Annotated[
    str, WrittenAs(SCOPE, "crew, workspace, or an input in braces such as {customer_id}")
]
SHELF = r"^(?:crew|workspace|key:[0-9a-f]{64})$"
LONGEST_KEY = 200

_NAMED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]{0,63})\}")


def key_input(scope: str) -> str | None:
    """Return the name of the input that separates the memories of `scope`, or None."""
    named = _NAMED.fullmatch(scope)
    return named[1] if named else None


def key_fault(value: Any) -> str | None:
    """Return why `value` cannot identify a memory, or None if it can."""
    if isinstance(value, float) and value.is_integer():
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return "It says whose memory is used: a text or a whole number"
    if isinstance(value, str) and not value.strip():
        return "It says whose memory is used and must not be empty"
    if len(str(value)) > LONGEST_KEY:
        return f"It says whose memory is used and may have at most {LONGEST_KEY} characters"
    return None


def shelf(scope: str, inputs: Mapping[str, Any]) -> str:
    """Return where a run with `inputs` keeps its memory. Raises `ValueError`, naming the input.

    The text "1" and the number 1 are different; texts that are equal in Unicode are the same.
    """
    name = key_input(scope)
    if name is None:
        return scope
    if name not in inputs:
        raise ValueError(f"The input {name} is missing: it says whose memory is used")
    return shelf_of(name, inputs[name])


def shelf_of(name: str, value: Any) -> str:
    """Return the shelf of the input `name` with `value`. Raises `ValueError`."""
    fault = key_fault(value)
    if fault is not None:
        raise ValueError(fault)
    same = unicodedata.normalize("NFC", value) if isinstance(value, str) else int(value)
    told = json.dumps([name, same]).encode()
    return f"key:{hashlib.sha256(told).hexdigest()}"
