"""What the routes use; `wiring` puts it on the application."""

from dataclasses import dataclass

from fastapi import Request

from auth.domain.accounts import Accounts
from auth.domain.exchange import Exchange
from auth.domain.logins import Logins
from auth.domain.memberships import Memberships
from auth.domain.ports import ApiKeys, Revocations
from auth.domain.revoking import Revoker
from auth.domain.signing import KeyRing


@dataclass(frozen=True)
class Parts:
    accounts: Accounts
    logins: Logins
    memberships: Memberships
    exchange: Exchange
    api_keys: ApiKeys
    revocations: Revocations
    revoker: Revoker
    keys: KeyRing


def parts(request: Request) -> Parts:
    """Return what the application was wired with."""
    held: Parts = request.app.state.parts
    return held
