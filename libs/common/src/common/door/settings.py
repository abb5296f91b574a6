"""Settings that both doors, the gateway and events, have."""

from pydantic import Field

from common.settings import BusSettings, PeerSettings, RedisSettings


class DoorSettings(BusSettings, RedisSettings, PeerSettings):
    """What a door needs to check tokens."""

    refused_token_limit: int = Field(default=300, ge=1)
    """Invalid opaque tokens per minute and address. Beyond that, auth is not asked about this address until
    the minute is over."""
