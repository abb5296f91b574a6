"""The calculator: evaluates arithmetic with simpleeval, within tight bounds."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from common.contracts.tools import ToolDeclaration
from executor.tools.built_in_tool import BuiltInTool, parameters
from executor.tools.call import Call
from executor.tools.tool import ToolFault

_LENGTH = 500
_BITS = 10_000
"""The most bits of any intermediate whole number: about 3,000 digits."""
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Name, ast.Load, ast.Constant,
    ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip


async def calculator(arguments: Mapping[str, Any], _call: Call) -> str:
    """Return the value of `expression`. Raises `ToolFault`."""
    return calculate(str(arguments["expression"]))


def calculate(expression: str) -> str:
    """Return the value of an arithmetic expression as text. Raises `ToolFault`.

    `^` means power; `1,000` means a thousand unless the expression contains a name.
    """
    from simpleeval import InvalidExpression

    try:
        value = _evaluator().eval(expression, previously_parsed=_parse(_normalize(expression)))
    except (InvalidExpression, ArithmeticError, ValueError, TypeError, RecursionError) as fault:
        raise ToolFault(f"it cannot be calculated: {_reason(fault)}") from None
    return _format(value)


def _normalize(expression: str) -> str:
    if len(expression) > _LENGTH:
        raise ToolFault(f"the expression is longer than {_LENGTH} characters.")
    for written, meant in (("^", "**"), ("\u00d7", "*"), ("\u00f7", "/"), ("\u2212", "-")):
        expression = expression.replace(written, meant)
    plain = not any(letter.isalpha() for letter in expression)
    return (_THOUSANDS.sub("", expression) if plain else expression).strip().rstrip("=").strip()


def _parse(expression: str) -> ast.expr:
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ToolFault("it is not an arithmetic expression.") from None
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise ToolFault(f"{type(node).__name__} is not arithmetic.")
        if isinstance(node, ast.Constant) and type(node.value) not in {int, float, bool}:
            raise ToolFault("it can only calculate with numbers.")
    return tree.body


def _evaluator() -> Any:
    from simpleeval import SimpleEval

    return SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=_NAMES)


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int):
        if base.bit_length() * abs(exponent) > _BITS:
            raise ToolFault("the result would be too long.")
        return base**exponent
    return float(base) ** float(exponent)


def _times(left: Any, right: Any) -> Any:
    whole = isinstance(left, int) and isinstance(right, int)
    if whole and left.bit_length() + right.bit_length() > _BITS:
        raise ToolFault("the result would be too long.")
    return left * right


def _round(value: Any, digits: int = 0) -> Any:
    if abs(digits) > 300:
        raise ToolFault("it cannot round to that many digits.")
    return round(value, digits) if digits else round(value)


def _format(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, float) or not math.isfinite(value):
        raise ToolFault("the result is not a real number.")
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"


def _reason(fault: Exception) -> str:
    if isinstance(fault, ZeroDivisionError):
        return "division by zero."
    if isinstance(fault, OverflowError):
        return "the result is too large."
    return " ".join(str(fault).split())[:200]


_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _times,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "round": _round,
    "min": min,
    "max": max,
    "pow": _power,
    "sqrt": math.sqrt,
    "floor": math.floor,
    "ceil": math.ceil,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "exp": math.exp,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "radians": math.radians,
    "degrees": math.degrees,
}
_NAMES: Mapping[str, float] = {"pi": math.pi, "e": math.e, "tau": math.tau}

TOOL = BuiltInTool(
    ToolDeclaration(
        "calculator",
        "Calculate an arithmetic expression",
        "data",
        parameters(
            "expression",
            expression={"type": "string", "description": "Such as 3 * (4 + 5)", "maxLength": 500},
        ),
        idempotent=True,
        reads=True,
    ),
    lambda _settings, _client: calculator,
    libraries=("simpleeval",),
)
