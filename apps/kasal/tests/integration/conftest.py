"""Fixtures of the integration tests of the program for operators."""

import asyncio
import contextlib
import io
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient

from devkit.two_stores import Document, TwoStores
from kasal_platform.__main__ import main
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


@pytest.fixture
def command(monkeypatch):
    """A function that runs a command and returns its code, its lines and its last words."""

    def run(arguments):
        said, faults, code = io.StringIO(), "", 0
        with contextlib.redirect_stdout(said), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["kasal-platform", *map(str, arguments)])
            try:
                main()
            except SystemExit as end:
                code, faults = (end.code, "") if isinstance(end.code, int) else (1, f"{end.code}\n")
        return code, said.getvalue(), faults

    async def call(*arguments, data_dir, **settings):
        for name in [name for name in os.environ if name.startswith("KASAL_")]:
            monkeypatch.delenv(name)
        for name, value in {"KASAL_DATA_DIR": str(data_dir), **settings}.items():
            monkeypatch.setenv(name, value)
        return await asyncio.to_thread(run, arguments)

    return call
