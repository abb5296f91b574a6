"""Settings that both doors have."""

from pydantic import Field

from common.settings import BusSettings, PeerSettings, RedisSettings


class DoorSettings(BusSettings, RedisSettings, PeerSettings):
    """What a door needs to check tokens."""

    refused_token_limit: int = Field(default=300, ge=1)
    """Opaque tokens a minute of one address that may turn out not to hold; then auth is not asked
    for that address until the minute is over."""
