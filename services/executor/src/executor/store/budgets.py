"""The budgets of workspaces in MongoDB: one document each, changed only if nobody else has changed it meanwhile."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.errors import DuplicateKeyError

from common.storage.mongo import ensure_index
from common.storage.ports import Database, Document
from executor.domain.budgets.amounts import Amount, Limits
from executor.domain.budgets.budget import BudgetLease, WorkspaceBudget
from executor.store.reach import reaching


class MongoBudgets:
    """Fulfils `Budgets`."""

    def __init__(self, database: Database) -> None:
        self._budgets = database["budgets"]

    async def find(self, workspace_id: str) -> WorkspaceBudget | None:
        with reaching():
            found = await self._budgets.find_one({"_id": workspace_id})
        return None if found is None else _budget(found)

    async def insert(self, budget: WorkspaceBudget) -> bool:
        with reaching():
            try:
                await self._budgets.insert_one({"_id": budget.workspace_id, **_document(budget)})
            except DuplicateKeyError:
                return False
        return True

    async def replace(self, before: WorkspaceBudget, after: WorkspaceBudget) -> bool:
        same = {"_id": before.workspace_id, "version": before.version}
        with reaching():
            done = await self._budgets.update_one(same, _update(before, after))
        return done.matched_count == 1

    async def remove(self, workspace_id: str) -> None:
        with reaching():
            await self._budgets.delete_one({"_id": workspace_id})

    async def with_leases(self, after: str, limit: int) -> Sequence[WorkspaceBudget]:
        query = {"leased": True, "_id": {"$gt": after}}
        with reaching():
            rows = await self._budgets.find(query).sort("_id").limit(limit).to_list()
        return [_budget(row) for row in rows]


async def indexes(database: Database) -> None:
    """Make the index by which budgets with leases are found."""
    await ensure_index(
        database["budgets"],
        [("leased", 1), ("_id", 1)],
        name="leased_in_order",
        partialFilterExpression={"leased": True},
    )


def _update(before: WorkspaceBudget, after: WorkspaceBudget) -> Document:
    """Return the update: what differs, and of the leases only those that do."""
    was, now = _document(before), _document(after)
    now["version"] = before.version + 1
    old, new = was.pop("leases"), now.pop("leases")
    changed: Document = {name: value for name, value in now.items() if value != was.get(name)}
    changed |= {f"leases.{job_id}": one for job_id, one in new.items() if one != old.get(job_id)}
    gone = {f"leases.{job_id}": 1 for job_id in old.keys() - new.keys()}
    return {"$set": changed, **({"$unset": gone} if gone else {})}


def _document(budget: WorkspaceBudget) -> Document:
    return {
        "max_nano": budget.limits.nano,
        "max_tokens": budget.limits.tokens,
        "month": budget.month,
        "spent": _plain(budget.spent),
        "leases": {job_id: _lease(lease) for job_id, lease in budget.leases.items()},
        "leased": bool(budget.leases),
        # As a list: names of models have dots.
        "largest": [{"model": name, **_plain(one)} for name, one in budget.largest.items()],
        "version": budget.version,
    }


def _lease(lease: BudgetLease) -> Document:
    return {
        "granted": _plain(lease.granted),
        "base": _plain(lease.base),
        "attempt": lease.attempt,
        "at": lease.at,
    }


def _plain(amount: Amount) -> Document:
    return {"nano": amount.nano, "tokens": amount.tokens}


def _amount(document: Mapping[str, Any]) -> Amount:
    return Amount(document["nano"], document["tokens"])


def _budget(document: Mapping[str, Any]) -> WorkspaceBudget:
    return WorkspaceBudget(
        workspace_id=document["_id"],
        limits=Limits(document["max_nano"], document["max_tokens"]),
        month=document["month"],
        spent=_amount(document["spent"]),
        leases={
            job_id: BudgetLease(
                _amount(one["granted"]), _amount(one["base"]), one["attempt"], one["at"]
            )
            for job_id, one in document["leases"].items()
        },
        largest={one["model"]: _amount(one) for one in document["largest"]},
        version=document["version"],
    )
