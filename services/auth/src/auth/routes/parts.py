"""What the routes use; `wiring` puts it on the application."""

from dataclasses import dataclass

from fastapi import Request

from auth.domain.accounts import Accounts
from auth.domain.exchange import Exchange
from auth.domain.key_cabinet import KeyCabinet
from auth.domain.logins import Logins
from auth.domain.memberships import Memberships
from auth.domain.ports import Revocations
from auth.domain.signing import KeyRing
from common.idempotency.keys import IdempotencyKeys


@dataclass(frozen=True)
class Parts:
    accounts: Accounts
    logins: Logins
    memberships: Memberships
    exchange: Exchange
    cabinet: KeyCabinet
    revocations: Revocations
    key_ring: KeyRing
    keys: IdempotencyKeys


def parts(request: Request) -> Parts:
    """Return what the application was wired with."""
    held: Parts = request.app.state.parts
    return held
