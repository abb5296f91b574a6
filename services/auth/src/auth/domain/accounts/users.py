"""Users and what an e-mail address and a password must be."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from email_validator import EmailNotValidError, validate_email

from common.errors import InvalidRequest

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 200

_ORDINARY = ".example.com"
"""Put after an address while it is checked: the library refuses names such as `.local` and `.test`,
which private networks and trials use, only where they end it."""


@dataclass(frozen=True, slots=True)
class User:
    """A person, who may belong to several workspaces.

    `home` is the workspace of their own. `known_from` are hashes of the addresses they came from.
    """

    id: str
    email: str
    name: str
    password_hash: str
    created_at: datetime
    home: str | None = None
    known_from: tuple[str, ...] = ()


def account_of(email: str) -> str:
    """Return the canonical form of an address: equal for two spellings of the same account.

    Case does not matter. Letters that casefolding would turn into others (`ß` into `ss`, a long s into
    `s`) stay distinct: their mailboxes may belong to different people.
    """
    try:
        spelled = _normal_form(email)
    except EmailNotValidError:
        spelled = email.strip()
    return unicodedata.normalize("NFC", spelled.lower())


def checked_email(email: str) -> str:
    """Return the address as it should be stored. Raises `InvalidRequest`.

    Nothing is looked up in DNS, and names that never leave a private network are accepted.
    """
    try:
        return _normal_form(email)
    except EmailNotValidError as fault:
        raise InvalidRequest("Invalid e-mail address", field="email", reason=str(fault)) from None


def _normal_form(email: str) -> str:
    checked = validate_email(email.strip() + _ORDINARY, check_deliverability=False)
    return checked.normalized.removesuffix(_ORDINARY)


def check_password(password: str, field: str = "password") -> None:
    """Raise `InvalidRequest` when `password` is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        reason = f"It must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        raise InvalidRequest("Invalid password", field=field, reason=reason)
