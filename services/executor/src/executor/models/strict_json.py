"""JSON whose numbers every store and every provider can hold, for what a model writes."""

import json
import math
from typing import Any

_DIGITS = 20
"""As many characters as the longest integer of 64 bits has, its sign included."""


def is_64_bit(number: int) -> bool:
    """Return whether `number` fits into 64 bits, with a sign or without one."""
    return -(2**63) <= number < 2**64


def strict_decoder(fault: type[ValueError], *, strict: bool = True) -> json.JSONDecoder:
    """Return a decoder that raises `fault` for NaN, infinities, and numbers beyond 64 bits.

    With `strict` off it accepts line breaks in strings, which models forget to escape.
    """

    def refuse_constant(name: str) -> Any:
        raise fault(f"{name} is not a number in JSON")

    def read_float(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise fault(_out_of_range(text))
        return number

    def read_int(text: str) -> int:
        if len(text) > _DIGITS or not is_64_bit(int(text)):
            raise fault(_out_of_range(text))
        return int(text)

    return json.JSONDecoder(
        parse_constant=refuse_constant, parse_float=read_float, parse_int=read_int, strict=strict
    )


def _out_of_range(text: str) -> str:
    return f"the number {text[:40]} is out of range: at most 64 bits, or write it as a text"
