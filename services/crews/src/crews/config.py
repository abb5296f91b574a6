"""Settings of the crews service."""

from pydantic import Field

from common.settings import BusSettings, MongoSettings, PeerSettings


class Settings(MongoSettings, BusSettings, PeerSettings):
    """What crews reads from the environment."""

    port: int = Field(default=8002, ge=0, le=65_535)
    secret_key: str = Field(min_length=16)
    """Encrypts the credentials of custom tools at rest."""
