"""What workspaces have set to reach models, in a database.

Covers: crews.store.own_models
"""

from typing import Any

import pytest

from common.errors import Conflict
from common.security.sealing import Sealer
from common.times import utc_now
from crews.domain.own_models import AccessSecrets, OwnModelAccess
from crews.store.migrations import indexes
from crews.store.own_models import MongoOwnModels

HOST = "https://93.184.216.34"


def _access(name: str, revision: int = 1) -> OwnModelAccess:
    return OwnModelAccess(
        workspace_id="ws_1",
        kind="endpoint",
        name=name,
        base_url=HOST,
        updated_at=utc_now(),
        revision=revision,
    )


async def test_the_store_seals_bounds_and_lets_one_writer_win(store_database: Any) -> None:
    database, secrets = store_database("crews"), AccessSecrets(api_key="sk-corp")
    await indexes(database)
    store = MongoOwnModels(database, Sealer("the first secret key", "m"), endpoint_limit=2)
    one = _access("corp")
    assert await store.put(None, one, secrets)
    assert not await store.put(None, one, secrets)
    stored = await database["model_access"].find_one({"_id": one.id})
    assert b"sk-corp" not in stored["sealed"]
    assert await store.put(None, _access("more"), secrets)
    with pytest.raises(Conflict, match="KASAL_ENDPOINT_LIMIT"):
        await store.put(None, _access("beyond"), secrets)
    assert await store.put(one, _access("corp", 2), secrets)
    assert not await store.put(one, _access("corp", 2), secrets)
    assert await store.secrets(one) == secrets
    newer = _access("corp", 2)
    assert await store.remove("ws_1", "endpoint", "corp")
    assert await store.put(None, newer, AccessSecrets(api_key="sk-new"))
    assert not await store.put(one, _access("corp", 2), secrets)
    first, second = await store.all_with_secrets("ws_1")
    assert {(held.name, opened.api_key) for held, opened in (first, second) if opened} == {
        ("corp", "sk-new"),
        ("more", "sk-corp"),
    }
    other = MongoOwnModels(database, Sealer("another secret key", "m"))
    assert [opened for _, opened in await other.all_with_secrets("ws_1")] == [None, None]
    assert await other.secrets(one) is None
