"""The services behind the gateway, and the backends it shares with them."""

from dataclasses import dataclass, field

from gateway_testkit.auth import AuthService
from gateway_testkit.services import Service

from kasal_platform.embedded.backends import InProcessBackends


@dataclass
class Surroundings:
    """The services behind the gateway, and the backends it shares with them."""

    auth: AuthService
    crews: Service
    executor: Service
    events: Service
    backends: InProcessBackends = field(default_factory=InProcessBackends)

    def __iter__(self):
        return iter((self.auth, self.crews, self.executor, self.events))
