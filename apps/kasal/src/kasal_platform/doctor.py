"""Checks of what the platform needs to run: each is one function that returns its findings."""

import asyncio
import importlib
import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from common.backends import takes_writes
from common.settings import CommonSettings, MongoSettings, load
from kasal_platform.config import Settings
from kasal_platform.data_folder import (
    BUS,
    FolderRefused,
    database_file,
    earlier_files_note,
    holder,
    refuse_earlier_data,
)
from kasal_platform.local import rabbitmq
from kasal_platform.local import redis as redis_program
from kasal_platform.services import keeping_services, services

_PYTHONS = ((3, 11), (3, 12), (3, 13))
_LEAST_ROOM = 200 * 1024 * 1024
_ENOUGH_ROOM = 2 * 1024 * 1024 * 1024
_WITHIN = 5.0
_TITLE = b'"title": "Kasal API"'
_BEGINNING = 4_096
"""Bytes of the API's document that contain its title."""
_SERVERS = ("KASAL_MONGO_URL", "KASAL_AMQP_URL", "KASAL_REDIS_URL")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. A `note` is worth knowing and needs no repair."""

    state: Literal["ok", "note", "wrong"]
    text: str


async def examine() -> list[Finding]:
    """Return the findings of all checks, in the order in which a start would need them."""
    findings = [look_at_python(), *look_at_settings()]
    apart = any(os.environ.get(variable) for variable in _SERVERS)
    findings += await look_at_servers() if apart else look_at_stand_ins()
    try:
        settings = load(Settings)
    except SystemExit:
        return findings  # the check of the settings says what is wrong
    if not apart:
        findings += await look_at_databases(settings.data_dir)
    port = await look_at_port(settings.host, settings.port)
    return [*findings, look_at_disk(settings.data_dir), port]


def look_at_python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] in _PYTHONS:
        return Finding("ok", f"Python {version}")
    return Finding("wrong", f"Python {version}: Kasal needs 3.11, 3.12 or 3.13")


def look_at_settings() -> list[Finding]:
    """Read the settings of every part, as its start would."""
    apart = any(os.environ.get(variable) for variable in _SERVERS)
    faults = {_fault(Settings)}
    if apart:
        faults |= {
            _fault(importlib.import_module(f"{service}.config").Settings) for service in services()
        }
    wrong = sorted({part for fault in faults if fault for part in fault.split("; ")})
    if wrong:
        return [Finding("wrong", fault) for fault in wrong]
    whose = "of all services" if apart else "of `run`"
    return [Finding("ok", f"settings {whose}")]


def _fault(kind: type[CommonSettings]) -> str:
    try:
        load(kind)
    except SystemExit as fault:
        return str(fault.code)
    return ""


async def look_at_servers() -> list[Finding]:
    """Check MongoDB, its schemas, RabbitMQ and Redis."""
    asked = await asyncio.gather(
        _reach("MongoDB", "KASAL_MONGO_URL", _ask_mongo),
        _reach("RabbitMQ", "KASAL_AMQP_URL", _ask_rabbitmq),
        _reach("Redis", "KASAL_REDIS_URL", _ask_redis),
    )
    schemas = [await _look_at_schemas()] if asked[0].state == "ok" else []
    return [*asked, *schemas]


async def _reach(name: str, variable: str, ask: Callable[[str], Awaitable[None]]) -> Finding:
    url = os.environ.get(variable)
    if not url:
        return Finding("note", f"{name} is not looked at: {variable} is not set")
    try:
        async with asyncio.timeout(_WITHIN):
            await ask(url)
    except TimeoutError:
        return Finding("wrong", f"{name} has not answered within {_WITHIN:g} s ({variable})")
    except Exception as fault:  # noqa: BLE001 - each client has its own, and all mean the same here
        reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        return Finding("wrong", f"{name} cannot be used ({variable}): {reason[:200]}")
    return Finding("ok", f"{name} answers")


async def _ask_mongo(url: str) -> None:
    from pymongo import AsyncMongoClient

    async with AsyncMongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=3_000) as client:
        await client.admin.command("ping")


async def _ask_rabbitmq(url: str) -> None:
    import aio_pika

    async with await aio_pika.connect(url, timeout=_WITHIN):
        pass


async def _ask_redis(url: str) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(url, socket_connect_timeout=3) as client:
        await takes_writes(client)


async def _look_at_schemas() -> Finding:
    from common.storage.migrations import SchemaMismatch
    from kasal_platform.schemas import check_all

    try:
        await check_all(load(MongoSettings))
    except SchemaMismatch as fault:
        return Finding("wrong", f"{fault} (`kasal-platform migrate` does it for all)")
    return Finding("ok", "every database has the schema of this version")


def look_at_stand_ins() -> list[Finding]:
    """Look for what `run` starts by itself and for the programs that `stack` would start."""
    stand_ins = Finding("ok", "the bus and Redis of `run` are in its process")
    if importlib.util.find_spec("fakeredis") is None:
        stand_ins = Finding("wrong", "fakeredis is missing: install kasal-platform[embedded]")
    return [
        stand_ins,
        _look_at_program("RabbitMQ", "rabbitmq-server", installed=rabbitmq.installed()),
        _look_at_program("Redis", "redis-server", installed=redis_program.installed()),
    ]


def _look_at_program(name: str, program: str, *, installed: bool) -> Finding:
    if installed:
        return Finding("ok", f"{name} for `stack`: {program} is installed")
    return Finding("note", f"{name} for `stack`: no {program} here; `run` does without")


async def look_at_databases(data_dir: Path) -> list[Finding]:
    """Read the databases of `run` from end to end; the platform may be running."""
    try:
        refuse_earlier_data(data_dir)
    except FolderRefused as fault:
        return [Finding("wrong", str(fault))]
    files = [database_file(data_dir, name) for name in (*keeping_services(), BUS)]
    found = [await asyncio.to_thread(_look_at_file, file) for file in files if file.exists()]
    if not found:
        found = [Finding("ok", f"{data_dir} holds no data yet")]
    note = earlier_files_note(data_dir)
    if note is not None:
        found.append(Finding("note", note))
    user = holder(data_dir)
    if user is not None:
        found.append(Finding("ok", f"{data_dir} is in use by process {user}"))
    return found


def _look_at_file(file: Path) -> Finding:
    from pymongo.errors import PyMongoError

    from kasal_platform.embedded.queue_file import damage_text
    from kasal_platform.embedded.sqlite.agreement import disagreements_in
    from kasal_platform.embedded.sqlite.checking import check_file
    from kasal_platform.embedded.sqlite.errors import FileDamaged, damage_error

    try:
        check_file(file)
        for line in disagreements_in(file, most=1):
            raise damage_error(file, line)
    except PyMongoError as fault:
        of_bus = file.stem == BUS and isinstance(fault, FileDamaged)
        return Finding("wrong", damage_text(file) if of_bus else str(fault))
    return Finding("ok", f"{file} is whole ({file.stat().st_size // 1024**2:,} MB)")


def look_at_disk(folder: Path) -> Finding:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding(
            "wrong", f"{folder} cannot be written: look at {there}, or set KASAL_DATA_DIR"
        )
    free = shutil.disk_usage(there).free
    text = f"{free // 1024**2:,} MB are free for {folder}"
    if free < _LEAST_ROOM:
        return Finding("wrong", f"{text}: too little for a database")
    return Finding("ok" if free >= _ENOUGH_ROOM else "note", text)


async def look_at_port(host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            if await _is_kasal(host, port):
                return Finding("ok", f"Kasal answers on port {port} of {host}")
            return Finding(
                "wrong",
                f"port {port} of {host} cannot be used ({fault.strerror}): "
                "stop what listens there, or set KASAL_PORT",
            )
    return Finding("ok", f"port {port} of {host} is free")


async def _is_kasal(host: str, port: int) -> bool:
    """Return whether what listens there is a gateway of this platform."""
    import aiohttp

    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/openapi.json"
    within = aiohttp.ClientTimeout(total=_WITHIN)
    try:
        async with aiohttp.ClientSession(timeout=within) as http, http.get(url) as answer:
            return _TITLE in await answer.content.read(_BEGINNING)
    except (aiohttp.ClientError, TimeoutError):
        return False
