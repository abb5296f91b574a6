"""Finds personal data in texts by its form: what can be told from it without knowing what the text is about.

Names and postal addresses have no form and are not found; docs/guide/guardrails.md says so.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import ip_address

from common.contracts.guardrails import PersonalKind

_WINDOW = 50_000
"""Characters searched at a time: a search holds the interpreter, on every thread."""
_LONGEST = 400
"""The longest match; windows overlap by as much."""
_CARD = re.compile(r"(?<![\d.,])\d(?:[ -]?\d){11,18}(?![\d]|[.,]\d)")
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_IP = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:]|\.\d)"
)
_NO_DIGITS_BEFORE = r"(?<![\w.,+/-])(?<!\d )"
_PHONE = re.compile(
    rf"{_NO_DIGITS_BEFORE}(?:\+|00)[1-9](?:[ ./-]?\(?\d\)?){{6,14}}(?!\d)"
    rf"|{_NO_DIGITS_BEFORE}\(?0\d{{2,5}}\)?(?: ?[/-] ?| )\d(?:[ /-]?\d){{4,10}}(?!\d)"
    rf"|{_NO_DIGITS_BEFORE}\(?[2-9]\d{{2}}\)?[ .-][2-9]\d{{2}}[ .-]\d{{4}}(?!\d)"
)


def is_card(text: str) -> bool:
    """Return whether `text` is the number of a payment card: 13 to 19 digits with a check digit (ISO/IEC 7812-1)."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    if not 13 <= len(digits) <= 19 or digits[0] not in {2, 3, 4, 5, 6}:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """Return whether `text` is an account number by ISO 13616, with its check digits."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def is_address(text: str) -> bool:
    """Return whether `text` is an IP address of another machine: not a loopback one, and not `::`."""
    try:
        found = ip_address(text)
    except ValueError:
        return False
    return not (found.is_loopback or found.is_unspecified) and text.strip(":") != ""


def _is_phone(text: str) -> bool:
    return 7 <= sum(sign.isdigit() for sign in text) <= 15


_FORMS: Mapping[PersonalKind, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "card": (_CARD, is_card),
    "email": (_EMAIL, lambda text: ".." not in text),
    "iban": (_IBAN, is_iban),
    "ip_address": (_IP, is_address),
    "phone": (_PHONE, _is_phone),
}
NAMES: Mapping[PersonalKind, str] = {
    "card": "a card number",
    "email": "an e-mail address",
    "iban": "an account number (IBAN)",
    "ip_address": "an IP address",
    "phone": "a telephone number",
}


def first_personal_data(
    text: str, kinds: Collection[PersonalKind], allowed: Collection[str]
) -> tuple[PersonalKind, str] | None:
    """Return the first personal data in `text` that is not `allowed`, with its kind; None if there is none."""
    for kind in sorted(kinds):
        form, fits = _FORMS[kind]
        for found in _matches(form, text):
            if fits(found) and found not in allowed:
                return kind, found
    return None


def _matches(form: re.Pattern[str], text: str) -> Iterator[str]:
    for start in range(0, max(1, len(text)), _WINDOW):
        end = start + _WINDOW + _LONGEST
        for found in form.finditer(text, max(0, start - _LONGEST), end):
            yield found[0]
