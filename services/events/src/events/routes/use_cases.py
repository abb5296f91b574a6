"""The use cases and settings that the routes get from the wiring."""

from dataclasses import dataclass

from common.door.doorkeeper import Authenticator
from events.config import Settings
from events.domain.connections import Connections
from events.domain.ports import RelayMeters
from events.domain.relay import Relay


@dataclass(frozen=True, slots=True)
class UseCases:
    settings: Settings
    relay: Relay
    authenticator: Authenticator
    connections: Connections
    meters: RelayMeters
