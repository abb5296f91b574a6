"""Lists that turn their pages themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kasal_client.base import Model

from .transport import AsyncTransport

T = TypeVar("T", bound=Model)


@dataclass(frozen=True)
class AsyncPage(Generic[T]):
    """A part of a list. `total` counts all entries, where the list says it; `next` leads to the next page."""

    items: list[T]
    total: int | None
    next: str | None


class AsyncPages(Generic[T]):
    """A list of the API. Iterate over it: pages are fetched as they are needed, each entry comes once."""

    def __init__(
        self,
        transport: AsyncTransport,
        path: str,
        entries: str,
        model: type[T],
        params: dict[str, Any] | None = None,
        page_size: int = 100,
    ) -> None:
        self._transport = transport
        self._path = path
        self._entries = entries
        self._model = model
        self._params = {"limit": page_size, **(params or {})}

    async def page(self, after: str | None = None) -> AsyncPage[T]:
        """Return the first page, or the one that `after`, the `next` of another, leads to."""
        params = {**self._params, "after": after}
        answer = await self._transport.json("GET", self._path, params=params)
        items = [self._model.model_validate(one) for one in answer.get(self._entries) or []]
        return AsyncPage(items, answer.get("total"), answer.get("next"))

    async def pages(self) -> AsyncIterator[AsyncPage[T]]:
        """Yield page after page."""
        page = await self.page()
        yield page
        while page.next:
            page = await self.page(page.next)
            yield page

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item

    async def first(self) -> T | None:
        """Return the first entry, None if there is none."""
        async for item in self:
            return item
        return None

    async def to_list(self, limit: int | None = None) -> list[T]:
        """Return all entries, or the first `limit`."""
        found: list[T] = []
        async for item in self:
            if limit is not None and len(found) >= limit:
                break
            found.append(item)
        return found

    async def total(self) -> int | None:
        """Return how many entries the list has, None if it does not say."""
        return (await self.page()).total
