"""Group commit: calls that arrive while one is in progress go out together as the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")


class Grouped(Generic[ItemT, AnswerT]):
    """Calls `perform` with the items that arrived since its last call, at most `limit` at a time.

    A lone caller waits for nothing. `perform` returns an answer for each item, in order; an answer that
    is an exception is raised for that item's caller only. What `perform` itself raises is raised for
    all. The item of a cancelled caller stays in the group.
    """

    def __init__(
        self,
        perform: Callable[[Sequence[ItemT]], Awaitable[Sequence[AnswerT | Exception]]],
        limit: int = 64,
    ) -> None:
        self._perform = perform
        self._limit = limit
        self._line: list[tuple[ItemT, asyncio.Future[AnswerT]]] = []
        self._working: asyncio.Task[None] | None = None

    async def __call__(self, item: ItemT) -> AnswerT:
        """Return the answer for `item`; raises what `perform` raises or answers for it."""
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._line.append((item, answer))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        try:
            while self._line:
                group, self._line = self._line[: self._limit], self._line[self._limit :]
                await self._deal(group)
        finally:
            self._working = None

    async def _deal(self, group: Sequence[tuple[ItemT, asyncio.Future[AnswerT]]]) -> None:
        answers: Sequence[AnswerT | Exception]
        try:
            answers = await self._perform([item for item, _ in group])
        except Exception as fault:  # noqa: BLE001 - raised again in each caller
            answers = [fault] * len(group)
        for (_, waiting), answer in zip(group, answers, strict=True):
            if waiting.done():  # its caller was cancelled
                continue
            if isinstance(answer, Exception):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)
