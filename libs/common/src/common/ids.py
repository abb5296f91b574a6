"""Identifiers: a prefix and 26 characters that sort by time and cannot be guessed."""

import re
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,128}")


def new_id(prefix: str) -> str:
    """Return a new id such as `crew_01jd…`: 48 bits of Unix milliseconds, then 80 random bits."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return f"{prefix}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -5, -5))


def is_request_id(given: str) -> bool:
    """Return whether `given` is a well-formed request id, fit for logs and headers."""
    return _REQUEST_ID.fullmatch(given) is not None
