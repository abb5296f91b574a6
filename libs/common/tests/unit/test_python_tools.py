"""An operator's functions as tools.

Covers: common.python_tools.signatures, common.python_tools.installed, kasal_tools
"""

from dataclasses import dataclass
from datetime import date
from importlib.metadata import EntryPoint
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field
from structlog.testing import capture_logs

from common.python_tools.installed import read_tools
from common.python_tools.signatures import UnusableTool, python_tool
from kasal_tools import CallContext, ToolOptions, options_of, tool

CALL = CallContext("ws_1", "job_1", "task_1", "job_1:task_1:1")


class Line(BaseModel):
    article: str
    count: int = 1


def google(order: str, day: date | None = None, kind: Literal["a", "b"] = "a") -> str:
    """Look up an order.

    It knows this year's only.

    Args:
        order: Its number, such as A-17.
        day: Of which day.
    """


def numpy(order: str, day: date | None = None) -> str:
    """Look up an order.

    Parameters
    ----------
    order : str
        Its number, such as A-17.
    day : date
        Of which day.
    """


def sphinx(order: str, day: date | None = None) -> str:
    """Look up an order.

    :param order: Its number, such as A-17.
    :param day: Of which day.
    """


@pytest.mark.parametrize("function", [google, numpy, sphinx])
def test_a_docstring_describes_the_tool_and_its_parameters(function):
    told = python_tool("order", function).declaration
    assert told.name == "order"
    assert told.description.startswith("Look up an order.")
    assert "A-17" not in told.description
    properties = told.parameters["properties"]
    assert properties["order"] == {"type": "string", "description": "Its number, such as A-17."}
    assert properties["day"]["description"] == "Of which day."
    assert told.parameters["required"] == ["order"]
    assert told.parameters["additionalProperties"] is False


def test_types_become_the_schema_and_arguments_become_the_types():
    def place(
        lines: list[Line], total: Annotated[float, Field(gt=0, description="In euros")], by: date
    ) -> str:
        """Place an order."""

    placing = python_tool("place", place)
    schema = placing.declaration.parameters
    assert schema["properties"]["total"] == {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "In euros",
    }
    assert schema["$defs"]["Line"]["properties"]["count"]["default"] == 1
    values = placing.values({"lines": [{"article": "ink"}], "total": 3, "by": "2026-11-27"}, CALL)
    assert values == {"lines": [Line(article="ink")], "total": 3.0, "by": date(2026, 11, 27)}
    with pytest.raises(ValueError, match=r"lines\.0\.article: .*total: "):
        placing.values({"lines": [{}], "total": 0, "by": "2026-11-27"}, CALL)
    with pytest.raises(ValueError, match="colour: Extra inputs"):
        placing.values({"lines": [], "total": 1, "by": "2026-11-27", "colour": "red"}, CALL)


def test_the_call_is_filled_in_by_the_platform_and_not_shown_to_models():
    def pay(amount: int, this: CallContext) -> str:
        """Pay."""

    paying = python_tool("pay", pay)
    assert list(paying.declaration.parameters["properties"]) == ["amount"]
    assert paying.values({"amount": 3}, CALL) == {"amount": 3, "this": CALL}
    with pytest.raises(ValueError, match="this: "):
        paying.values({"amount": 3, "this": {"job_id": "job_2"}}, CALL)


def test_a_tool_without_parameters_has_an_empty_object():
    def now() -> str:
        """Tell the time."""

    assert python_tool("now", now).declaration.parameters == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_options_say_what_the_signature_does_not():
    @tool(reads=True, category="shop", timeout=5)
    def stock() -> str:
        """Count the stock."""

    @tool
    def plain() -> str:
        """Count."""

    assert stock() is None
    declared = python_tool("stock", stock).declaration
    assert (declared.reads, declared.idempotent, declared.category) == (True, True, "shop")
    assert options_of(plain) == ToolOptions() == options_of(len)
    assert not python_tool("plain", plain).declaration.idempotent


def _undescribed(a: int) -> int: ...


def _untyped(a) -> int:
    """Do."""


def _starred(*many: int) -> int:
    """Do."""


def _yielding() -> int:
    """Do."""
    yield 1


def _unknown(a: "Nowhere") -> int:  # noqa: F821
    """Do."""


class Opaque:
    pass


def _opaque(a: Opaque) -> int:
    """Do."""


@tool(timeout=601)
def _slow() -> int:
    """Do."""


@dataclass
class _Class:
    """Do."""


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (_undescribed, "no docstring"),
        (_untyped, "parameter a has no type"),
        (_starred, "parameter many has no name"),
        (_yielding, "it yields"),
        (_unknown, "signature cannot be read"),
        (_opaque, "types cannot be described"),
        (_slow, "at most 600 seconds"),
        (_Class, "not a function"),
        (17, "not a function"),
    ],
)
def test_a_function_that_can_be_no_tool_says_why(function, reason):
    with pytest.raises(UnusableTool, match=reason):
        python_tool("do", function)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of an operator, found by entry points."""
    (tmp_path / "shop_tools.py").write_text(
        'def price(article: str) -> float:\n    """Look up a price."""\n    return 2.5\n\n\n'
        "def silent(article: str) -> float:\n    return 2.5\n"
    )
    (tmp_path / "broken_tools.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "leaving_tools.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_what_cannot_be_used_is_logged_and_left_out(module):
    named = [
        EntryPoint("price", "shop_tools:price", "kasal.tools"),
        EntryPoint("price", "shop_tools:silent", "kasal.tools"),
        EntryPoint("calculator", "shop_tools:price", "kasal.tools"),
        EntryPoint("a b", "shop_tools:price", "kasal.tools"),
        EntryPoint("silent", "shop_tools:silent", "kasal.tools"),
        EntryPoint("gone", "shop_tools:gone", "kasal.tools"),
        EntryPoint("broken", "broken_tools:price", "kasal.tools"),
        EntryPoint("leaving", "leaving_tools:price", "kasal.tools"),
    ]
    with capture_logs() as lines:
        tools = read_tools(named)
    assert list(tools) == ["price"]
    assert tools["price"].function("ink") == 2.5
    told = {f"{line['tool']}|{line['reason']}" for line in lines}
    for name, reason in [
        ("price", "the same name"),
        ("calculator", "a built-in tool"),
        ("a b", "letters, digits"),
        ("silent", "no docstring"),
        ("gone", "AttributeError"),
        ("broken", "ModuleNotFoundError"),
        ("leaving", "SystemExit"),
    ]:
        assert any(line.startswith(f"{name}|") and reason in line for line in told), name
    assert len(told) == 7
