"""A job's budget: the expected use of each request is set aside before the request goes out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from common.contracts.crew import Budget
from executor.engine.faults import RunFault
from executor.engine.history import Spent
from executor.engine.month import MonthShare, Need
from executor.engine.ports import NoPurses
from executor.models import counting
from executor.models.dialogue import Dialogue, Tokens
from executor.models.model import Model
from executor.tools.spec import ToolSpec

_REPLY = 256
"""Tokens assumed for a reply until the job has seen its first one."""
_LEAST, _MOST = 0.02, 20.0
"""Bounds for the ratio of a provider's token counts to our estimates."""


class Reserve:
    """Keeps all requests of one job within `limits`, concurrent ones included.

    A request waits if it only fits once others have used less than was set aside for them. A job's
    first request always goes out: until then nobody knows how its provider counts.
    """

    def __init__(self, limits: Budget, spent: Spent, month: MonthShare | None = None) -> None:
        self._limits = limits
        self._month = month or MonthShare(NoPurses(), spent)
        self._spent = spent
        self._held: list[Need] = []
        self._settled = asyncio.Event()
        self._read = self._estimated = self._wrote = self._replies = 0

    @property
    def limited(self) -> bool:
        return self._limits.max_tokens is not None or self._limits.max_cost_usd is not None

    @asynccontextmanager
    async def set_aside(
        self, model: Model, dialogue: Dialogue, tools: Sequence[ToolSpec], task_id: str
    ) -> AsyncIterator[Need]:
        """Set aside what the next request needs for as long as the block runs, also of the workspace's budget.

        The caller adds what was really used inside the block. Raises `RunFault` (`BUDGET_EXCEEDED`).
        """
        monthly = await self._month.limited(model, task_id)
        try:
            async with self._share(model, dialogue, tools, task_id, monthly=monthly) as need:
                yield need
        finally:
            self._month.catch_up()

    @asynccontextmanager
    async def _share(
        self,
        model: Model,
        dialogue: Dialogue,
        tools: Sequence[ToolSpec],
        task_id: str,
        *,
        monthly: bool,
    ) -> AsyncIterator[Need]:
        if not self.limited and not monthly:
            yield Need()
            return
        read = counting.prompt_tokens(dialogue, tools)
        async with self._own_share(model, read, task_id) as need:
            if not monthly:
                yield need
                return
            limit = dialogue.settings.get("max_tokens")
            async with self._month.set_aside(model, need, task_id, limit):
                yield need

    @asynccontextmanager
    async def _own_share(self, model: Model, read: int, task_id: str) -> AsyncIterator[Need]:
        """Set aside what the next request needs of the job's own budget."""
        while True:
            alone = self._need(model, read)
            # Next to others, no request is assumed to use less than the average one.
            need = self._at_least_usual(alone) if self._held else alone
            if self._fits(need, self._held):
                break
            if not self._fits(alone, ()):
                raise self._excess_fault(task_id, alone)
            self._settled.clear()
            await self._settled.wait()
        self._held.append(need)
        try:
            yield need
        finally:
            self._held.remove(need)
            self._settled.set()

    def learn(self, need: Need, tokens: Tokens) -> None:
        """Learn from what the request behind `need` has really used."""
        self._estimated += need.read
        self._read += tokens.input
        self._wrote += tokens.output
        self._replies += 1

    def catch_up(self) -> None:
        """Take over what a reply has used that was cut off, from the workspace's budget too."""
        self._month.catch_up()

    def close(self) -> None:
        """Give back what is set aside of the workspace's budget: the run is over."""
        self._month.close()

    def check(self, task_id: str) -> None:
        """Raise `RunFault` (`BUDGET_EXCEEDED`) if the job has used more than its budget."""
        for _, used, most in self._sums():
            if most is not None and used > most:
                raise self._excess_fault(task_id)

    def _need(self, model: Model, read: int) -> Need:
        if not self._replies and self._spent.requests:  # by an earlier attempt of the job
            tokens = self._spent.tokens / self._spent.requests
            return Need(tokens, self._spent.cost_usd / self._spent.requests, read)
        ratio, reply = 1.0, float(_REPLY)
        if self._replies:
            ratio = min(_MOST, max(_LEAST, self._read / max(1, self._estimated)))
            reply = self._wrote / self._replies
        cost = model.price(Tokens(round(read * ratio), round(reply)))
        if cost is None:
            cost = self._spent.cost_usd / max(1, self._spent.requests)
        return Need(read * ratio + reply, cost, read)

    def _at_least_usual(self, need: Need) -> Need:
        requests = max(1, self._spent.requests)
        tokens, cost = self._spent.tokens / requests, self._spent.cost_usd / requests
        return Need(max(need.tokens, tokens), max(need.cost_usd, cost), need.read)

    def _fits(self, need: Need, held: Sequence[Need]) -> bool:
        if not self._spent.requests and not held:
            return True
        others = Need(sum(n.tokens for n in held), sum(n.cost_usd for n in held))
        adds = (others.tokens + need.tokens, others.cost_usd + need.cost_usd)
        return all(
            most is None or (used < most and used + add <= most)
            for (_, used, most), add in zip(self._sums(), adds, strict=True)
        )

    def _sums(self) -> Sequence[tuple[str, float, float | None]]:
        return (
            ("tokens", float(self._spent.tokens), self._limits.max_tokens),
            ("US dollars", self._spent.cost_usd, self._limits.max_cost_usd),
        )

    def _excess_fault(self, task_id: str, need: Need | None = None) -> RunFault:
        adds = (0.0, 0.0) if need is None else (need.tokens, need.cost_usd)
        name, used, most, add = max(
            (
                (name, used, most, add)
                for (name, used, most), add in zip(self._sums(), adds, strict=True)
                if most is not None
            ),
            key=lambda sums: (sums[1] + sums[3]) / sums[2],
        )
        message = f"The run has used {_short(used)} {name}; its budget is {_short(most)}."
        if add and used < most:
            message += f" The next request would need about {_short(add)} more."
        return RunFault("BUDGET_EXCEEDED", message, task_id)


def _short(number: float) -> str:
    return f"{round(number):d}" if number >= 10 else f"{number:.4g}"
