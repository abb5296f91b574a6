"""A secret and those it may be on its way from or to: how `KASAL_SECRET_KEY` and its like rotate."""

import hmac
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetPydanticSchema
from pydantic_core import PydanticCustomError, core_schema
from pydantic_settings import NoDecode

_BETWEEN = re.compile(r"[,\n]")
SHORTEST = 16
"""Characters that each secret has at least."""


@dataclass(frozen=True, slots=True, repr=False)
class RotatingSecret:
    """The first is current, all are accepted: a rotation is a list with the old one in it.

    Written with commas or line ends between, so no secret holds either.
    """

    current: str
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: "str | RotatingSecret") -> "RotatingSecret":
        """Return the secrets that a setting names. Raises `ValueError` when it names none."""
        if isinstance(text, RotatingSecret):
            return text
        first, *others = [part.strip() for part in _BETWEEN.split(text) if part.strip()] or [""]
        if not first:
            raise ValueError("It names no secret")
        return cls(first, tuple(other for other in dict.fromkeys(others) if other != first))

    @property
    def all(self) -> tuple[str, ...]:
        return (self.current, *self.others)

    def accepts(self, shown: str) -> bool:
        """Tell whether `shown` is one of them, in a time that tells nothing about which."""
        found = [hmac.compare_digest(shown.encode(), one.encode()) for one in self.all]
        return any(found)


def _validate(text: Any) -> RotatingSecret:
    try:
        secret = RotatingSecret.of(text)
    except (TypeError, ValueError):
        raise PydanticCustomError("secret_missing", "It names no secret") from None
    if any(len(one) < SHORTEST for one in secret.all):
        told = f"Each secret in it has at least {SHORTEST} characters"
        raise PydanticCustomError("secret_too_short", told)
    return secret


SecretSetting = Annotated[
    RotatingSecret,
    NoDecode,  # a text, not JSON
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(_validate)
    ),
]
"""A setting that holds one secret, or several while they rotate."""
