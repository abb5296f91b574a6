"""Finding, masking and restoring keys in the query of a URL, such as `?api_key=…`."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_plus, urlsplit, urlunsplit

MASK = "********"
"""Replaces a possible key in an answer; sent back, it keeps the stored value."""

_KEY = re.compile(
    r"auth|code$|credential|key|pass|pwd|secret|session|sig|token|jwt|bearer|app_?id|^sas$",
    re.IGNORECASE,
)
_ORDINARY = re.compile(
    r"keyword|author(?!i)|sign(?:al|up)|design|assign|passage|passenger|compass"
    r"|(?:country|currency|post(?:al)?|zip|language|lang|status|city|region)_?code",
    re.IGNORECASE,
)


def keys(url: str) -> list[tuple[str, str]]:
    """Return the names and values, decoded, in `url`'s query that may be keys."""
    return [
        (unquote_plus(name), unquote_plus(value))
        for name, value in _pairs(url)
        if value is not None and _is_key(name, value)
    ]


def mask(url: str) -> str:
    """Return `url` with `MASK` in place of possible keys."""
    return _with(url, (f"{n}={MASK}" if _is_key(n, v) else _text(n, v) for n, v in _pairs(url)))


def unmask(given: str, held: str | None) -> tuple[str, list[str]]:
    """Return `given` with the keys of `held` in place of masks, and the names that `held` lacks."""
    kept: dict[str, list[str]] = {}
    for name, value in _pairs(held) if held is not None else ():
        kept.setdefault(unquote_plus(name), []).append(_text(name, value))
    parts: list[str] = []
    lost: list[str] = []
    for name, value in _pairs(given):
        known = unquote_plus(name)
        if value is None or unquote_plus(value) != MASK:
            parts.append(_text(name, value))
        elif kept.get(known):
            parts.append(kept[known].pop(0))
        else:
            lost.append(known)
    return (_with(given, parts), lost) if MASK in unquote_plus(given) else (given, [])


def _is_key(name: str, value: str | None) -> bool:
    told = unquote_plus(name)
    return bool(value) and bool(_KEY.search(told)) and not _ORDINARY.search(told)


def _pairs(url: str) -> Iterator[tuple[str, str | None]]:
    for part in urlsplit(url).query.split("&"):
        name, given, value = part.partition("=")
        if part:
            yield name, value if given else None


def _text(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value}"


def _with(url: str, parts: Iterable[str]) -> str:
    split = urlsplit(url)
    return url if not split.query else urlunsplit(split._replace(query="&".join(parts)))
