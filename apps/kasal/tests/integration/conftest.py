"""Fixtures of the integration tests of the program for operators."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient

from devkit.two_stores import Document, TwoStores
from kasal_platform.embedded.sqlite.client import SqliteClient


@pytest.fixture
def two_stores(mongo_url: str, tmp_path: Path) -> Iterator[Callable[[str], TwoStores]]:
    """A function that returns a collection of this name in the embedded store, and in a server's database."""
    options: CodecOptions[Document] = CodecOptions(tz_aware=True)
    name = f"test_{secrets.token_hex(6)}"
    with asyncio.Runner() as runner:
        ours = SqliteClient(tmp_path)
        theirs: AsyncMongoClient[Document] = AsyncMongoClient(mongo_url, tz_aware=True)
        server = theirs.get_database(name, codec_options=options)
        yield lambda kind: TwoStores(ours[name][kind], server[kind], runner.run)
        runner.run(theirs.drop_database(name))
        runner.run(theirs.close())
        runner.run(ours.close())


@pytest.fixture
def both(two_stores: Callable[[str], TwoStores]) -> TwoStores:
    """An empty collection in each store."""
    return two_stores("things")
