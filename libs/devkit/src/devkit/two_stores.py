"""Asks two document stores the same and compares their answers: bytes of documents, counts, and errors."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.results import (
    BulkWriteResult,
    DeleteResult,
    InsertManyResult,
    InsertOneResult,
    UpdateResult,
)

Document = dict[str, Any]
Operation = Callable[[Any], Awaitable[Any]]
"""Something to do with a collection."""
Answer = tuple[Any, ...]
"""What a store answered, so that equal answers are equal."""

_OPTIONS: CodecOptions[Document] = CodecOptions(tz_aware=True)


class Disagreement(Exception):  # noqa: N818 - it says what happened
    """Two stores answered differently."""

    def __init__(self, what: str, ours: Answer, theirs: Answer) -> None:
        super().__init__(f"{what}\n    ours: {_readable(ours)}\n  theirs: {_readable(theirs)}")


@dataclass(frozen=True)
class TwoStores:
    """A collection in each of two stores, which hold the same documents."""

    ours: Any
    theirs: Any
    run: Callable[[Awaitable[Any]], Any]
    excuses: Callable[[Answer, Answer], bool] = lambda _ours, _theirs: False
    """Says whether the other store is known to answer so, though it should not."""

    def ask(self, what: str, operation: Operation) -> Answer:
        """Return what our store answers. Raises `Disagreement`."""
        ours, theirs = self.answers(operation)
        if ours != theirs and not self.excuses(ours, theirs):
            raise Disagreement(what, ours, theirs)
        return ours

    def answers(self, operation: Operation) -> tuple[Answer, Answer]:
        """Return what our store answers, and what the other one does."""

        async def both() -> tuple[Answer, Answer]:
            ours, theirs = await asyncio.gather(
                answer_of(operation, self.ours), answer_of(operation, self.theirs)
            )
            return ours, theirs

        found: tuple[Answer, Answer] = self.run(both())
        return found


async def answer_of(operation: Operation, collection: Any) -> Answer:
    """Return what a store answers: what it returns, or the class, code and key of its error."""
    try:
        return ("answer", _comparable(await operation(collection)))
    except BulkWriteError as fault:
        counts = {name: many for name, many in fault.details.items() if isinstance(many, int)}
        errors = [_error(told) for told in fault.details["writeErrors"]]
        return ("BulkWriteError", *errors, tuple(sorted(counts.items())))
    except PyMongoError as fault:
        details = getattr(fault, "details", None) or {}
        return (type(fault).__name__, _error({**details, "code": getattr(fault, "code", None)}))


def is_error(answer: Answer) -> bool:
    """Say whether the store refused what it was asked."""
    return str(answer[0]) != "answer"


def _error(told: Mapping[str, Any]) -> Answer:
    key = told.get("keyPattern"), told.get("keyValue")
    return (
        told.get("index", 0),
        told["code"],
        *(bson.encode(one) for one in key if one is not None),
    )


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return bson.encode(value, codec_options=_OPTIONS)
    if isinstance(value, list | tuple):
        return tuple(map(_comparable, value))
    told = _summary(value)
    return told if told is not None else bson.encode({"": value}, codec_options=_OPTIONS)


def _summary(result: Any) -> Answer | None:
    """Return what is compared of a result of a write; None for what is none."""
    if isinstance(result, InsertOneResult | InsertManyResult):
        return ("inserted",)
    if isinstance(result, DeleteResult):
        return ("deleted", result.deleted_count)
    if isinstance(result, UpdateResult):
        upserted = result.upserted_id is not None
        return ("updated", result.matched_count, result.modified_count, upserted)
    if isinstance(result, BulkWriteResult):
        told = result.bulk_api_result
        return tuple(sorted((name, many) for name, many in told.items() if isinstance(many, int)))
    return None


def _readable(value: Any) -> Any:
    if isinstance(value, bytes):
        return bson.decode(value, _OPTIONS)
    if isinstance(value, tuple):
        return tuple(map(_readable, value))
    return value
