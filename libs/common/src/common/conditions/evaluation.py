"""Evaluates conditions with simpleeval, within a time limit."""

import ast
import operator
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from common.conditions.grammar import CONSTANTS, INPUTS, OUTPUTS, ConditionFault, parse_condition
from common.schemas.patterns import PatternFault, matches

SECONDS = 1.0
"""Seconds of its thread's CPU that one evaluation may take: a busy machine fails no job.

What a single step of it reads is bounded by the size of the values.
"""
_NUMBER = 100
"""The longest text that `number` reads."""


def holds(text: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> bool:
    """Return whether the condition in `text` holds. Blocks for milliseconds if the values are large.

    `outputs` has a value for each name that the condition uses. Raises `ConditionFault`.
    """
    condition = parse_condition(text)
    names = {**CONSTANTS, INPUTS: inputs, OUTPUTS: outputs}
    try:
        return bool(_evaluator()(names, time.thread_time() + SECONDS).eval(text, condition.tree))
    except ConditionFault:
        raise
    except Exception as fault:
        raise ConditionFault(_reason(fault)) from fault


def _reason(fault: Exception) -> str:
    if isinstance(fault, ZeroDivisionError):
        return "it divides by zero"
    return " ".join(str(fault).split())[:200] or type(fault).__name__


@lru_cache(maxsize=1)
def _evaluator() -> Any:
    from simpleeval import EvalWithCompoundTypes

    class Evaluator(EvalWithCompoundTypes):  # type: ignore[misc]  # simpleeval has no types
        """Reads attributes as keys of JSON objects only, and keeps the time."""

        def __init__(self, names: Mapping[str, Any], until: float) -> None:
            super().__init__(operators=_OPERATORS, functions=_FUNCTIONS, names=names)
            self._until = until

        def _eval(self, node: ast.AST) -> Any:
            if time.thread_time() > self._until:
                raise ConditionFault(f"it takes longer than {SECONDS:g} s")
            return super()._eval(node)

        def _check_disallowed_items(self, item: Any) -> None:
            """Spare the search of every value for functions and modules: JSON has none."""

        def _eval_attribute(self, node: ast.Attribute) -> Any:
            return _part(self._eval(node.value), node.attr)

        def _eval_subscript(self, node: ast.Subscript) -> Any:
            return _part(self._eval(node.value), self._eval(node.slice))

    return Evaluator


def _part(value: Any, key: Any) -> Any:
    """Return a part of a JSON value; null if there is none, and of null."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return value.get(key) if isinstance(key, str) else None
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool):
        return value[key] if -len(value) <= key < len(value) else None
    if isinstance(value, list):
        raise ConditionFault(f"a list has no {key!r:.80}: its entries are [0], [1] …")
    raise ConditionFault(
        f"{_kind(value)} has no {key!r:.80}; an output has fields with an output_schema"
    )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if value is None:
        return "null"
    kinds = (
        (str, "a text"),
        (int | float, "a number"),
        (list | tuple, "a list"),
        (Mapping, "an object"),
    )
    return next((told for kind, told in kinds if isinstance(value, kind)), "this")


def _numeric(work: Callable[[Any, Any], Any], sign: str) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        for value in (left, right):
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ConditionFault(f"`{sign}` takes numbers, not {_kind(value)}")
        return work(left, right)

    return apply


def _ordering(work: Callable[[Any, Any], Any], sign: str) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        kinds = {_kind(left), _kind(right)}
        if kinds not in ({"a number"}, {"a text"}):
            raise ConditionFault(f"`{sign}` cannot compare {_kind(left)} with {_kind(right)}")
        return work(left, right)

    return apply


def _same(left: Any, right: Any) -> bool:
    """Return whether two values are equal in JSON, where true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _within(part: Any, whole: Any) -> bool:
    if isinstance(whole, str) and not isinstance(part, str):
        raise ConditionFault(f"`in` looks for a text in a text, not for {_kind(part)}")
    if not isinstance(whole, str | list | tuple | Mapping):
        raise ConditionFault(
            f"`in` takes a text, a list or an object on its right, not {_kind(whole)}"
        )
    if isinstance(whole, Mapping):
        return isinstance(part, str) and part in whole
    return part in whole


def _length(value: Any) -> int:
    if not isinstance(value, str | list | tuple | Mapping):
        raise ConditionFault(f"`len` takes a text, a list or an object, not {_kind(value)}")
    return len(value)


def _on_text(work: Callable[[str], Any], name: str) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if not isinstance(value, str):
            raise ConditionFault(f"`{name}` takes a text, not {_kind(value)}")
        return work(value)

    return apply


def _as_number(value: Any) -> Any:
    if isinstance(value, str) and len(value) <= _NUMBER:
        try:
            return float(value.strip())
        except ValueError:
            raise ConditionFault(f"{value!r:.100} is not a number") from None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ConditionFault(f"`number` takes a short text or a number, not {_kind(value)}")
    return value


def _found(value: Any, pattern: Any) -> bool:
    if not isinstance(value, str) or not isinstance(pattern, str):
        raise ConditionFault("`matches` takes a text and a regular expression")
    try:
        return matches(pattern, value)
    except PatternFault as fault:
        raise ConditionFault(f"the pattern cannot be used: {fault}") from None


_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: _numeric(operator.add, "+"),
    ast.Sub: _numeric(operator.sub, "-"),
    ast.Mult: _numeric(operator.mul, "*"),
    ast.Div: _numeric(operator.truediv, "/"),
    ast.Mod: _numeric(operator.mod, "%"),
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Eq: _same,
    ast.NotEq: lambda left, right: not _same(left, right),
    ast.Is: _same,
    ast.IsNot: lambda left, right: not _same(left, right),
    ast.Lt: _ordering(operator.lt, "<"),
    ast.LtE: _ordering(operator.le, "<="),
    ast.Gt: _ordering(operator.gt, ">"),
    ast.GtE: _ordering(operator.ge, ">="),
    ast.In: _within,
    ast.NotIn: lambda part, whole: not _within(part, whole),
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": lambda value: abs(_as_number(value)),
    "len": _length,
    "lower": _on_text(str.lower, "lower"),
    "matches": _found,
    "max": lambda *values: max(map(_as_number, values)),
    "min": lambda *values: min(map(_as_number, values)),
    "number": _as_number,
    "round": lambda value: round(_as_number(value)),
    "strip": _on_text(str.strip, "strip"),
}
