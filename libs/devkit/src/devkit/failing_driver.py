"""A database driver whose calls all fail, to test that no store raises its driver's errors."""

import inspect
from collections.abc import Callable, Generator, Mapping
from typing import Any, Self


class FailingDriver:
    """Stands in for a database, a collection, a cursor or a Redis client.

    Every call returns the driver itself; awaiting it or reading from it raises `fault`.
    """

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    def __getitem__(self, name: str) -> "FailingDriver":
        return self

    def __getattr__(self, name: str) -> Callable[..., "FailingDriver"]:
        return lambda *_, **__: self

    def __await__(self) -> Generator[Any, Any, Any]:
        raise self._fault

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        raise self._fault

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def public_methods(store: type) -> list[str]:
    """Return the names of a store's public methods that use its driver."""
    methods = inspect.getmembers(store, inspect.iscoroutinefunction)
    return [name for name, _ in methods if not name.startswith("_")]


def call_with(method: Callable[..., Any], examples: Mapping[str, Any]) -> Any:
    """Call `method` with the example for each parameter's name. Raises `KeyError` if one is missing."""
    needed = [
        one for one in inspect.signature(method).parameters.values() if one.default is one.empty
    ]
    by_name = {one.name: examples[one.name] for one in needed}
    return method(**by_name)
