"""Bulk writes: PyMongo's requests as operations, and what they did as its results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure
from pymongo.results import BulkWriteResult

from kasal_platform.embedded.sqlite import writing
from kasal_platform.embedded.sqlite.failures import unknown_here
from kasal_platform.embedded.sqlite.sending import pack, pack_change, to_insert

_NOT_KNOWN = ("_array_filters", "_collation", "_hint", "_namespace", "_sort")


@dataclass(frozen=True, slots=True)
class Prepared:
    """One write of a bulk. `told` is how an error shows it."""

    work: Any
    kind: str
    told: Mapping[str, Any]
    size: int = 0


def prepare(collection: str, write: Any) -> Prepared:
    """Return a request of PyMongo's as an operation. Raises `OperationFailure` for others, and for options."""
    for name in _NOT_KNOWN:
        if getattr(write, name, None) is not None:
            raise unknown_here(f"{name[1:]} of {type(write).__name__}")
    if isinstance(write, InsertOne):
        raw = to_insert(write._doc)  # noqa: SLF001 - PyMongo has no other way to read it
        return Prepared(_Insert(collection, raw), "insert", write._doc, len(raw))  # noqa: SLF001
    if isinstance(write, DeleteOne):
        packed = pack(q=write._filter)  # noqa: SLF001
        told = {"q": write._filter, "limit": 1}  # noqa: SLF001
        return Prepared(writing.DeleteOne(collection, packed), "delete", told, len(packed.raw))
    if isinstance(write, UpdateOne | ReplaceOne):
        replacing = isinstance(write, ReplaceOne)
        change: Any = write._doc  # noqa: SLF001 - a pipeline is refused
        packed = pack_change(write._filter, change, replacing=replacing)  # noqa: SLF001
        upsert = bool(write._upsert)  # noqa: SLF001
        told = {"q": write._filter, "u": change, "multi": False, "upsert": upsert}  # noqa: SLF001
        work = writing.Change(collection, packed, upsert=upsert)
        return Prepared(work, "update", told, len(packed.raw))
    raise unknown_here(f"{type(write).__name__} in a bulk write")


@dataclass(frozen=True, slots=True)
class _Insert:
    collection: str
    raw: bytes

    def __call__(self, session: Any) -> writing.WriteOutcome:
        writing.insert(session, session.catalog.ensure(self.collection), self.raw)
        return writing.WriteOutcome()


def raw_result(done: writing.WriteOutcome) -> dict[str, Any]:
    """Return what was done as MongoDB answers it."""
    told: dict[str, Any] = {"n": done.matched, "nModified": done.modified, "ok": 1.0}
    if done.upserted is not None:
        told |= {"n": 1, "upserted": done.upserted[0]}
    return told


def result(writes: Sequence[Prepared], done: Sequence[Any]) -> BulkWriteResult:
    """Return what the writes did. Raises `BulkWriteError` if one has failed."""
    faults = {}
    sums = dict.fromkeys(("insert", "update", "delete", "modified"), 0)
    upserted = []
    for place, (write, outcome) in enumerate(zip(writes, done, strict=False)):
        if isinstance(outcome, OperationFailure):
            faults[place] = (outcome, write.told)
        elif outcome.upserted is not None:
            upserted.append({"index": place, "_id": outcome.upserted[0]})
        else:
            sums[write.kind] += 1 if write.kind == "insert" else outcome.matched
            sums["modified"] += outcome.modified
    told = totals(
        faults,
        inserted=sums["insert"],
        matched=sums["update"],
        modified=sums["modified"],
        removed=sums["delete"],
        upserted=upserted,
    )
    if faults:
        raise BulkWriteError(told)
    return BulkWriteResult(told, True)


def totals(
    faults: Mapping[int, tuple[OperationFailure, Mapping[str, Any]]],
    *,
    inserted: int = 0,
    matched: int = 0,
    modified: int = 0,
    removed: int = 0,
    upserted: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the details of a bulk result or error, as PyMongo has them."""
    return {
        "writeErrors": [_error_details(place, *faults[place]) for place in sorted(faults)],
        "writeConcernErrors": [],
        "nInserted": inserted,
        "nUpserted": len(upserted),
        "nMatched": matched,
        "nModified": modified,
        "nRemoved": removed,
        "upserted": list(upserted),
    }


def _error_details(place: int, fault: OperationFailure, write: Mapping[str, Any]) -> dict[str, Any]:
    known = fault.details or {}
    told: dict[str, Any] = {
        "index": place,
        "code": fault.code,
        "errmsg": str(known.get("errmsg", fault)),
    }
    for name in ("keyPattern", "keyValue"):
        if name in known:
            told[name] = known[name]
    return {**told, "op": dict(write)}
