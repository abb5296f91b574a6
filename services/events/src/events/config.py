"""Settings of the events service."""

from pydantic import Field

from common.door.origins import AllowedOrigins
from common.door.settings import DoorSettings


class Settings(DoorSettings):
    """The limits of the relay. Sizes are in bytes, times in seconds."""

    port: int = Field(default=8004, ge=0, le=65_535)
    executor_url: str = "http://127.0.0.1:8003"
    """The address of the executor's API."""
    allowed_origins: str = ""
    """Other origins, separated by commas, whose pages may open sockets; `*` is any."""
    socket_limit: int = Field(default=5_000, ge=1)
    """Open sockets and streams per process."""
    workspace_socket_limit: int = Field(default=1_000, ge=1)
    """Open sockets and streams of one workspace per process."""
    subscription_limit: int = Field(default=100, ge=1)
    """Jobs that one socket may watch at the same time."""
    client_frame_bytes: int = Field(default=16_384, ge=256, le=65_536)
    """The longest message that a client may send, in bytes."""
    client_message_limit: int = Field(default=1_200, ge=10)
    """Messages per minute that a client may send before its socket is closed (4429)."""
    authenticate_seconds: float = Field(default=10.0, gt=0, le=60)
    """Seconds for which a socket may stay open without a token."""
    slow_client_seconds: float = Field(default=5.0, gt=0, le=300)
    """Seconds that a full send buffer may take to drain before the socket is closed (4008)."""
    heads_seconds: float = Field(default=2.0, gt=0, le=60)
    """Seconds between two requests for the heads of all watched jobs."""
    heartbeat_seconds: float = Field(default=15.0, gt=0, le=300)
    """Seconds of silence after which an SSE stream gets a comment."""
    relay_queue_length: int = Field(default=10_000, ge=1)
    """Messages that the private queue on the bus holds before it drops the oldest."""

    @property
    def origins(self) -> AllowedOrigins:
        """`allowed_origins`, parsed."""
        return AllowedOrigins(self.allowed_origins)
