"""Where a request carries its token."""

from collections.abc import Callable, Sequence

from common.errors import Unauthorized
from common.security.tokens import bearer

HEADERS = frozenset({b"authorization"})
"""The headers, in lower case, that are read for a token."""
_SUBPROTOCOL = "bearer."
"""Before a token among the subprotocols of a WebSocket: browsers let pages set no header there."""


def authorization_header(values_of: Callable[[bytes], Sequence[str]]) -> str | None:
    """Return the one `Authorization` header, or None. Raises `Unauthorized` for several.

    `values_of` gives all values of one of `HEADERS`.
    """
    given = values_of(b"authorization")
    if len(given) > 1:
        raise Unauthorized("There is more than one Authorization header.")
    return given[0] if given else None


def presented_token(
    values_of: Callable[[bytes], Sequence[str]], subprotocols: Sequence[str] = ()
) -> str | None:
    """Return the token of a request, or None if it carries none.

    Raises `Unauthorized` for several `Authorization` headers, or one that does not follow RFC 6750.
    """
    header = authorization_header(values_of)
    if header is not None:
        return bearer(header)
    for offer in subprotocols:
        if offer.startswith(_SUBPROTOCOL):
            return offer.removeprefix(_SUBPROTOCOL)
    return None


def required_token(values_of: Callable[[bytes], Sequence[str]]) -> str:
    """Return the token of a request. Raises `Unauthorized` if it carries none."""
    token = presented_token(values_of)
    return bearer("") if token is None else token
