"""Turns what was read of a YAML file into values for a model, by the types of its fields.

A field that takes a text gets the word as it was written; a field that takes any JSON gets what the word means.
"""

import re
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from common.contracts.fields import plain_type
from crews.domain.yaml_reading import Word, json_value

_INTEGER = re.compile(r"-?[0-9]{1,18}")


def fields_for(model: type[BaseModel], read: Any) -> Any:
    """Return the object that was read with values for `model`, which checks them and refuses unknown fields."""
    if not isinstance(read, dict):
        return json_value(read)
    known = model.model_fields
    return {
        name: value_for(known[name].annotation, value) if name in known else json_value(value)
        for name, value in read.items()
    }


def value_for(annotation: Any, read: Any) -> Any:
    """Return what was read for a field of this type."""
    kinds = _alternatives(annotation)
    if isinstance(read, Word):
        return _word_for([plain_type(kind) for kind in kinds], read)
    if isinstance(read, list):
        lists = [kind for kind in kinds if get_origin(plain_type(kind)) is list]
        inner = get_args(_bare(lists[0]))[0] if lists else Any
        return [value_for(inner, one) for one in read]
    if isinstance(read, dict):
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        model = _model_for(models, read)
        return json_value(read) if model is None else fields_for(model, read)
    return read


def _word_for(kinds: list[Any], word: Word) -> Any:
    if NoneType in kinds and word.is_nothing:
        return None
    if int in kinds and str in kinds and _INTEGER.fullmatch(word):
        return int(word)
    if str in kinds or {int, float, bool} & set(kinds) or any(map(_is_choice, kinds)):
        return str(word)
    return word.value


def _is_choice(kind: Any) -> bool:
    return any(isinstance(one, str) for one in get_args(kind))


def _model_for(models: list[type[BaseModel]], read: dict[str, Any]) -> type[BaseModel] | None:
    """Return the model of an object: of several, the one whose `kind` it names."""
    if len(models) <= 1:
        return models[0] if models else None
    named = str(read.get("kind"))
    for model in models:
        kind = model.model_fields.get("kind")
        if kind is not None and named in get_args(kind.annotation):
            return model
    return None


def _alternatives(annotation: Any) -> list[Any]:
    """Return the types that a field may have, without the rules around them."""
    bare = _bare(annotation)
    inside = get_args(bare)
    if get_origin(bare) in {list, dict} or _is_choice(bare) or not inside:
        return [bare]
    return [one for kind in inside for one in _alternatives(kind)]


def _bare(annotation: Any) -> Any:
    """Return a type without the rules around it, but with those inside it."""
    while hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    return annotation
