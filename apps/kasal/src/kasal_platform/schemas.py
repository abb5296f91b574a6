"""The schemas of all services with data, which operators migrate, back up and restore together."""

import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from common.settings import MongoSettings
from common.storage import migrations
from common.storage.migrations import Schema, Tell
from common.storage.ports import Database
from kasal_platform.embedded.backends import InProcessBackends
from kasal_platform.services import keeping_services

SCHEMAS: Mapping[str, Schema] = {
    name: importlib.import_module(f"{name}.store.migrations").SCHEMA for name in keeping_services()
}


async def migrate_all(settings: MongoSettings, tell: Tell) -> None:
    """Migrate every database to the schema of this code. Raises `SchemaMismatch`."""
    for service, schema in SCHEMAS.items():
        async with open_database(settings, service) as database:
            await migrations.migrate(database, schema, tell)


async def check_all(settings: MongoSettings) -> None:
    """Raise `SchemaMismatch` for the first database that this code cannot work with as it is."""
    for service, schema in SCHEMAS.items():
        async with open_database(settings, service) as database:
            await migrations.check(database, schema)


@asynccontextmanager
async def open_database(settings: MongoSettings, service: str) -> AsyncIterator[Database]:
    """Have the database of a service for the block."""
    opened = InProcessBackends().database(settings, service)
    try:
        yield opened.database
    finally:
        await opened.close()
