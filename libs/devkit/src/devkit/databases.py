"""Fixtures for the databases of services: tests that ask for one run on each kind of them, those of HTTP routes once.

`@ON_MONGO` is for a test of what only a server that speaks MongoDB's protocol has, `@NOT_IN_MEMORY` for one of
documents, in a suite that also runs over stores in memory.
"""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from common.backends import Backends
from common.settings import MongoSettings
from common.storage.ports import Database
from devkit.required import require
from kasal_platform.local import finding

STORES = ("mongo", "sqlite")
"""The kinds of databases: a server that speaks MongoDB's protocol, and the files of the embedded form."""
_MEMORY = "memory"
_PATIENCE = 60_000
"""Milliseconds: no database is taken for away because the machine is slow."""
_WHOLE_SERVICES = {"client", "executor_app", "service"}
"""Fixtures of a service behind its HTTP routes. What it needs of a database is what the suites of its stores try."""
_OF_MONGO = {"commands", "mongo_server"}
"""Fixtures of a server or of what is sent to it: who asks for one runs on that server alone."""
ON_MONGO = pytest.mark.parametrize("store_kind", ["mongo"], indirect=True)
NOT_IN_MEMORY = pytest.mark.parametrize("store_kind", STORES, indirect=True)


@pytest.fixture(scope="session")
def mongo_server(backends_folder: Path) -> Iterator[finding.FoundBackend]:
    """MongoDB: what `KASAL_TEST_MONGO_URL` names, or a SecantusDB of this run."""
    with require(finding.mongo(backends_folder / "mongo")) as found:
        if found.program is not None:
            _stand_ins.append(found.url)
        yield found
        _stand_ins.clear()


_stand_ins: list[str] = []
"""The URL of this process's SecantusDB, if it has one."""


def stand_in_hangs() -> bool:
    """Say whether this process's SecantusDB takes no writes any more."""
    return not all(map(_takes_writes, _stand_ins))


@pytest.fixture
def mongo_url(mongo_server: finding.FoundBackend) -> str:
    """The URL of a MongoDB that takes writes.

    SecantusDB hangs for good once in several thousand index creations. The test in which it does so
    is run again (`devkit.hung_database`), with a new server.
    """
    program = mongo_server.program
    if program is not None and not _takes_writes(mongo_server.url):
        program.kill()
        program.start()
        program.wait()
    return mongo_server.url


def _takes_writes(url: str) -> bool:
    try:
        with MongoClient[dict[str, Any]](url, timeoutMS=3_000) as client:
            client["health"]["looks"].create_index("at")
            client["health"]["looks"].replace_one({"_id": 0}, {"at": 0}, upsert=True)
    except PyMongoError:
        return False
    return True


@pytest.fixture
def mongo_prefix(mongo_url: str) -> Iterator[str]:
    """The prefix of this test's database names; the databases are dropped after it."""
    prefix = f"test_{secrets.token_hex(6)}_"
    yield prefix
    if "KASAL_TEST_MONGO_URL" in os.environ:  # the folder of our own server is removed as a whole
        with MongoClient[dict[str, Any]](mongo_url) as client:
            for name in client.list_database_names():
                if name.startswith(prefix):
                    client.drop_database(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each kind of database, and one that asks for `in_memory` over stores in memory too.

    Suites of a service's routes run on the quicker kind alone.
    """
    if "store_kind" not in metafunc.fixturenames or _is_marked(metafunc.definition):
        return
    used = set(metafunc.fixturenames)
    kinds = _kinds(used)
    if "in_memory" in used:
        kinds = (_MEMORY, *kinds)
    metafunc.parametrize("store_kind", kinds, indirect=True)


def _kinds(used: set[str]) -> tuple[str, ...]:
    if used & _OF_MONGO:
        return ("mongo",)
    return ("sqlite",) if used & _WHOLE_SERVICES else STORES


def _is_marked(test: pytest.Function) -> bool:
    return any("store_kind" in mark.args[0] for mark in test.iter_markers("parametrize"))


@pytest.fixture
def store_kind(request: pytest.FixtureRequest) -> str:
    """Which kind of database the test runs on."""
    return str(request.param)


@pytest.fixture
def in_memory(store_kind: str) -> bool:
    """Whether the suite runs over stores in memory, and not over a database."""
    return store_kind == _MEMORY


@pytest.fixture
def store_settings(
    store_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> MongoSettings:
    """Settings with databases of this test's own."""
    if store_kind != "mongo":
        return MongoSettings(mongo_url=f"sqlite://{tmp_path}/databases", mongo_timeout_ms=_PATIENCE)
    return MongoSettings(
        mongo_url=request.getfixturevalue("mongo_url"),
        mongo_database_prefix=request.getfixturevalue("mongo_prefix"),
        mongo_timeout_ms=_PATIENCE,
    )


@pytest.fixture
async def store_database(
    store_settings: MongoSettings, backends: Backends
) -> AsyncIterator[Callable[[str], Database]]:
    """A function that returns this test's own database of a service, which that may use beside the test."""
    async with AsyncExitStack() as stack:

        @cache
        def database(service: str) -> Database:
            opened = backends.database(store_settings, service)
            stack.push_async_callback(opened.close)
            return opened.database

        yield database
