"""Faults of what a caller sent, and the one answer that names them all."""

from collections.abc import Mapping, Sequence

from common.errors import several

Fault = dict[str, str]
"""`field`, a dotted path, and `reason`."""


def refuse(faults: Sequence[Mapping[str, str]], at: str = "") -> None:
    """Raise `InvalidRequest` if there are any `faults`; `at` is cut off the start of their paths."""
    if faults:
        shown = [{**fault, "field": fault["field"].removeprefix(at)} for fault in faults]
        raise several(shown, "Invalid crew configuration")
