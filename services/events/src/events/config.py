"""Settings of the events service."""

from pydantic import Field

from common.door.origins import AllowedOrigins
from common.door.settings import DoorSettings


class Settings(DoorSettings):
    """What bounds the relay. Sizes are in bytes, times in seconds."""

    port: int = Field(default=8004, ge=0, le=65_535)
    executor_url: str = "http://127.0.0.1:8003"
    """The address of the executor's API."""
    allowed_origins: str = ""
    """Origins, separated by commas, whose pages may open sockets besides our own; `*` is any."""
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
    def origins(self) -> AllowedOrigins:
        """`allowed_origins`, parsed."""
        return AllowedOrigins(self.allowed_origins)
