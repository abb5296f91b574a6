import base64
import json
import time

import jwt
import pytest

from common.errors import Unauthorized
from common.identity import Role
from common.security.tokens import TokenVerifier, bearer, digest, is_opaque
from devkit.identity import KEY_ID, LocalKeys, TokenMaker


async def test_a_token_says_who_it_was_made_for(make_token, verifier):
    identity = await verifier.verify(
        make_token(role="editor", workspace_id="ws_a", user_id="usr_b")
    )
    assert (identity.user_id, identity.workspace_id, identity.role) == (
        "usr_b",
        "ws_a",
        Role.EDITOR,
    )
    assert identity.kind == "access"


def test_tokens_begin_as_the_api_document_shows_them(make_token):
    assert make_token().startswith("eyJ0eXAi")


@pytest.fixture
def checks(monkeypatch):
    """Every signature check that is made from now on."""
    made, decode = [], jwt.decode

    def counted(token, *args, **kwargs):
        made.append(token)
        return decode(token, *args, **kwargs)

    monkeypatch.setattr("common.security.tokens.jwt.decode", counted)
    return made


async def test_a_known_token_is_not_checked_again(checks):
    keys = LocalKeys()
    verifier, token = TokenVerifier(keys), TokenMaker(keys)()
    await verifier.verify(token)
    await verifier.verify(token)
    assert checks == [token]


async def test_a_known_token_of_a_key_that_is_replaced_is_refused(make_token):
    keys = LocalKeys()
    verifier, token = TokenVerifier(keys), TokenMaker(keys)()
    await verifier.verify(token)
    keys.private = LocalKeys().private
    with pytest.raises(Unauthorized):
        await verifier.verify(token)


async def test_only_so_many_tokens_are_remembered(checks):
    keys = LocalKeys()
    verifier, make = TokenVerifier(keys, remembered=2), TokenMaker(keys)
    tokens = [make(user_id=f"usr_{number}") for number in range(3)]
    for token in (*tokens, tokens[0]):
        await verifier.verify(token)
    assert len(checks) == 4


async def test_a_remembered_token_expires_too(make_token, verifier, monkeypatch):
    token = make_token(expires_in=60)
    await verifier.verify(token)
    later = time.time() + 120
    monkeypatch.setattr("common.security.tokens.time.time", lambda: later)
    monkeypatch.setattr(
        "jwt.api_jwt.datetime",
        type("Later", (), {"now": staticmethod(lambda tz: _at(later, tz))}),
    )
    with pytest.raises(Unauthorized, match="expired"):
        await verifier.verify(token)


def _at(moment, tz):
    from datetime import datetime

    return datetime.fromtimestamp(moment, tz)


async def test_an_expired_token_says_so(make_token, verifier):
    with pytest.raises(Unauthorized, match="expired"):
        await verifier.verify(make_token(expires_in=-10))


def _claims(**changed):
    now = int(time.time())
    claims = dict(iss="kasal", aud="kasal", sub="u", ws="w", role="owner", sid="s")  # noqa: C408
    claims |= {"iat": now, "exp": now + 60, "typ": "access"}
    return {name: value for name, value in {**claims, **changed}.items() if value is not None}


@pytest.mark.parametrize(
    "changed",
    [
        *({"iss": "other"}, {"aud": "other"}, {"typ": "refresh"}, {"typ": ["access"]}),
        *({"ws": None}, {"exp": None}, {"sid": None}, {"sub": None}),
        *({"iat": "yesterday"}, {"exp": "never"}),
    ],
)
async def test_a_token_with_a_wrong_claim_does_not_hold(signing_keys, verifier, changed):
    token = jwt.encode(
        _claims(**changed), signing_keys.private, algorithm="ES256", headers={"kid": KEY_ID}
    )
    with pytest.raises(Unauthorized):
        await verifier.verify(token)


async def test_an_unknown_role_may_only_read(signing_keys, verifier):
    token = jwt.encode(
        _claims(role="root"), signing_keys.private, algorithm="ES256", headers={"kid": KEY_ID}
    )
    assert (await verifier.verify(token)).role is Role.VIEWER


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "none", "kid": 5}])
async def test_no_other_algorithm_is_accepted(verifier, header):
    parts = [{"kid": KEY_ID, **header}, _claims()]
    text = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts]
    with pytest.raises(Unauthorized):
        await verifier.verify(".".join([*text, ""]))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "." * 5000, "\0"])
async def test_what_is_no_token_does_not_hold(verifier, token):
    with pytest.raises(Unauthorized):
        await verifier.verify(token)


async def test_another_key_under_the_same_id_does_not_hold(verifier):
    with pytest.raises(Unauthorized):
        await verifier.verify(TokenMaker(LocalKeys())())


@pytest.mark.parametrize(
    ("token", "opaque"),
    [("a.b.c", False), ("kasal_a.b.c", True), ("SANDBOX_TOKEN", True), ("a.b", True)],
)
def test_which_tokens_are_exchanged(token, opaque):
    assert is_opaque(token) is opaque


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "bearer  ", "Token x", "Bearer ä", "x" * 9000, f"Bearer {'x' * 1001}"],
)
def test_headers_that_hold_no_token(header):
    with pytest.raises(Unauthorized):
        bearer(header)


async def test_what_a_verifier_remembers_holds_no_token(signing_keys, make_token):
    verifier, token = TokenVerifier(signing_keys), make_token()
    await verifier.verify(token)
    assert list(verifier._known) == [digest(token)]
    assert len(digest(token)) == 32
