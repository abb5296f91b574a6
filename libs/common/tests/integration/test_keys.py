"""The public keys of auth, read over HTTP and kept."""

import json
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from jwt.algorithms import ECAlgorithm

from common.errors import Unauthorized, Unavailable
from common.security.keys import RemoteKeys
from common.security.tokens import TokenVerifier
from common.web.http import create_app
from devkit.identity import KEY_ID


def _plain_app(telemetry, routes):
    @asynccontextmanager
    async def lifespan(_: FastAPI):
        yield

    return create_app("plain", telemetry=telemetry, routers=[routes], lifespan=lifespan, checks={})


async def test_keys_are_read_from_the_set_and_forged_ids_cost_little(
    telemetry, served, signing_keys, make_token
):
    routes, reads = APIRouter(), []
    public = json.loads(ECAlgorithm.to_jwk(signing_keys.private.public_key()))

    @routes.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        reads.append(1)
        other = {"kty": "oct", "kid": "other", "alg": "HS256", "k": "AA"}
        return {"keys": [{**public, "kid": KEY_ID, "alg": "ES256"}, other]}

    async with served(_plain_app(telemetry, routes)) as auth:
        keys = RemoteKeys(auth.client)
        identity = await TokenVerifier(keys).verify(make_token())
        assert identity.user_id == "usr_test"
        for number in range(20):
            assert await keys.public_key(f"forged-{number}") is None
        assert await keys.public_key("other") is None
        assert len(reads) == 1


async def test_a_key_that_is_taken_out_of_the_set_is_trusted_no_longer(
    telemetry, served, signing_keys, make_token
):
    public = json.loads(ECAlgorithm.to_jwk(signing_keys.private.public_key()))
    told: list[dict[str, Any]] = [{**public, "kid": KEY_ID, "alg": "ES256"}]
    routes, token, away = APIRouter(), make_token(), False

    @routes.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        if away:
            raise Unavailable("away")
        return {"keys": told}

    now = 1_000.0
    async with served(_plain_app(telemetry, routes)) as auth:
        verifier = TokenVerifier(RemoteKeys(auth.client, lambda: now))
        await verifier.verify(token)
        told.clear()
        now += 59
        await verifier.verify(token)
        now, away = now + 2, True
        await verifier.verify(token)
        now, away = now + 6, False
        with pytest.raises(Unauthorized):
            await verifier.verify(token)
