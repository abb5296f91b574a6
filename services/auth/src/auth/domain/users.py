"""Users and what an e-mail address and a password must be."""

from dataclasses import dataclass
from datetime import datetime

from email_validator import EmailNotValidError, validate_email

from common.errors import InvalidRequest

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 200


@dataclass(frozen=True, slots=True)
class User:
    """A person. `home` is the workspace that was made with the account."""

    id: str
    email: str
    name: str
    password_hash: str
    home: str
    created_at: datetime


def account_of(email: str) -> str:
    """Return the form of an address by which accounts are told apart."""
    return email.strip().casefold()


def checked_email(email: str) -> str:
    """Return the address as it should be stored. Raises `InvalidRequest`.

    Nothing is looked up in DNS, and names that never leave a private network are accepted.
    """
    try:
        checked = validate_email(
            email.strip(), check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError as fault:
        raise InvalidRequest("Invalid e-mail address", field="email", reason=str(fault)) from None
    return checked.normalized


def check_password(password: str) -> None:
    """Raise `InvalidRequest` when `password` is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        reason = f"It must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        raise InvalidRequest("Invalid password", field="password", reason=reason)
