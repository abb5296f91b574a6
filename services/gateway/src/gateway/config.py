"""Settings of the gateway."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import Field, field_validator

from common.door.origins import AllowedOrigins
from common.door.settings import DoorSettings

Network = IPv4Network | IPv6Network


class Settings(DoorSettings):
    """Where the services are and what the gateway lets through. Sizes are in bytes, times in seconds."""

    port: int = Field(default=8000, ge=0, le=65_535)
    crews_url: str = "http://127.0.0.1:8002"
    """The address of crews."""
    executor_url: str = "http://127.0.0.1:8003"
    """The address of the executor's API."""
    events_url: str = "http://127.0.0.1:8004"
    """The address of events."""
    maintenance: bool = False
    """Answer everything but health checks with 503."""
    maintenance_retry_after: float = Field(default=60.0, ge=1)
    """The `Retry-After` of these answers, in seconds."""
    upstream_timeout: float = Field(default=30.0, gt=0, le=600)
    """Seconds that a service may take to begin its answer, and between two parts of it."""
    upstream_connections: int = Field(default=200, ge=1)
    """Connections to each service, and so the requests that it gets at a time."""
    max_body: int = Field(default=1_048_576, ge=0)
    """The longest body that a client may send, in bytes."""
    max_file_mb: int = Field(default=1_000, ge=1, le=1_000_000)
    """The largest file that can be uploaded or kept, in millions of bytes."""
    open_route_limit: int = Field(default=60, ge=1)
    """Requests per minute that one address may send to login, refresh, register and the JWKS."""
    handshake_limit: int = Field(default=3_000, ge=1)
    """WebSockets per minute that one address may open."""
    trusted_proxies: str = ""
    """Addresses or networks, separated by commas, whose `X-Forwarded-For`, `-Host` and `-Proto` are trusted."""
    allowed_hosts: str = ""
    """Host names under which clients may reach the API, separated by commas, with any port: names, addresses,
    `*.example.com`, `0.0.0.0` for any address. None allows all. A reverse proxy may check this instead."""
    console_dir: Path | None = None
    """The folder of the built console, which is served at `/console`; without it there is none. `make run` and `make
    stack` take `console/dist` if it has been built."""
    cors_origins: str = ""
    """Origins, separated by commas, whose pages may call the API; `*` is any."""

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        _networks(value)
        return value

    @property
    def proxies(self) -> tuple[Network, ...]:
        """`trusted_proxies` as networks."""
        return _networks(self.trusted_proxies)

    @property
    def origins(self) -> AllowedOrigins:
        """`cors_origins`, parsed."""
        return AllowedOrigins(self.cors_origins)

    @property
    def service_urls(self) -> dict[str, str]:
        """The address of each service, by name."""
        return {
            "auth": self.auth_url,
            "crews": self.crews_url,
            "executor": self.executor_url,
            "events": self.events_url,
        }


def _networks(listed: str) -> tuple[Network, ...]:
    return tuple(ip_network(n.strip(), strict=False) for n in listed.split(",") if n.strip())
