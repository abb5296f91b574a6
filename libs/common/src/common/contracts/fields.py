"""Models derived from one declaration of fields.

A declaration is a subclass of `Fields` whose types carry the rules for what callers send. The decorators below
derive the other models from it, so that a new field is written once:

    class TaskFields(Fields):           # declared: what a caller may send, with the rules in its types
        name: Name | None = None

    @plain                              # what is stored and handed on: no rules, the same defaults
    class TaskSnapshot(TaskFields): ...

    @complete                           # what is answered: no rules, every field always there
    class TaskView(TaskSnapshot): ...

    @partial                            # a change: the rules, every field optional
    class TaskChanges(TaskFields): ...

Rules apply to what is sent, never to what was stored before a rule existed. A field that the decorated class
itself declares stays as it is there.
"""

import inspect
from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, create_model
from pydantic.fields import FieldInfo

ModelT = TypeVar("ModelT", bound=BaseModel)
Definition = tuple[Any, Any]
"""A field's type and its default, `...` where it has none."""


class Fields(BaseModel):
    """Base of declarations."""


def plain(model: type[ModelT]) -> type[ModelT]:
    """Return `model` with the rules taken off the types that it inherits from a declaration."""
    return _derive(model, lambda kind, field: (plain_type(kind), _default(field)))


def complete(model: type[ModelT]) -> type[ModelT]:
    """Return `model` without rules and without defaults for what it inherits from a declaration."""
    return _derive(model, lambda kind, _: (plain_type(kind), ...))


def partial(model: type[ModelT]) -> type[ModelT]:
    """Return `model` with everything optional that it inherits from a declaration."""
    return _derive(model, lambda kind, field: (kind if allows_none(field) else kind | None, None))


def plain_type(annotation: Any) -> Any:
    """Return a type without the rules in it: `Annotated[str, MaxLen(5)] | None` becomes `str | None`.

    A model, which is a set of rules, becomes a JSON object.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return dict[str, Any]
    origin = get_origin(annotation)
    if origin is Annotated:
        return plain_type(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return Union[tuple(plain_type(one) for one in get_args(annotation))]  # noqa: UP007
    if origin in {dict, list}:
        return origin[tuple(plain_type(one) for one in get_args(annotation))]
    return annotation


def allows_none(field: FieldInfo) -> bool:
    """Return whether null is a value of the field."""
    kind = plain_type(field.annotation)
    return kind is NoneType or NoneType in get_args(kind)


def json_objects(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields of `model` that hold JSON objects, whose keys are the callers' own, also in lists."""
    return frozenset(
        name for name, field in model.model_fields.items() if _holds_object(field.annotation)
    )


def _derive(model: type[ModelT], define: Callable[[Any, FieldInfo], Definition]) -> type[ModelT]:
    own = inspect.get_annotations(model)
    kinds = get_type_hints(model, include_extras=True)
    definitions: dict[str, Any] = {}
    for name in _declared_fields(model):
        field = model.model_fields[name]
        if FieldInfo.from_annotation(kinds[name]).metadata != field.metadata:
            raise TypeError(
                f"{model.__name__}.{name}: write its rules into its type, not beside it"
            )
        if name not in own:
            definitions[name] = define(kinds[name], field)
    return create_model(
        model.__name__,
        __base__=model,
        __doc__=model.__doc__,
        __module__=model.__module__,
        **definitions,
    )


def _declared_fields(model: type[BaseModel]) -> Iterator[str]:
    """Yield the fields that come from a declaration, in their order."""
    declarations = [one for one in model.__mro__ if Fields in one.__bases__]
    for name in model.model_fields:
        if any(name in inspect.get_annotations(one) for one in declarations):
            yield name


def _default(field: FieldInfo) -> Any:
    return ... if field.is_required() else field.get_default(call_default_factory=True)


def _holds_object(annotation: Any) -> bool:
    kind = plain_type(annotation)
    return get_origin(kind) is dict or any(_holds_object(one) for one in get_args(kind))
