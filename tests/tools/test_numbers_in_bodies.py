"""No body of any service takes `true` where a number is wanted, and neither does a message on the bus."""

import importlib
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from common.backends import Backends
from common.contracts.messages import BusMessage, StoredJob
from crews.domain.drafts import CrewDraft
from crews.routes.import_bodies import CrewImport

SETTINGS = {
    "mongo_url": "mongodb://127.0.0.1:27017",
    "amqp_url": "amqp://127.0.0.1",
    "redis_url": "redis://127.0.0.1",
    "service_secret": "only for reading the routes",
    "secret_key": "only for reading the routes, and long enough for it",
}
Model = type[BaseModel]


def bodies(service: str) -> Iterator[Any]:
    """Yield the types of what the routes of a service take."""
    config = importlib.import_module(f"{service}.config")
    app = importlib.import_module(f"{service}.wiring").build_app(
        config.Settings(**SETTINGS), Backends()
    )
    for route in app.routes:
        if isinstance(route, APIRoute) and route.body_field is not None:
            yield route.body_field.field_info.annotation


def inner(annotation: Any) -> Iterator[Any]:
    yield annotation
    for one in get_args(annotation):
        yield from inner(one)


def models(annotation: Any, seen: set[Model]) -> set[Model]:
    """Return the models in a type, with those in their fields."""
    for one in inner(annotation):
        if (
            isinstance(one, type)
            and not get_args(one)
            and issubclass(one, BaseModel)
            and one not in seen
        ):
            seen.add(one)
            for field in one.model_fields.values():
                models(field.annotation, seen)
    return seen


def numbers(model: Model) -> Iterator[str]:
    for name, field in model.model_fields.items():
        types = [one for one in inner(field.annotation) if get_origin(one) is None]
        if {int, float} & {one for one in types if isinstance(one, type)} and bool not in types:
            yield name


def takes(model: Model, name: str) -> bool:
    try:
        model.model_validate({name: True})
    except ValidationError as fault:
        told = [(one["loc"], one.get("ctx", {}).get("name")) for one in fault.errors()]
        return not any(name in {*place[:1], named} for place, named in told)
    return True


@pytest.mark.parametrize("service", ["auth", "crews", "executor"])
def test_no_number_in_a_body_may_be_true(service: str) -> None:
    found: set[Model] = set()
    for body in [*bodies(service), CrewDraft, CrewImport]:
        models(body, found)
    numeric = [(model, name) for model in found for name in numbers(model)]
    assert len(numeric) > 5
    assert [f"{model.__name__}.{name}" for model, name in numeric if takes(model, name)] == []


def test_no_number_in_a_message_may_be_true() -> None:
    # not inside the snapshot of a stored job, which is the executor's own
    found: list[Model] = [*BusMessage.__subclasses__(), StoredJob]
    numeric = [(model, name) for model in found for name in numbers(model)]
    assert len(numeric) >= 3
    assert [f"{model.__name__}.{name}" for model, name in numeric if takes(model, name)] == []
