"""Which bytes of a file a request asks for (RFC 9110, sections 13 and 14)."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{0,18})|-\s*(\d{1,18}))\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `start` up to `stop`, which is not one of them."""

    start: int
    stop: int


def wanted_part(asked: str, size: int) -> Part | None:
    """Return the part that the header `Range` asks for, or None for the whole file.

    A range that cannot be met is an empty part. Several ranges, other units and what is malformed are
    ignored, as section 14.2 allows.
    """
    found = _RANGE.fullmatch(asked.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return Part(max(0, size - int(suffix)), size) if int(suffix) else Part(0, 0)
    start = int(first)
    stop = int(last) + 1 if last else size
    if last and stop <= start:
        return None
    return Part(start, min(stop, size)) if start < size else Part(0, 0)


def matches(listed: str, etag: str) -> bool:
    """Return whether the entity tag is among those of `If-None-Match` or is that of `If-Range`."""
    tags = (tag.strip().removeprefix("W/") for tag in listed.split(","))
    return any(tag in {"*", etag} for tag in tags)
