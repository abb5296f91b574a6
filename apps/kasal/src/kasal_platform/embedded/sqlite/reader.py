"""The thread that reads from a file: long queries take turns with short ones."""

import sqlite3
from collections import deque
from collections.abc import Callable
from types import GeneratorType
from typing import Any, Protocol

from pymongo.errors import OperationFailure, PyMongoError

from kasal_platform.embedded.sqlite.calls import Answer, QueuedWork
from kasal_platform.embedded.sqlite.errors import FileFault
from kasal_platform.embedded.sqlite.reading import View
from kasal_platform.embedded.sqlite.thread import Connected, FileThread

_MOST_TOGETHER = 64
_PLAN_KILLED = 175
"""MongoDB's QueryPlanKilled: an index or a collection was dropped under a query."""

_Turn = tuple[QueuedWork, "GeneratorType[Any, Any, Any] | None"]


class Source(Connected, Protocol):
    """Where a reader gets its views from."""

    def view(self) -> View: ...


class Reader(FileThread[Source]):
    """Answers queries. A call's work takes a `View` and returns the answer, or a generator of its slices."""

    def __init__(self, open_source: Callable[[], Source], path: object) -> None:
        super().__init__("reader", path)
        self._open_source = open_source

    def _open(self) -> Source:
        return self._open_source()

    def _work(self, opened: Source) -> None:
        turns: deque[_Turn] = deque()
        while True:
            if not turns:
                call = self.line.next()
                if call is None:
                    return
                turns.append((call, None))
            turns.extend((call, None) for call in self.line.more(_MOST_TOGETHER, 1 << 40))
            answers: list[Answer] = []
            for _ in range(len(turns)):
                call, slices = turns.popleft()
                if call.is_given_up:
                    answers.append((call, None, None))
                    continue
                answer, going_on = self._turn(opened, call, slices)
                if going_on is not None:
                    turns.append((call, going_on))
                else:
                    answers.append(answer)
            self.line.answer(answers)

    def _turn(
        self, source: Source, call: QueuedWork, slices: "GeneratorType[Any, Any, Any] | None"
    ) -> tuple[Answer, "GeneratorType[Any, Any, Any] | None"]:
        try:
            if slices is None:
                answer = call.work(source.view())
                if not isinstance(answer, GeneratorType):
                    return (call, answer, None), None
                slices = answer
            next(slices)
        except StopIteration as end:
            return (call, end.value, None), None
        except FileFault as fault:
            return (call, None, self._read_error(fault)), None
        except Exception as fault:  # noqa: BLE001 - raised again in its caller
            return (call, None, fault), None
        return (call, None, None), slices

    def _read_error(self, fault: Exception) -> PyMongoError:
        if isinstance(fault, sqlite3.Error) and "no such table" in str(fault):
            return OperationFailure("An index or a collection was dropped meanwhile.", _PLAN_KILLED)
        return self._error(fault)
