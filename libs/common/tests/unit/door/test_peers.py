"""What a door makes of auth's answers to an exchange."""

import pytest

from common.client import ServiceTokens
from common.door.peers import AuthPeer
from common.errors import (
    Forbidden,
    InternalError,
    KasalError,
    Unauthorized,
    Unavailable,
    UpstreamTimeout,
)


class RefusingAuth:
    """A client of auth that raises `fault` for every request."""

    def __init__(self, fault: KasalError) -> None:
        self._fault = fault

    async def request(self, *_: object, **__: object) -> None:
        raise self._fault


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (Unauthorized("The token is not valid."), Unauthorized),
        (Unavailable("away"), Unavailable),
        (UpstreamTimeout("slow"), UpstreamTimeout),
        (Forbidden("The service secret is wrong."), Unavailable),
        (InternalError("a bug"), Unavailable),
    ],
)
async def test_only_a_401_is_about_the_callers_token(answered, expected):
    auth = RefusingAuth(answered)
    peer = AuthPeer(auth, ServiceTokens(auth, "gateway", "secret"), "secret")
    with pytest.raises(expected) as raised:
        await peer.exchange("kasal_k")
    assert "secret" not in raised.value.message
    assert answered in {raised.value, raised.value.__cause__}
