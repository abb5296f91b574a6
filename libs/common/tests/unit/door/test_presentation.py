"""Where a request carries its token."""

import pytest

from common.door.presentation import HEADERS, presented_token, required_token
from common.errors import Unauthorized


def request(*authorization: str):
    def values_of(name: bytes) -> tuple[str, ...]:
        assert name in HEADERS
        return authorization

    return values_of


@pytest.mark.parametrize(
    ("authorization", "subprotocols", "token"),
    [
        (["Bearer kasal_k"], [], "kasal_k"),
        (["bearer  a.b.c "], ["kasal.v1", "bearer.other"], "a.b.c"),
        ([], ["kasal.v1", "bearer.a.b.c"], "a.b.c"),
        ([], ["bearer."], ""),
        ([], ["kasal.v1"], None),
        ([], [], None),
    ],
)
def test_a_token_is_found(authorization, subprotocols, token):
    assert presented_token(request(*authorization), subprotocols) == token


@pytest.mark.parametrize(
    "authorization", [["Bearer a.b.c", "Bearer a.b.c"], ["Basic eDp5"], ["Bearer"], [""]]
)
def test_a_header_of_no_use_is_refused_even_beside_a_subprotocol(authorization):
    with pytest.raises(Unauthorized):
        presented_token(request(*authorization), ["bearer.a.b.c"])


def test_a_request_without_a_token_is_told_what_it_needs():
    assert required_token(request("Bearer kasal_k")) == "kasal_k"
    with pytest.raises(Unauthorized, match="Authorization header"):
        required_token(request())
