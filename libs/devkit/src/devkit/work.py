"""Counts how much a request reads from a store: documents, and the commands that fetch them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient, monitoring

from kasal_platform.embedded.sqlite.scanning import Examined

_READS = {"find", "getMore", "aggregate", "count", "distinct"}


@dataclass(frozen=True, slots=True)
class Read:
    """What was read since the last count. `examined` is how many documents MongoDB or SQLite looked at."""

    documents: int
    commands: int
    examined: int

    def grown_from(self, smaller: "Read") -> bool:
        """Say whether this is clearly more than `smaller`, which was read from a smaller collection."""
        return (
            self.documents > smaller.documents * 1.25 + 30
            or self.examined > smaller.examined * 1.25 + 30
            or self.commands > smaller.commands + 4
        )


class Work(monitoring.CommandListener):
    """Listens to all databases of a test run. On a MongoDB it also explains each query."""

    def __init__(self) -> None:
        self._documents, self._commands, self._examined = 0, 0, 0
        self._finds: list[tuple[str, Mapping[str, Any]]] = []

    def read_by(self) -> Callable[[], Read]:
        """Start counting; the returned function returns what has been read since."""
        self._documents, self._commands, self._examined = 0, 0, 0
        self._finds.clear()
        return self._read

    def _read(self) -> Read:
        return Read(self._documents, self._commands, self._count_examined())

    def _count_examined(self) -> int:
        url = os.environ.get("KASAL_TEST_MONGO_URL")
        if url is None:
            return self._examined
        with MongoClient[dict[str, Any]](url) as client:
            return sum(
                client[name].command("explain", find, verbosity="executionStats")["executionStats"][
                    "totalDocsExamined"
                ]
                for name, find in self._finds
            )

    def note(self, examined: Examined) -> None:
        """Count what a query on SQLite has read."""
        if examined.operation in _READS:
            self._commands += 1
            self._documents += examined.returned
            self._examined += examined.documents

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in _READS:
            self._commands += 1
        if event.command_name == "find":
            fields = ("find", "filter", "sort", "projection", "limit", "skip")
            find = {name: event.command[name] for name in fields if name in event.command}
            self._finds.append((event.database_name, find))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        told = event.reply.get("cursor", {})
        if isinstance(told, Mapping):
            self._documents += len(told.get("firstBatch", told.get("nextBatch", ())))

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...
