"""Records the commands that a test's code sends to MongoDB, and which shards they would reach."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pymongo import monitoring

import common.storage.mongo

_SHARDED = re.compile(
    r'^sh\.shardCollection\("kasal_(\w+)\.(\w+)", \{(\w+): ("hashed"|1)\}\);$', re.MULTILINE
)
_QUERIES = {"find": "filter", "count": "query", "distinct": "query", "findAndModify": "query"}
_SCRIPT = Path(__file__).parents[4] / "deploy/mongodb/shard.js"


def shard_keys(service: str) -> dict[str, str]:
    """Return the field of the shard key of each sharded collection of a service, as deployed."""
    found = _SHARDED.findall(_SCRIPT.read_text())
    return {collection: key for name, collection, key, _ in found if name == service}


@dataclass(frozen=True)
class SentCommand:
    """One query, or one part of a write command. `by` is its filter, or None for an insert.

    `service` is the last part of the database's name.
    """

    command: str
    collection: str
    by: Mapping[str, Any] | None = field(hash=False, compare=False)
    service: str = ""

    @property
    def shape(self) -> str:
        """The command, the collection and the fields of the filter."""
        return f"{self.command} {self.collection}({', '.join(sorted(self.by or ()))})"

    def targeted(self, keys: Mapping[str, str]) -> bool:
        """Say whether a sharded cluster would send it only to the shards that have the documents."""
        if self.by is None or self.collection not in keys:
            return True
        wanted = self.by.get(keys[self.collection])
        if not isinstance(wanted, Mapping):
            return wanted is not None
        return "$eq" in wanted or "$in" in wanted


class Commands(monitoring.CommandListener):
    """Listens to all clients that `common.storage.mongo.connect` makes while the fixture is active."""

    def __init__(self) -> None:
        self.sent: list[SentCommand] = []
        self.counted: Counter[str] = Counter()
        """Commands sent, by name and collection."""

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        name, command = event.command_name, event.command
        collection = command.get(name)
        if not isinstance(collection, str):
            return
        parts = list(_parts(name, command))
        service = event.database_name.rpartition("_")[2]
        self.sent += [SentCommand(name, collection, by, service) for by in parts]
        if parts:
            self.counted[f"{name} {collection}"] += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...

    def clear(self) -> None:
        self.sent.clear()
        self.counted.clear()

    def count_scattered(self, keys: Mapping[str, str]) -> Counter[str]:
        """Count the queries that would go to every shard, by their shape."""
        return Counter(one.shape for one in self.sent if not one.targeted(keys))


def _parts(name: str, command: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    if name == "insert":
        yield from (None for _ in command["documents"])
    elif name in {"update", "delete"}:
        yield from (one["q"] for one in command[f"{name}s"])
    elif name == "aggregate":  # counts documents
        first = command["pipeline"][0] if command["pipeline"] else {}
        yield first.get("$match", {})
    elif name in _QUERIES:
        yield command.get(_QUERIES[name], {})


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The commands of all clients that are made from now on."""
    listener, client = Commands(), common.storage.mongo.Client

    def make_client(
        *args: Any, event_listeners: Any = (), **options: Any
    ) -> common.storage.mongo.Client:
        return client(*args, event_listeners=[*event_listeners, listener], **options)

    monkeypatch.setattr(common.storage.mongo, "Client", make_client)
    return listener


def unfit_indexes(
    keys: Mapping[str, str], indexes: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> set[str]:
    """Return the unique indexes, by collection, that MongoDB does not allow with these shard keys.

    The rule is MongoDB's own: the shard key's fields must begin the index, hashed or not.
    """
    return {
        f"{collection}.{name}"
        for collection, found in indexes.items()
        for name, index in found.items()
        if collection in keys and index.get("unique") and index["key"][0][0] != keys[collection]
    }
