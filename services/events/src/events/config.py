"""Settings of the events service."""

from pydantic import Field

from common.settings import BusSettings, PeerSettings, RedisSettings


class Settings(BusSettings, RedisSettings, PeerSettings):
    """What bounds the relay. Sizes are in bytes, times in seconds."""

    port: int = Field(default=8004, ge=0, le=65_535)
    executor_url: str = "http://127.0.0.1:8003"
    """The address of the executor's API."""
    allowed_origins: str = ""
    """Origins, separated by commas, whose pages may open sockets besides our own; `*` is any."""
    refused_token_limit: int = Field(default=300, ge=1)
    """Opaque tokens a minute of one address that may turn out not to hold; then auth is not asked
    for that address until the minute is over."""
    socket_limit: int = Field(default=5_000, ge=1)
    """Open sockets and streams of this process."""
    workspace_socket_limit: int = Field(default=1_000, ge=1)
    """Open sockets and streams of one workspace in this process."""
    subscription_limit: int = Field(default=100, ge=1)
    """Jobs that one socket may watch at a time."""
    client_frame_bytes: int = Field(default=16_384, ge=256, le=65_536)
    """The longest message a client may send."""
    client_message_limit: int = Field(default=1_200, ge=10)
    """Messages a minute that a client may send before it is closed (4429)."""
    authenticate_seconds: float = Field(default=10.0, gt=0, le=60)
    """How long a socket may stay open without a token."""
    slow_client_seconds: float = Field(default=5.0, gt=0, le=300)
    """How long a full send buffer may take to drain before the client is closed (4008)."""
    heads_seconds: float = Field(default=2.0, gt=0, le=60)
    """How often the heads of all watched jobs are asked for."""
    heartbeat_seconds: float = Field(default=15.0, gt=0, le=300)
    """How often a silent SSE stream carries a comment."""
    relay_queue_length: int = Field(default=10_000, ge=1)
    """Messages that the private queue on the bus holds before the oldest falls out."""

    @property
    def origins(self) -> frozenset[str]:
        """`allowed_origins` as a set, in lower case and without closing slashes."""
        listed = (origin.strip().rstrip("/").lower() for origin in self.allowed_origins.split(","))
        return frozenset(origin for origin in listed if origin)
