"""The indexes of every database, as docs/reference/indexes.json records them, and their versions.

A process checks only its database's version. If an index changed without a `MigrationStep`, new code would
serve without it. This is refused here: what is recorded of a version does not change.
"""

import argparse
import asyncio
import importlib
import json
import sys
from typing import Any, Self

from openapi import ROOT, write_or_check
from pymongo import IndexModel

from common.storage.migrations import Schema
from kasal_platform.services import keeping_services

TARGET = ROOT / "docs/reference/indexes.json"
SERVICES = keeping_services()

Indexes = dict[str, dict[str, Any]]
"""Keys and options of each index, by `collection.name`."""


class _Notepad:
    """Stands in for a database and its collections, and records which indexes are created."""

    def __init__(self, made: Indexes, name: str = "") -> None:
        self._made = made
        self._name = name

    def __getitem__(self, name: str) -> Self:
        return type(self)(self._made, name)

    async def index_information(self) -> dict[str, Any]:
        return {}

    async def create_indexes(self, models: list[IndexModel]) -> None:
        for model in models:
            told = dict(model.document)
            place = f"{self._name}.{told.pop('name')}"
            key = ", ".join(f"{field} {way}" for field, way in told.pop("key").items())
            self._made[place] = {"key": key, **told}


def of(schema: Schema) -> dict[str, Any]:
    """Return the version of a schema and the indexes that its code makes."""
    made: Indexes = {}
    asyncio.run(schema.indexes(_Notepad(made)))  # type: ignore[arg-type]
    return {"version": schema.version, "indexes": dict(sorted(made.items()))}


def fault(service: str, recorded: dict[str, Any], now: dict[str, Any]) -> str | None:
    """Say what is wrong with a change from what was recorded of a service, and what to do."""
    before, after = recorded["indexes"], now["indexes"]
    where = f"services/{service}/src/{service}/store/migrations.py"
    if altered := sorted(name for name in before.keys() & after if before[name] != after[name]):
        return (
            f"{', '.join(altered)} of {service}: an index is found by its name, so databases that have"
            " this one would keep it as it was. Give the new one another name, and drop the old one"
            f" in a MigrationStep of {where} (docs/reference/schema.md)."
        )
    changed = sorted(before.keys() ^ after.keys())
    if changed and now["version"] <= recorded["version"]:
        return (
            f"{', '.join(changed)} of {service} changed without a MigrationStep: add one to the end"
            f" of SCHEMA in {where}, so that no process serves without it, then `make docs`."
            " (docs/reference/schema.md. A step that is in no release yet may be changed: put"
            f" {TARGET.name} back to what the last release had, then `make docs`.)"
        )
    if now["version"] < recorded["version"]:
        return (
            f"{service} is at schema version {now['version']} and was at {recorded['version']}:"
            f" steps of {where} are never taken away, since databases count them."
        )
    return None


def current() -> dict[str, Any]:
    """Return what is to be recorded of the code as it is."""
    modules = {name: importlib.import_module(f"{name}.store.migrations") for name in SERVICES}
    return {name: of(module.SCHEMA) for name, module in modules.items()}


def main() -> None:
    """Record the indexes, or check that they are recorded. Exits with what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    arguments = parser.parse_args()
    recorded = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    now = current()
    faults = [fault(name, recorded[name], now[name]) for name in SERVICES if name in recorded]
    if told := [line for line in faults if line]:
        sys.exit("\n".join(told))
    text = json.dumps(now, indent=2) + "\n"
    write_or_check(TARGET, text, check=arguments.check, command="python tools/indexes.py")


if __name__ == "__main__":
    main()
