"""The schemas of all services that keep data: what operators migrate, back up and restore as one."""

from collections.abc import Mapping

import auth.store.migrations
import crews.store.migrations
import executor.store.migrations
from common import migrations, mongo
from common.migrations import Schema, Tell
from common.settings import MongoSettings

SCHEMAS: Mapping[str, Schema] = {
    "auth": auth.store.migrations.SCHEMA,
    "crews": crews.store.migrations.SCHEMA,
    "executor": executor.store.migrations.SCHEMA,
}


async def migrate_all(settings: MongoSettings, tell: Tell) -> None:
    """Bring every database to the schema of this code. Raises `SchemaMismatch`."""
    async with mongo.connect(settings) as client:
        for service, schema in SCHEMAS.items():
            await migrations.migrate(mongo.database(client, settings, service), schema, tell)


async def check_all(settings: MongoSettings) -> None:
    """Raise `SchemaMismatch` for the first database that this code cannot work with as it is."""
    async with mongo.connect(settings) as client:
        for service, schema in SCHEMAS.items():
            await migrations.check(mongo.database(client, settings, service), schema)
