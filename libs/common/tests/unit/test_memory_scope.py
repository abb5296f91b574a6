"""Whose memory it is follows from the inputs, and from nothing that an input can say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.memory import key_fault, shelf, shelf_of

_VALUES = st.one_of(st.text(min_size=1, max_size=50), st.integers(-(2**63), 2**63 - 1))


def test_scopes_without_a_key_are_their_own_shelf() -> None:
    assert [shelf(scope, {"crew": "x"}) for scope in ("crew", "workspace")] == ["crew", "workspace"]


@given(_VALUES, _VALUES)
def test_two_values_share_a_shelf_only_when_they_are_one(one: Any, other: Any) -> None:
    if key_fault(one) or key_fault(other):
        return
    import unicodedata

    def same(value: Any) -> Any:
        told = unicodedata.normalize("NFC", value) if isinstance(value, str) else value
        return type(value), told

    assert (shelf_of("c", one) == shelf_of("c", other)) == (same(one) == same(other))


def test_the_inputs_name_is_part_of_it() -> None:
    assert shelf_of("customer_id", "1") != shelf_of("client_id", "1")
    assert shelf("{customer_id}", {"customer_id": 7}) == shelf_of("customer_id", 7.0)


@pytest.mark.parametrize(
    "value", ["", "  ", None, True, 1.5, float("inf"), [], {"a": 1}, "x" * 201]
)
def test_what_tells_nobody_apart_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="whose memory"):
        shelf_of("customer_id", value)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(ValueError, match="customer_id is missing"):
        shelf("{customer_id}", {})
