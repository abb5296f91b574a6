"""Checks that SQLite reads a query of the stores by an index by which MongoDB would read it.

What a query has read is told by the thread that ran it (`kasal_platform.embedded.sqlite.scanning.Examined`). Who asked
is only known where the query begins, so it travels with the work.
"""

import math
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import GeneratorType
from typing import Any

from devkit.bounded import accepted
from devkit.plans import SentQuery, asked_by_us, bounding, helping, recorded_indexes
from kasal_platform.embedded.sqlite import client
from kasal_platform.embedded.sqlite.calls import WorkLine
from kasal_platform.embedded.sqlite.file import File
from kasal_platform.embedded.sqlite.scanning import Examined

_COMMANDS = {"write": ("update", "delete", "findAndModify")}
"""The commands of MongoDB that are one operation here."""
_MORE = 2
"""Documents that may be read beyond a limit in each range, to see whether there are more."""

_asking = threading.local()


def plan_fault(service: str, examined: Examined) -> str | None:
    """Say what SQLite did otherwise than MongoDB would; None if nothing."""
    indexes = recorded_indexes().get(service, {}).get(examined.collection)
    if indexes is None:
        return None
    query = SentQuery(
        examined.operation,
        examined.collection,
        examined.query,
        [field for field, _ in examined.sort],
        examined.limit,
    )
    told = f"{service}: {query.shape} reads {examined.documents} documents by {examined.index}"
    wanted = bounding(query, indexes)
    if wanted:
        fault = _bounded_fault(query, examined, wanted)
    elif not any(_is_accepted(service, command, query) for command in _commands(query)):
        fault = "no limit and no index bounds it"
    else:
        possible = helping(query, indexes)
        fault = "" if not possible or examined.index in possible else _by(possible)
    return f"{told}: {fault}" if fault else None


def _bounded_fault(query: SentQuery, examined: Examined, wanted: Sequence[str]) -> str:
    if examined.index not in wanted or examined.sorts:
        return _by(wanted)
    if query.limit and examined.documents > query.limit + _MORE * _choices(query):
        return f"more than its limit of {query.limit}"
    return ""


def _by(indexes: Sequence[str]) -> str:
    return f"MongoDB reads it in order by {' or '.join(indexes)}"


def _choices(query: SentQuery) -> int:
    """Return how many ranges of an index the points of `$in` make, which are merged."""
    listed = (value.get("$in") for value in query.by.values() if isinstance(value, Mapping))
    return math.prod(len(one) for one in listed if one)


def _commands(query: SentQuery) -> tuple[str, ...]:
    return _COMMANDS.get(query.command, (query.command,))


def _is_accepted(service: str, command: str, query: SentQuery) -> bool:
    asked = SentQuery(command, query.collection, query.by, query.sort, query.limit)
    return accepted(f"{service}: {asked.shape}", service, query.collection, query.by)


class EmbeddedPlans:
    """Collects what is wrong with the queries of our code on SQLite. `also` is told of every query."""

    def __init__(self, also: Callable[[Examined], None]) -> None:
        self._also = also
        self.faults: set[str] = set()
        self.seen: set[str] = set()
        """Which index each of our queries has used."""

    def note(self, service: str, examined: Examined) -> None:
        """Take note of what a query has read."""
        self._also(examined)
        if not getattr(_asking, "ours", False):
            return
        fields = ", ".join(sorted(examined.query))
        shape = f"{examined.operation} {examined.collection}({fields})"
        self.seen.add(f"{service}: {shape} by {examined.index}")
        fault = plan_fault(service, examined)
        if fault is not None:
            self.faults.add(fault)

    @contextmanager
    def watching(self, patch: Any) -> Iterator[None]:
        """Watch all files that are opened meanwhile; `patch` is pytest's `monkeypatch`."""
        ask = WorkLine.ask

        def open_file(path: Any, **options: Any) -> File:
            also = options.get("observe")

            def observe(examined: Examined) -> None:
                self.note(path.stem, examined)
                if also is not None:
                    also(examined)

            return File(path, **{**options, "observe": observe})

        async def note_and_ask(line: WorkLine, work: Any, *rest: Any) -> Any:
            return await ask(line, _Asked(work, asked_by_us()), *rest)

        patch.setattr(client, "File", open_file)
        patch.setattr(WorkLine, "ask", note_and_ask)
        self.faults.clear()
        yield


class _Asked:
    """Work, and whether our code asked for it."""

    def __init__(self, work: Any, ours: bool) -> None:
        self._work = work
        self._ours = ours

    def __call__(self, source: Any) -> Any:
        _asking.ours = self._ours
        try:
            answer = self._work(source)
        finally:
            _asking.ours = False
        return self._go_on(answer) if isinstance(answer, GeneratorType) else answer

    def _go_on(self, slices: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        while True:
            _asking.ours = self._ours
            try:
                part = next(slices)
            except StopIteration as end:
                return end.value
            finally:
                _asking.ours = False
            yield part
