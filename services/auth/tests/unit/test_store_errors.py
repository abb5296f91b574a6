"""No store lets an error of its driver out, whichever of its methods is called."""

from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError
from redis.exceptions import ConnectionError as NoRedis

from auth.domain.accounts.users import User
from auth.domain.logins.revocations import session_revocation
from auth.domain.logins.sessions import open_session
from auth.domain.tokens import api_keys, signing
from auth.domain.workspaces.workspaces import Workspace
from auth.store.api_keys import MongoApiKeys
from auth.store.failures import CountedFailures
from auth.store.revocations import MongoRevocations, RedisRevocations
from auth.store.sessions import MongoSessions
from auth.store.signing import MongoSigningKeys
from auth.store.users import MongoUsers, MongoWorkspaces
from common.errors import InternalError, Unavailable
from common.identity import Role
from common.security.rotation import RotatingSecret
from common.security.sealing import Sealer
from common.times import utc_now
from devkit.failing_driver import FailingDriver, call_with, public_methods

NOW = utc_now()
SEALER = Sealer(RotatingSecret.of("a secret of the tests"), "signing-keys")
EXAMPLES: dict[str, Any] = {
    "user": User("usr_1", "a@example.com", "A", "hash", NOW),
    "workspace": Workspace("ws_1", "A's", "free", None, (), NOW),
    "session": open_session("usr_1", "ws_1", NOW, timedelta(days=1))[0],
    "key": api_keys.new_api_key("ws_1", "usr_1", "k", Role.VIEWER, NOW)[0],
    "revocations": [session_revocation("ses_1", NOW)],
    "receipt": None,
    "now": NOW,
    "until": NOW,
    "most": 1,
    "keep": None,
    "email": "a@example.com",
    "place": "place",
    "known": "hash",
    **dict.fromkeys(("user_id", "workspace_id", "session_id", "key_id"), "id"),
    **dict.fromkeys(("password_hash", "secret_hash"), "hash"),
}
MONGO = (MongoUsers, MongoWorkspaces, MongoSessions, MongoApiKeys, MongoRevocations)


def stores(fault: Exception) -> list[Any]:
    driver: Any = FailingDriver(fault)
    return [*(store(driver) for store in MONGO), MongoSigningKeys(driver, SEALER)]


CALLS = [
    pytest.param(place, name, id=f"{type(store).__name__}.{name}")
    for place, store in enumerate(stores(Exception()))
    for name in public_methods(type(store))
]


async def outcome(store: Any, name: str) -> None:
    examples = {**EXAMPLES, "key": "a key"} if name == "receipt" else EXAMPLES
    if isinstance(store, MongoSigningKeys):
        examples = {**EXAMPLES, "key": signing.new_signing_key(1, NOW)}
    await call_with(getattr(store, name), examples)


@pytest.mark.parametrize(("place", "name"), CALLS)
async def test_a_database_that_is_away_is_told_in_our_words(place: int, name: str) -> None:
    with pytest.raises(Unavailable):
        await outcome(stores(ServerSelectionTimeoutError("nobody there"))[place], name)


@pytest.mark.parametrize(("place", "name"), CALLS)
async def test_a_refused_command_is_an_error_of_ours(place: int, name: str) -> None:
    with pytest.raises(InternalError):
        await outcome(stores(OperationFailure("no such operator", 2))[place], name)


@pytest.mark.parametrize("name", public_methods(RedisRevocations))
@pytest.mark.parametrize("fault", [NoRedis("away"), TimeoutError(), ConnectionResetError()])
async def test_a_redis_that_is_away_is_told_in_our_words(name: str, fault: Exception) -> None:
    driver: Any = FailingDriver(fault)
    with pytest.raises(Unavailable):
        await outcome(RedisRevocations(driver), name)


@pytest.mark.parametrize("fault", [NoRedis("away"), TimeoutError(), ConnectionResetError()])
async def test_failures_are_counted_here_while_redis_is_away(fault: Exception) -> None:
    driver: Any = FailingDriver(fault)
    failures = CountedFailures(driver, timedelta(minutes=1))
    await failures.add(["a", "b"])
    await failures.add(["a"])
    assert [count for count, _ in await failures.counts(["a", "b", "c"])] == [2, 1, 0]
    await failures.clear("a")
    assert [count for count, _ in await failures.counts(["a"])] == [0]
