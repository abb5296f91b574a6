"""Stores raise the platform's errors; a driver's exceptions never leave a store.

`@mongo_store` and `@redis_store` wrap every public method of a class, so that none is forgotten. Inside a
method the driver's own exceptions, such as a duplicate key, can still be caught.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from common.errors import DatabaseUnavailable, InternalError, Unavailable
from common.logs import get_logger
from common.storage.mongo import is_away

log = get_logger(__name__)

StoreT = TypeVar("StoreT")
Translation = Callable[[], AbstractContextManager[None]]


@contextmanager
def mongo_errors() -> Iterator[None]:
    """Raise `DatabaseUnavailable` where MongoDB does not answer, `InternalError` where it refuses a command."""
    try:
        yield
    except PyMongoError as fault:
        if is_away(fault):
            raise DatabaseUnavailable from fault
        log.exception("a database call failed")
        raise InternalError from fault


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise `Unavailable` if Redis does not answer in time or refuses a command."""
    try:
        yield
    except (RedisError, OSError) as fault:  # a TimeoutError is an OSError
        raise Unavailable(f"Redis does not answer: {fault}") from fault


def mongo_store(store: type[StoreT]) -> type[StoreT]:
    """Class decorator: the store's public methods raise our errors instead of PyMongo's."""
    return _translate(store, mongo_errors)


def redis_store(store: type[StoreT]) -> type[StoreT]:
    """Class decorator: the store's public methods raise our errors instead of the Redis client's."""
    return _translate(store, redis_errors)


def _translate(store: type[StoreT], errors: Translation) -> type[StoreT]:
    for name, method in list(vars(store).items()):
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            setattr(store, name, _inside(method, errors))
    return store


def _inside(method: Callable[..., Any], errors: Translation) -> Callable[..., Any]:
    @functools.wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        with errors():
            return await method(*args, **kwargs)

    return call
