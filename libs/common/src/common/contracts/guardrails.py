"""Guardrails: rules that an answer must meet. A text is judged by a model; the kinds here need none.

docs/guide/guardrails.md describes them for users.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    model_validator,
)

from common.contracts.alternatives import alternative
from common.contracts.bodies import ExactNumbers
from common.schemas.checking import form_fault

PersonalKind = Literal["card", "email", "iban", "ip_address", "phone"]
Part = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Parts = Annotated[list[Part], Field(max_length=100, fail_fast=True)]
RuleText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000)]
Message = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)]


def _storable_schema(value: dict[str, Any]) -> dict[str, Any]:
    fault = form_fault(value)
    if fault is not None:
        raise ValueError(fault.reason)
    return value


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


class _Rule(ExactNumbers):
    model_config = ConfigDict(extra="forbid", frozen=True)

    message: Message = Field(
        default="",
        description="What the agent is told beside the reason when its answer does not meet the rule",
        examples=["Write the report in English"],
    )

    @property
    def told(self) -> str:
        """The rule as an agent is told of it."""
        raise NotImplementedError


class RegexRule(_Rule):
    """The answer must contain what the pattern describes or, with `forbid`, must not."""

    kind: Literal["regex"]
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=2_000)] = Field(
        description="A regular expression (ECMA-262), found anywhere in the answer; `^` and `$` are its ends",
        examples=["^# "],
    )
    forbid: bool = Field(default=False, description="The pattern must not occur", examples=[False])

    @property
    def told(self) -> str:
        verb = "must not match" if self.forbid else "matches"
        return f"it {verb} the regular expression {self.pattern}"


class LengthRule(_Rule):
    """The answer must have at least `min` and at most `max` characters, words or lines."""

    kind: Literal["length"]
    min: Annotated[int, Field(ge=0, le=10_000_000)] | None = Field(
        default=None, description="At least so many", examples=[100]
    )
    max: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, description="At most so many", examples=[500]
    )
    unit: Literal["characters", "words", "lines"] = Field(
        default="characters", description="What is counted", examples=["words"]
    )

    @model_validator(mode="after")
    def _check_bounds(self) -> "LengthRule":
        if self.min is None and self.max is None:
            raise ValueError("Give `min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(
                f"`min` ({self.min}) is above `max` ({self.max}): no answer can meet it"
            )
        return self

    @property
    def told(self) -> str:
        bounds = [f"at least {self.min}"] * (self.min is not None)
        bounds += [f"at most {self.max}"] * (self.max is not None)
        return f"it has {' and '.join(bounds)} {self.unit}"


class ContainsRule(_Rule):
    """The answer must contain all of `all`, one of `any`, and none of `none`."""

    kind: Literal["contains"]
    all: Parts = Field(default=[], description="Texts that must all occur", examples=[["Sources:"]])
    any: Parts = Field(
        default=[], description="Texts of which one must occur", examples=[["yes", "no"]]
    )
    none: Parts = Field(
        default=[], description="Texts that must not occur", examples=[["as an AI"]]
    )
    ignore_case: bool = Field(
        default=False, description="Upper and lower case are the same", examples=[True]
    )

    @model_validator(mode="after")
    def _check_parts(self) -> "ContainsRule":
        if not (self.all or self.any or self.none):
            raise ValueError("Give texts as `all`, `any` or `none`")
        return self

    @property
    def told(self) -> str:
        told = [f"all of {_json(self.all)}"] * bool(self.all)
        told += [f"one of {_json(self.any)}"] * bool(self.any)
        told += [f"none of {_json(self.none)}"] * bool(self.none)
        return f"it contains {', '.join(told)}"


class JsonSchemaRule(_Rule):
    """The answer must have a JSON value that meets the schema; it stays as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    kind: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], AfterValidator(_storable_schema)] = Field(
        alias="schema",
        description="A JSON Schema (draft 2020-12)",
        examples=[{"type": "object", "required": ["title"]}],
    )

    @property
    def told(self) -> str:
        return f"it has a JSON value that meets this schema: {_json(self.schema_)}"


class PersonalDataRule(_Rule):
    """The answer must have no personal data of these kinds."""

    kind: Literal["no_personal_data"]
    kinds: Annotated[list[PersonalKind], Field(min_length=1, max_length=10)] = Field(
        default=["card", "email", "iban", "ip_address", "phone"],
        description="Which kinds of data are looked for; all of them by default",
        examples=[["email", "phone"]],
    )
    allow: Parts = Field(
        default=[],
        description="Data that may occur, written exactly so",
        examples=[["support@example.com"]],
    )

    @property
    def told(self) -> str:
        return f"it has no personal data ({', '.join(self.kinds)})"


class TokensRule(_Rule):
    """The answer must have at most `max` tokens, as budgets estimate them: four bytes each."""

    kind: Literal["max_tokens"]
    max: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        description="At most so many tokens", examples=[500]
    )

    @property
    def told(self) -> str:
        return f"it has at most {self.max} tokens"


AnyRule = RegexRule | LengthRule | ContainsRule | JsonSchemaRule | PersonalDataRule | TokensRule
KINDS = ("regex", "length", "contains", "json_schema", "no_personal_data", "max_tokens")


def _tag_of_kind(rule: Any) -> str | None:
    kind = rule.get("kind") if isinstance(rule, dict) else getattr(rule, "kind", None)
    return alternative(kind) if kind in KINDS else None


def _tag_of_shape(guardrail: Any) -> str | None:
    shapes = {str: "words", list: "rules", dict: "rule"}
    found = next((name for shape, name in shapes.items() if isinstance(guardrail, shape)), None)
    found = "rule" if found is None and isinstance(guardrail, BaseModel) else found
    return None if found is None else alternative(found)


Rule = Annotated[
    Annotated[RegexRule, Tag(alternative("regex"))]
    | Annotated[LengthRule, Tag(alternative("length"))]
    | Annotated[ContainsRule, Tag(alternative("contains"))]
    | Annotated[JsonSchemaRule, Tag(alternative("json_schema"))]
    | Annotated[PersonalDataRule, Tag(alternative("no_personal_data"))]
    | Annotated[TokensRule, Tag(alternative("max_tokens"))],
    Discriminator(
        _tag_of_kind,
        custom_error_type="guardrail_kind",
        custom_error_message=f"The `kind` of a guardrail is one of {', '.join(KINDS)}; a rule in words is a text",
    ),
]
"""A rule that needs no model."""
_SHAPE = Discriminator(
    _tag_of_shape,
    custom_error_type="guardrail_shape",
    custom_error_message="A guardrail is a text, an object with a `kind`, or a list of these",
)
_One = Annotated[
    Annotated[RuleText, Tag(alternative("words"))] | Annotated[Rule, Tag(alternative("rule"))],
    _SHAPE,
]
Guardrail = Annotated[
    Annotated[RuleText, Tag(alternative("words"))]
    | Annotated[Rule, Tag(alternative("rule"))]
    | Annotated[
        list[_One],
        Field(min_length=1, max_length=20, fail_fast=True),
        Tag(alternative("rules")),
    ],
    _SHAPE,
]
"""What a task's `guardrail` may be."""

_RULES: TypeAdapter[Any] = TypeAdapter(list[_One])


def rules_of(guardrail: Any) -> list[str | AnyRule]:
    """Return a stored guardrail as its rules, in order. Raises `ValueError` if it cannot be read."""
    if not guardrail:
        return []
    rules: list[str | AnyRule] = _RULES.validate_python(
        guardrail if isinstance(guardrail, list) else [guardrail]
    )
    return rules
