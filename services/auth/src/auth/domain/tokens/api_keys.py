"""API keys: long-lived secrets, shown once and stored hashed."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from auth.domain.logins.sessions import digest
from common.identity import Role
from common.ids import new_id
from common.security.tokens import API_KEY_PREFIX

MOST_KEYS = 100
"""API keys that a workspace may have."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a workspace. `hint` is the end of the secret, to tell keys apart by."""

    id: str
    workspace_id: str
    user_id: str
    name: str
    role: Role
    secret_hash: str
    hint: str
    created_at: datetime


def new_api_key(
    workspace_id: str, user_id: str, name: str, role: Role, now: datetime
) -> tuple[ApiKey, str]:
    """Return a new key and its secret."""
    secret = API_KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        id=new_id("key"),
        workspace_id=workspace_id,
        user_id=user_id,
        name=name,
        role=role,
        secret_hash=digest(secret),
        hint=secret[-4:],
        created_at=now,
    )
    return key, secret
