"""Registries that are folders: each module of a package declares one value."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

Value = TypeVar("Value")


def values_in(package: ModuleType, name: str, kind: type[Value]) -> Iterator[Value]:
    """Yield what each module of `package` calls `name`, ordered by the modules' names.

    Raises `TypeError` for a module without it.
    """
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        value = getattr(importlib.import_module(found.name), name, None)
        if not isinstance(value, kind):
            raise TypeError(f"{found.name}.{name} is not a {kind.__name__}")
        yield value
