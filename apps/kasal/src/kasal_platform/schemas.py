"""The schemas of all services with data, which operators migrate, back up and restore together."""

import importlib
from collections.abc import Mapping

from common.settings import MongoSettings
from common.storage import migrations, mongo
from common.storage.migrations import Schema, Tell
from kasal_platform.services import keeping_services

SCHEMAS: Mapping[str, Schema] = {
    name: importlib.import_module(f"{name}.store.migrations").SCHEMA for name in keeping_services()
}


async def migrate_all(settings: MongoSettings, tell: Tell) -> None:
    """Migrate every database to the schema of this code. Raises `SchemaMismatch`."""
    async with mongo.connect(settings) as client:
        for service, schema in SCHEMAS.items():
            await migrations.migrate(mongo.database(client, settings, service), schema, tell)


async def check_all(settings: MongoSettings) -> None:
    """Raise `SchemaMismatch` for the first database that this code cannot work with as it is."""
    async with mongo.connect(settings) as client:
        for service, schema in SCHEMAS.items():
            await migrations.check(mongo.database(client, settings, service), schema)
