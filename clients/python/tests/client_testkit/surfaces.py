"""Both clients, used in one way: the one for threads is awaited like the one for asyncio."""

import asyncio
import importlib
import inspect
from typing import Any, Self

_END = object()


class Surface:
    """An object of the client for threads, with the methods of its twin for asyncio."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._iterator: Any = None

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, "close" if name == "aclose" else name)
        if not inspect.ismethod(value):
            return wrapped(value)
        twin = getattr(twin_of(type(self._inner)), name)

        def call(*arguments: Any, **named: Any) -> Any:
            given = [unwrapped(one) for one in arguments]
            named = {key: unwrapped(one) for key, one in named.items()}
            if inspect.iscoroutinefunction(twin):
                return _awaited(value, *given, **named)
            return wrapped(value(*given, **named))

        return call

    def __aiter__(self) -> "Surface":
        self._iterator = iter(self._inner)
        return self

    async def __anext__(self) -> Any:
        found = await asyncio.to_thread(next, self._iterator or self._inner, _END)
        if found is _END:
            raise StopAsyncIteration
        return wrapped(found)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._inner.__enter__)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.to_thread(self._inner.__exit__, *exception)


async def _awaited(function: Any, *arguments: Any, **named: Any) -> Any:
    return wrapped(await asyncio.to_thread(function, *arguments, **named))


def twin_of(kind: type) -> type:
    module = importlib.import_module(kind.__module__.replace(".sync", ".aio"))
    twin = getattr(module, f"Async{kind.__name__}")
    assert isinstance(twin, type)
    return twin


def wrapped(value: Any) -> Any:
    return Surface(value) if type(value).__module__.startswith("kasal_client.sync") else value


def unwrapped(value: Any) -> Any:
    return value._inner if isinstance(value, Surface) else value
