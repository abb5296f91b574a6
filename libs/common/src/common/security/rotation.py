"""Secrets that rotate, such as `KASAL_SECRET_KEY`: the current one and others that are accepted."""

import hmac
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetPydanticSchema
from pydantic_core import PydanticCustomError, core_schema
from pydantic_settings import NoDecode

_BETWEEN = re.compile(r"[,\n]")
SHORTEST = 16
"""The least number of characters of a secret."""


@dataclass(frozen=True, slots=True, repr=False)
class RotatingSecret:
    """The first secret is current, all are accepted: during a rotation the list contains the old one.

    Commas or line breaks separate them, so no secret contains either.
    """

    current: str
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: "str | RotatingSecret") -> "RotatingSecret":
        """Return the secrets in a setting. Raises `ValueError` if there is none."""
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
        """Return whether `shown` is one of them, in a time that does not reveal which."""
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
