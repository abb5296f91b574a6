"""Conditions of tasks: short expressions over a job's inputs and the outputs of its tasks.

The grammar is a small part of Python's, so that nothing in a condition can take long or grow: no loops, no
attributes but those of JSON objects, no arithmetic with texts. docs/guide/tasks.md describes it for users.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 500
_PARTS, _DEEPEST = 150, 30
"""How many parts a condition has, and how deep one may be inside others."""
INPUTS, OUTPUTS = "inputs", "outputs"
CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
FUNCTIONS: Mapping[str, int | None] = {
    "abs": 1, "len": 1, "lower": 1, "matches": 2, "max": None, "min": None, "number": 1, "round": 1, "strip": 1,
}  # fmt: skip
"""Each function with the number of values that it takes; None: one or more."""
_NODES = frozenset({
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Add, ast.Sub,
    ast.Mult, ast.Div, ast.Mod, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In,
    ast.NotIn, ast.Is, ast.IsNot, ast.Call, ast.Name, ast.Load, ast.Attribute, ast.Subscript, ast.Constant,
    ast.List, ast.Tuple,
})  # fmt: skip
_ADVICE = (
    (re.compile(r"(?<![=!<>])=(?!=)"), "`==` compares"),
    (re.compile(r"&&|\|\||!(?!=)"), "write `and`, `or` and `not`"),
    (re.compile(r"\{"), "inputs are written `inputs.name`, without braces"),
)
_CONSTANTS = (str, int, float, bool, type(None))


class ConditionFault(ValueError):  # noqa: N818 - it says what is wrong with a condition
    """A condition that cannot be read, or not be evaluated on these values; the message says why."""


@dataclass(frozen=True, slots=True)
class TaskCondition:
    """A parsed condition: the inputs that it needs, and the tasks whose outputs it reads, as written."""

    text: str
    tree: ast.expr
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@lru_cache(maxsize=1_000)
def parse_condition(text: str) -> TaskCondition:
    """Return the condition in `text`. Raises `ConditionFault`."""
    if len(text) > LONGEST:
        raise ConditionFault(f"A condition has at most {LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ConditionFault(f"This is no condition{_advice(text)}. {_EXAMPLE}") from None
    reader = _Reader()
    reader.read(tree)
    return TaskCondition(
        text, tree, tuple(reader.input_names()), tuple(dict.fromkeys(reader.outputs))
    )


_EXAMPLE = "One looks like `outputs.research.score >= 7 and inputs.language == 'en'`"


def _advice(text: str) -> str:
    found = [advice for pattern, advice in _ADVICE if pattern.search(text)]
    return f": {found[0]}" if found else ""


class _Reader:
    """Checks a tree and collects what it reads."""

    def __init__(self) -> None:
        self.outputs: list[str] = []
        self._inputs: list[str] = []
        self._asked: set[str] = set()
        self._parts = 0

    def input_names(self) -> Iterator[str]:
        """Yield the inputs that a job must have: not those that the condition itself asks for by `in`."""
        yield from (name for name in dict.fromkeys(self._inputs) if name not in self._asked)

    def read(self, node: ast.AST, depth: int = 0) -> None:
        """Read `node`, which is so deep in the condition, and what is in it. Raises `ConditionFault`."""
        self._parts += 1
        if depth > _DEEPEST or self._parts > _PARTS:
            raise ConditionFault("The condition is too long: split it, or say it in fewer words")
        if type(node) not in _NODES:
            raise ConditionFault(f"A condition cannot have {_KINDS.get(type(node), 'this')}")
        if isinstance(node, ast.Constant) and not isinstance(node.value, _CONSTANTS):
            raise ConditionFault("A condition has texts, numbers, true, false and null")
        root = _root(node)
        if root is not None:
            (self._inputs if root[0] == INPUTS else self.outputs).append(root[1])
        elif isinstance(node, ast.Name):
            _check_name(node.id)
        elif isinstance(node, ast.Call):
            self._read_call(node, depth)
        elif not self._asks_for_input(node):
            for inner in ast.iter_child_nodes(node):
                self.read(inner, depth + 1)

    def _read_call(self, node: ast.Call, depth: int) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or node.keywords:
            known = ", ".join(FUNCTIONS)
            raise ConditionFault(f"A condition can only call {known}, by position")
        _check_arguments(name, node.args)
        for argument in node.args:
            self.read(argument, depth + 1)

    def _asks_for_input(self, node: ast.AST) -> bool:
        """Note `"name" in inputs`, which is how a condition says that an input may be missing."""
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.In | ast.NotIn):
            return False
        left, right = node.left, node.comparators[0]
        if len(node.ops) > 1 or not (isinstance(right, ast.Name) and right.id == INPUTS):
            return False
        if not (isinstance(left, ast.Constant) and isinstance(left.value, str)):
            raise ConditionFault('Only a name can be `in inputs`, such as `"language" in inputs`')
        self._asked.add(left.value)
        return True


def _check_arguments(name: str, given: list[ast.expr]) -> None:
    takes = FUNCTIONS[name]
    if takes is None and not given:
        raise ConditionFault(f"`{name}` takes one value or more, and has none")
    if takes is not None and len(given) != takes:
        values = "one value" if takes == 1 else "a text and a regular expression"
        raise ConditionFault(f"`{name}` takes {values}, and has {len(given)} in its parentheses")
    if name == "matches" and isinstance(given[1], ast.Constant) and "\b" in str(given[1].value):
        raise ConditionFault(
            r"The pattern has a backspace, which `\b` means in a text: write `\\b` for the edge of a word"
        )


def _root(node: ast.AST) -> tuple[str, str] | None:
    """Return which input or output `node` names: `inputs.language` is ("inputs", "language")."""
    if isinstance(node, ast.Attribute):
        value: ast.expr = node.value
        name: object = node.attr
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        value, name = node.value, node.slice.value
    else:
        return None
    if not isinstance(value, ast.Name) or value.id not in {INPUTS, OUTPUTS}:
        return None
    if not isinstance(name, str):
        raise ConditionFault(f"`{value.id}[…]` takes a name in quotation marks")
    return value.id, name


def _check_name(name: str) -> None:
    if name in CONSTANTS:
        return
    if name in {INPUTS, OUTPUTS}:
        raise ConditionFault(f"Say which of the {name}, such as `{name}.name`")
    raise ConditionFault(
        f"There is no {name[:80]} in a condition: write `inputs.{name[:80]}` for an input, "
        f"`outputs.{name[:80]}` for the output of a task, or a text in quotation marks"
    )


_KINDS: Mapping[type[ast.AST], str] = {
    ast.Pow: "powers",
    ast.Lambda: "functions of its own",
    ast.ListComp: "loops",
    ast.GeneratorExp: "loops",
    ast.SetComp: "loops",
    ast.DictComp: "loops",
    ast.Dict: "objects",
    ast.Set: "braces: inputs are written `inputs.name`, without braces",
    ast.JoinedStr: "f-strings",
    ast.Slice: "slices",
    ast.IfExp: "`if`",
    ast.NamedExpr: "`:=`",
    ast.FloorDiv: "`//`",
}
