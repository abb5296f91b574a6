"""Guardrails as callers send them.

Covers: common.contracts.alternatives
"""

import pytest
from pydantic import TypeAdapter, ValidationError

from common.contracts.alternatives import alternative, alternative_name
from common.contracts.crew_fields import TaskFields
from common.contracts.fields import Fields, json_objects, plain
from common.contracts.guardrails import Guardrail, RegexRule, rules_of
from common.web.http import invalid_request

READ = TypeAdapter(Guardrail)


@pytest.mark.parametrize(
    ("sent", "field", "told"),
    [
        ({"kind": "regexp"}, "", "one of regex"),
        ({"pattern": "x"}, "", "one of regex"),
        (7, "", "a text, an object"),
        ([], "", "at least 1"),
        (["fine", 7], "1", "a text, an object"),
        ([{"kind": "regex"}], "0.pattern", "required"),
        ({"kind": "length"}, "", "`min`, `max` or both"),
        ({"kind": "length", "min": 3, "max": 2}, "", "no answer can meet it"),
        ({"kind": "contains"}, "", "`all`, `any` or `none`"),
        ({"kind": "max_tokens", "max": 0}, "max", "greater than or equal to 1"),
        ({"kind": "no_personal_data", "kinds": ["names"]}, "kinds.0", "email"),
        ({"kind": "json_schema", "schema": 5}, "schema", "an object"),
        ({"kind": "regex", "pattern": "x", "patern": "y"}, "patern", "Extra"),
        (["x"] * 21, "", "at most 20"),
    ],
)
def test_a_fault_is_named_by_the_path_that_the_caller_knows(sent, field, told):
    with pytest.raises(ValidationError) as caught:
        READ.validate_python(sent)
    found = invalid_request(caught.value.errors()).details
    assert found["field"] == field
    assert told in found["reason"]


def test_what_is_stored_is_read_again():
    sent = [
        {"kind": "json_schema", "schema": {"$ref": "#"}},
        "Be brief",
        {"kind": "regex", "pattern": "x"},
    ]

    @plain
    class Stored(TaskFields):
        pass

    stored = Stored(
        description="", expected_output="", guardrail=READ.dump_python(READ.validate_python(sent))
    )
    read = rules_of(stored.guardrail)
    assert [rule if isinstance(rule, str) else rule.kind for rule in read] == [
        "json_schema", "Be brief", "regex"
    ]  # fmt: skip
    assert "guardrail" in json_objects(Stored), "its keys may be ones that no database holds"
    assert rules_of(None) == rules_of([]) == []
    assert rules_of("Be brief") == ["Be brief"]


def test_a_model_in_a_declaration_is_stored_as_a_json_object():
    class Declared(Fields):
        rule: RegexRule | None = None

    @plain
    class Stored(Declared):
        pass

    assert Stored(rule={"kind": "of a newer version"}).rule == {"kind": "of a newer version"}


def test_only_tags_are_taken_for_alternatives():
    assert alternative_name(alternative("words")) == "words"
    assert [alternative_name(part) for part in ("words", 0, "<", "")] == [None] * 4
