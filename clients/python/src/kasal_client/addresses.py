"""Where the platform is, and how this client names itself."""

from __future__ import annotations

import platform
from functools import cache
from urllib.parse import quote, urlsplit

from .errors import UsageError

DEFAULT_URL = "http://localhost:8000"


def api_base(url: str) -> str:
    """Return the base of all routes: `url` with the API's prefix, unless it has one. Raises `UsageError`."""
    if "@" in url:
        raise UsageError(
            "The address must not hold a password: use api_key, or email and password."
        )
    no_address = f"{url!r} is no address of a platform: write it like {DEFAULT_URL}."
    try:
        parts = urlsplit(url.strip())
        has_host = parts.port != 0 and bool(parts.hostname)
    except ValueError:  # of brackets, or of the port
        raise UsageError(no_address) from None
    if parts.scheme not in ("http", "https") or not has_host or parts.query or parts.fragment:
        raise UsageError(no_address)
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    return base if base.endswith("/v1") else f"{base}/api/v1"


def segment(value: str | int) -> str:
    """Return an id as a part of a path. Raises `UsageError` if it is empty."""
    if value in ("", ".", ".."):
        raise UsageError(f"{value!r} is no id.")
    return quote(str(value), safe="")


@cache
def version() -> str:
    """Return this client's version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("kasal-client")
    except PackageNotFoundError:
        return "0"


@cache
def user_agent() -> str:
    """Return how this client names itself."""
    return f"kasal-client/{version()} Python/{platform.python_version()}"
