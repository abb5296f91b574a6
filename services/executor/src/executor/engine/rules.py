"""Guardrails that need no model: what is wrong with an answer under each kind of rule."""

import re
from functools import partial

from common.contracts.guardrails import (
    AnyRule,
    ContainsRule,
    JsonSchemaRule,
    LengthRule,
    PersonalDataRule,
    RegexRule,
    TokensRule,
)
from common.schemas.patterns import PatternFault, matches
from common.schemas.validation import beside_the_loop, complaint_within
from executor.engine import values
from executor.engine.history import Output
from executor.engine.personal_data import NAMES, first_personal_data
from executor.models import counting

_SHORT = 4_000
"""The longest answer that simple rules are checked on at once."""
_SIMPLE = (LengthRule, ContainsRule, PersonalDataRule, TokensRule)
_WORD = re.compile(r"\S+")


async def objection(rule: AnyRule, output: Output) -> str:
    """Return what is wrong with `output` under `rule`, or an empty text. What may be slow runs beside the loop."""
    check = partial(_objection, rule, output)
    if isinstance(rule, _SIMPLE) and len(output.text) <= _SHORT:
        found = check()
    else:
        found = await beside_the_loop(check)
    return f"{found}. {rule.message}".strip() if found else ""


def _objection(rule: AnyRule, output: Output) -> str:
    text = output.text
    match rule:
        case RegexRule():
            return _against_pattern(rule, text)
        case LengthRule():
            return _against_length(rule, text)
        case ContainsRule():
            return _against_parts(rule, text)
        case JsonSchemaRule():
            return _against_schema(rule, output)
        case PersonalDataRule():
            return _against_personal_data(rule, text)
        case TokensRule():
            count = counting.tokens_of(text)
            return _too_many(count, rule.max, "tokens")


def _against_pattern(rule: RegexRule, text: str) -> str:
    try:
        found = matches(rule.pattern, text)
    except PatternFault as fault:
        return f"it cannot be checked against the pattern, so it has to be shorter: {fault}"
    if found == rule.forbid:
        told = "must not have what this pattern finds" if rule.forbid else "must fit this pattern"
        return f"it {told}: {rule.pattern}"
    return ""


def _against_length(rule: LengthRule, text: str) -> str:
    if rule.unit == "words":
        count = sum(1 for _ in _WORD.finditer(text))
    else:
        count = len(text) if rule.unit == "characters" else len(text.splitlines())
    if rule.min is not None and count < rule.min:
        return f"it has {count} {rule.unit}, and at least {rule.min} are needed"
    return "" if rule.max is None else _too_many(count, rule.max, rule.unit)


def _too_many(count: int, most: int, unit: str) -> str:
    return f"it has {count} {unit}, and at most {most} are allowed" if count > most else ""


def _against_parts(rule: ContainsRule, text: str) -> str:
    whole = text.casefold() if rule.ignore_case else text

    def there(part: str) -> bool:
        return (part.casefold() if rule.ignore_case else part) in whole

    missing = [part for part in rule.all if not there(part)]
    if missing:
        return f"it must contain {_list_of(missing)}"
    if rule.any and not any(there(part) for part in rule.any):
        return f"it must contain one of {_list_of(rule.any)}"
    unwanted = [part for part in rule.none if there(part)]
    return f"it must not contain {_list_of(unwanted)}" if unwanted else ""


def _list_of(parts: list[str]) -> str:
    told = ", ".join(f'"{part[:100]}"' for part in parts[:10])
    return f"{told} …" if len(parts) > 10 else told


def _against_schema(rule: JsonSchemaRule, output: Output) -> str:
    complaint = partial(complaint_within, rule.schema_)
    try:
        if isinstance(output.value, str):
            values.find_value(output.text, complaint)
            return ""
    except values.UnreadableValue as fault:
        return str(fault)
    return complaint(output.value) or ""


def _against_personal_data(rule: PersonalDataRule, text: str) -> str:
    found = first_personal_data(text, rule.kinds, rule.allow)
    if found is None:
        return ""
    kind, data = found
    return f"it must have no personal data, and it has {NAMES[kind]}: {_mask(data)}"


def _mask(data: str) -> str:
    """Return enough of personal data to find it, and not all of it: the reason is kept in the trace."""
    return f"{data[:3]}…{data[-2:]}"
