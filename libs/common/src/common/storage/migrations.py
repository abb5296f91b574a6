"""Migrates a service's database to the schema that its code expects.

The rules, and how to add a step, are in docs/reference/schema.md. The state of a database is in the only
document of its collection `schema`:

- `version`: how many of its steps have been carried out;
- `oldest`: the lowest version of code that can work with the result;
- `lock`: which process migrates now, and a counter that proves it alive.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pymongo
from pymongo.errors import DuplicateKeyError, PyMongoError

from common.backends import Backends
from common.errors import Unavailable
from common.ids import new_id
from common.logs import configure_logging, get_logger
from common.process.starting import CannotStart
from common.settings import MongoSettings, load
from common.storage.mongo import is_away
from common.storage.ports import Database, Document
from common.web import server

log = get_logger(__name__)

_KEY = {"_id": "schema"}
_BEAT = 1.0
_SILENCE = 10.0
"""Seconds without a change of a lock's counter before another migration takes it over."""
_POLL = 0.1

Change = Callable[[Database], Awaitable[None]]
"""Moves data or creates indexes. If it is interrupted, it is repeated from its start."""
Tell = Callable[[str], None]
"""Takes one line about the progress."""


async def _nothing(_: Database) -> None:
    pass


@dataclass(frozen=True, slots=True)
class MigrationStep:
    """One version of a schema, in the order of the versions.

    `change` moves the data; a step that only adds an index has none. After a step that `contracts`, code
    of lower versions cannot work with the database.
    """

    title: str
    change: Change = _nothing
    contracts: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """What a service's code expects of its database: all `steps` done and all `indexes` present."""

    service: str
    indexes: Change
    steps: Sequence[MigrationStep]

    @property
    def version(self) -> int:
        return len(self.steps)


class SchemaMismatch(CannotStart):
    """The code and its database do not fit; the text says what to run."""


class LockLost(Exception):  # noqa: N818 - it says what happened
    """Another migration took over because this one gave no sign of life."""


async def prepare(database: Database, schema: Schema, *, migrating: bool) -> None:
    """Migrate the database of a starting process if `migrating`, else only check its schema.

    Raises `SchemaMismatch`.
    """
    if migrating:
        await migrate(database, schema, lambda line: log.info("migration", line=line))
    else:
        await check(database, schema)


def run(schema: Schema, within: float = 60.0) -> None:
    """The verb `migrate`: migrate the database of the settings, print the progress, and exit.

    Waits up to `within` seconds for the database. A failure is one line on stderr and exit code 1.
    """
    settings = load(MongoSettings)
    configure_logging(settings.log_level, settings.log_format, schema.service)
    try:
        server.run(lambda: _run(settings, schema, within))
    except (SchemaMismatch, LockLost, Unavailable) as fault:
        sys.exit(str(fault))
    except PyMongoError as fault:
        sys.exit(f"The migration of {schema.service} failed and can be repeated: {fault}")


def nothing_to_migrate(service: str) -> None:
    """The verb `migrate` of a service without data, so that every service has it."""
    _print(f"{service} keeps no data: nothing to migrate")


async def _run(settings: MongoSettings, schema: Schema, within: float) -> None:
    opened = Backends().database(settings, schema.service)
    try:
        await _answers(opened.database, within)
        await migrate(opened.database, schema, _print)
    finally:
        await opened.close()


async def _answers(database: Database, within: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    has_told = False
    while True:
        try:
            with pymongo.timeout(max(0.1, min(5.0, until - loop.time()))):
                await database.command("ping")
            return
        except PyMongoError as fault:
            if not is_away(fault):
                raise
            if not has_told:
                _print(f"{database.name}: waiting for its database to answer")
                has_told = True
            if loop.time() >= until:
                raise Unavailable(
                    f"The database of {database.name} has not answered for {within:g} s: {fault}"
                ) from fault
        await asyncio.sleep(min(0.5, within / 10))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def check(database: Database, schema: Schema) -> None:
    """Raise `SchemaMismatch` unless code with `schema` can work with `database` as it is."""
    version = await _version(database, schema)
    if version < schema.version:
        raise SchemaMismatch(
            f"The database {database.name} is at schema version {version} and this {schema.service}"
            f" needs {schema.version}: run `python -m {schema.service} migrate`."
        )


async def migrate(
    database: Database, schema: Schema, tell: Tell, *, silence: float = _SILENCE
) -> None:
    """Carry out the steps and create the indexes that `database` lacks.

    It can be repeated, interrupted, and run twice at once: the second waits for the first, and takes
    over if that gives no sign of life for `silence` seconds. Raises `SchemaMismatch` if this code is too
    old for the database; a newer one that fits is left as it is.
    """
    if await _version(database, schema) > schema.version:
        tell(f"{database.name} is of a newer schema that fits: nothing to do")
        return
    async with _hold_lock(database, tell, silence) as holder:
        with pymongo.timeout(None):  # an index of a large collection takes long
            await _bring_up(database, schema, holder, tell)


async def _bring_up(database: Database, schema: Schema, holder: str, tell: Tell) -> None:
    before = await _version(database, schema)
    for number, step in enumerate(schema.steps[before:], start=before + 1):
        tell(f"{database.name} step {number}: {step.title}")
        if step.contracts:  # before the change: no older code may start during it
            await _note(database, holder, oldest=number)
        await step.change(database)
        if number < schema.version:
            await _note(database, holder, version=number)
    made = await _indexes(database)
    await schema.indexes(database)
    for name in sorted(await _indexes(database) - made):
        tell(f"{database.name} index {name} made")
    if before < schema.version:
        await _note(database, holder, version=schema.version)
    tell(f"{database.name} is at schema version {schema.version} (it was at {before})")


async def _note(database: Database, holder: str, **fields: int) -> None:
    noted = await database["schema"].update_one({**_KEY, "lock.by": holder}, {"$set": fields})
    if not noted.matched_count:
        raise LockLost(f"Another migration of {database.name} has taken over.")


async def _version(database: Database, schema: Schema) -> int:
    return version_in(await database["schema"].find_one(_KEY) or {}, schema, database.name)


def version_in(noted: Mapping[str, Any], schema: Schema, name: str) -> int:
    """Return the version of the database `name`, whose document is `noted`.

    Raises `SchemaMismatch` if code with `schema` is too old for it.
    """
    version, oldest = int(noted.get("version", 0)), int(noted.get("oldest", 0))
    if oldest > schema.version:
        raise SchemaMismatch(
            f"The database {name} is at schema version {version}, which needs a"
            f" {schema.service} of {oldest} or higher; this one is {schema.version}."
        )
    return version


async def _indexes(database: Database) -> frozenset[str]:
    found: set[str] = set()
    for name in await database.list_collection_names():
        found |= {f"{name}.{index}" for index in await database[name].index_information()}
    return frozenset(index for index in found if not index.endswith("._id_"))


@contextlib.asynccontextmanager
async def _hold_lock(database: Database, tell: Tell, silence: float) -> AsyncIterator[str]:
    """Hold the lock and renew it; if it is lost anyway, cancel the block."""
    holder = new_id("migration")
    await _take(database, holder, tell, silence)
    block = asyncio.current_task()
    lost = False

    async def keep() -> None:
        nonlocal lost
        while True:
            if not await _beat(database, holder):
                break
            await asyncio.sleep(min(_BEAT, silence / 4))
        lost = True
        if block is not None:
            block.cancel()

    keeping = asyncio.create_task(keep())
    try:
        yield holder
    except asyncio.CancelledError:
        if lost:
            raise LockLost(f"Another migration of {database.name} has taken over.") from None
        raise
    finally:
        keeping.cancel()
        with contextlib.suppress(PyMongoError):
            query = {**_KEY, "lock.by": holder}
            await database["schema"].update_one(query, {"$unset": {"lock": ""}})


async def _beat(database: Database, holder: str) -> bool:
    query = {**_KEY, "lock.by": holder}
    try:
        done = await database["schema"].update_one(query, {"$inc": {"lock.beat": 1}})
    except PyMongoError as fault:
        log.warning("a migration could not renew its lock", reason=str(fault))
        return True
    return done.matched_count == 1


async def _take(database: Database, holder: str, tell: Tell, silence: float) -> None:
    loop = asyncio.get_running_loop()
    seen: Any = None
    since = loop.time()
    while True:
        # Take over only a lock that has not changed for a while, so that no clocks are compared.
        silent = seen is not None and loop.time() - since > silence
        await _try(database, holder, seen if silent else None)
        lock = (await database["schema"].find_one(_KEY) or {}).get("lock")
        if lock is not None and lock["by"] == holder:
            return
        if lock != seen:
            if seen is None:
                tell(f"{database.name} is being migrated by another process: waiting for its end")
            seen, since = lock, loop.time()
        await asyncio.sleep(min(_POLL, silence / 4))


async def _try(database: Database, holder: str, silent: Document | None) -> None:
    """Take the lock if it is free, or unchanged since it was seen as `silent`."""
    fields: Document = {"lock": {"by": holder, "beat": 0}}
    query: Document = {**_KEY, "lock": None}
    if silent is not None:
        query = {**_KEY, "lock.by": silent["by"], "lock.beat": silent["beat"]}
    change: Document = {"$set": fields}
    if silent is None:
        change["$setOnInsert"] = {"version": 0, "oldest": 0}
    with contextlib.suppress(DuplicateKeyError):  # the document exists and has a lock
        await database["schema"].update_one(query, change, upsert=silent is None)
