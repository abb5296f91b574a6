"""A login whose refresh token is in a cookie, where no script of a page can read it.

A client asks for it with `session: "cookie"` in a body; without that, nothing here is used. Only pages of our own
origin may: others must neither use the session of a browser nor give it another one.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from auth.domain.logins.logins import TokenPair
from auth.routes.use_cases import Use
from common.errors import Forbidden, Unauthorized

_PATH = "/api/v1/auth"
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class SessionCookie:
    """The session's cookie of one request and its answer."""

    request: Request
    response: Response
    scheme: str
    host: str
    """As the client named it, perhaps with a port."""

    def check_own_page(self) -> None:
        """Raise `Forbidden` unless a page of our own origin sent the request.

        Browsers say so in `Sec-Fetch-Site` (W3C Fetch Metadata), older ones, and all where neither TLS nor
        localhost is used, in `Origin`. No script can set either.
        """
        site = self.request.headers.get("sec-fetch-site")
        origin = self.request.headers.get("origin", "")
        ours = site == "same-origin" if site else self._is_ours(origin)
        if not ours:
            raise Forbidden(
                "A session in a cookie is only for pages that this platform serves; other clients use `refresh_token`."
            )

    def read(self) -> str:
        """Return the refresh token in the cookie. Raises `Unauthorized` if there is none."""
        kept = self.read_any()
        if not kept:
            raise Unauthorized("There is no session in a cookie: log in.")
        return kept

    def read_any(self) -> str:
        """Return the refresh token in the cookie, or an empty text. Raises `Forbidden` to pages of others."""
        self.check_own_page()
        return self.request.cookies.get(self._name, "")

    def keep(self, tokens: TokenPair) -> None:
        """Have the browser keep the refresh token instead of the one it has."""
        self._set(tokens.refresh_token, tokens.refresh_expires_in)

    def clear(self) -> None:
        """Have the browser forget it."""
        self._set("", 0)

    def _set(self, value: str, seconds: int) -> None:
        self.response.set_cookie(
            self._name,
            value,
            max_age=seconds,
            path=_PATH,
            secure=self.scheme == "https",
            httponly=True,
            samesite="strict",
        )

    @property
    def _name(self) -> str:
        """Browsers share cookies between the ports of a host, where several platforms may listen.

        They let no page without TLS set one whose name begins with `__Secure-` (RFC 6265bis, section 4.1.3).
        """
        _, port = _place(f"{self.scheme}://{self.host}") or ("", 0)
        name = (
            "kasal_session" if port == _DEFAULT_PORTS.get(self.scheme) else f"kasal_session_{port}"
        )
        return f"__Secure-{name}" if self.scheme == "https" else name

    def _is_ours(self, origin: str) -> bool:
        place = _place(origin)
        return (
            place is not None
            and origin.startswith(f"{self.scheme}://")
            and place == _place(f"{self.scheme}://{self.host}")
        )


def _place(origin: str) -> tuple[str, int] | None:
    """Return the host and the port of an origin, or None if it is none."""
    try:
        parts = urlsplit(origin.lower())
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (KeyError, ValueError):
        return None
    return (parts.hostname, port) if parts.hostname else None


async def _session_cookie(request: Request, response: Response, use: Use) -> SessionCookie:
    """How a client reached us is believed from the gateway alone, which shows the services' secret."""
    told = request.headers
    scheme, host = request.url.scheme, told.get("host", "")
    if use.issuer.is_service(told.get("x-kasal-service-secret", "")):
        scheme = told.get("x-forwarded-proto", scheme)
        host = told.get("x-forwarded-host", host)
    return SessionCookie(request, response, scheme, host)


Cookie = Annotated[SessionCookie, Depends(_session_cookie)]
"""Parameter type of the session's cookie."""
