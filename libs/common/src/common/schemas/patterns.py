"""Regular expressions (ECMA-262) of foreign schemas, matched within bounds.

Most run on an engine that reads a text once (Rust's regex), whose work is the size of the program times
the length of the text. Those with lookaround or backreferences run on an engine that counts its
backtracking steps. Both come with jsonschema-rs, which also translates ECMA-262. A match blocks the
interpreter for at most about 25 ms; one that would take longer is not started.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from common.schemas.kept import SizedCache

_SIZES = (2_000, 8_000, 32_000, 128_000, 512_000, 2_000_000)
_CACHE = 256_000
_KEPT = 50_000_000
"""Bytes of compiled programs, with their caches, that are kept."""
_WORK = 480_000_000
"""Bytes of program times bytes of text that take 25 ms, measured with the worst patterns found."""
_A_STEP = 40_000
"""The part of that work that counts as one step of a validation."""
_BACK = ((1_000, 20_000), (10_000, 2_000))
"""Longest text and its backtracking steps; their product determines the time."""
_TOKEN = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\.|\[\^?\]?|\]|.", re.DOTALL
)


class PatternFault(ValueError):  # noqa: N818 - it says what the pattern is
    """A pattern that cannot be used, at all or on this text; the message says why."""


@dataclass(frozen=True, slots=True)
class _Program:
    size: int
    validator: Any


def check_pattern(pattern: str) -> None:
    """Raise `PatternFault` for a pattern that cannot be used at all."""
    _programs(pattern)


def cost(pattern: str, text: str) -> int:
    """Return how many validation steps a match on `text` costs. Raises `PatternFault`."""
    programs = _programs(pattern)
    length = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    if len(programs) > 1:
        return 2 + length // 2
    return 2 + programs[0].size * length // _A_STEP


def matches(pattern: str, text: str) -> bool:
    """Return whether `pattern` occurs in `text`. Raises `PatternFault` if that takes too long."""
    from jsonschema_rs import ValidationError

    programs = _programs(pattern)
    length = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    if len(programs) == 1:
        if programs[0].size * length > _WORK:
            raise PatternFault(
                f"{pattern[:100]!r} takes too long on a text of {len(text)} characters"
            )
        return bool(programs[0].validator.is_valid(text))
    for (longest, _), program in zip(_BACK, programs, strict=True):
        if length <= longest:
            try:
                program.validator.validate(text)
            except ValidationError as fault:
                if "BacktrackLimit" in type(fault.kind).__name__:
                    raise PatternFault(f"{pattern[:100]!r} takes too long") from None
                return False
            return True
    raise PatternFault(f"{pattern[:100]!r} takes too long on a text of {len(text)} characters")


@lru_cache(maxsize=1)
def _cache() -> SizedCache[str, tuple[_Program, ...]]:
    return SizedCache(_KEPT)


def _programs(pattern: str) -> tuple[_Program, ...]:
    """Return one program for any text, or one for each length in `_BACK`; they are cached."""
    made = _cache().find(pattern)
    if made is None:
        made = _compile_programs(pattern)
        _cache().keep(pattern, made, sum(one.size + _CACHE for one in made))
    return made


def _compile_programs(pattern: str) -> tuple[_Program, ...]:
    from jsonschema_rs import FancyRegexOptions, RegexOptions

    if len(pattern) > 5_000:
        raise PatternFault("it is longer than 5000 characters")
    usual = _usual(pattern)
    for size in _SIZES:
        linear = _compile(usual, RegexOptions(size_limit=size, dfa_size_limit=_CACHE))
        if linear is not None:
            return (_Program(size, linear),)
    options = [FancyRegexOptions(steps, _SIZES[2], _CACHE) for _, steps in _BACK]
    fancy = [_compile(usual, option) for option in options]
    if None in fancy:
        raise PatternFault(
            "it is not a regular expression that can be executed here, or it is too large"
        )
    return tuple(_Program(_SIZES[2], one) for one in fancy)


def _compile(pattern: str, options: Any) -> Any:
    from jsonschema_rs import Draft202012Validator, ValidationError

    try:
        return Draft202012Validator({"pattern": pattern}, pattern_options=options)
    except (ValidationError, ValueError):
        return None


def _usual(pattern: str) -> str:
    r"""Return the pattern with ECMA-262's own constructs in the usual notation.

    `[^]` and `[]` (anything, nothing), `\b` in a class, a pair of surrogates, and a literal `{`.
    """
    made: list[str] = []
    inside = False
    for found in _TOKEN.finditer(pattern):
        piece = found[0]
        if inside and piece == "]":
            inside = False
        elif piece.startswith("[") and not inside:
            inside = not piece.endswith("]")
            piece = {"[^]": r"[\s\S]", "[]": r"[^\s\S]"}.get(piece, piece)
        elif len(piece) == 12:
            pair = bytes.fromhex(piece[2:6] + piece[8:12]).decode("utf-16-be")
            piece = f"\\u{{{ord(pair):X}}}"
        elif inside and piece == r"\b":
            piece = r"\x08"
        elif not inside and piece == "{" and not _QUANTIFIER.match(pattern, found.start()):
            piece = piece if made and made[-1] in {r"\p", r"\P", r"\u"} else r"\{"
        made.append(piece)
    return "".join(made)


_QUANTIFIER = re.compile(r"\{\d+(,\d*)?\}")
