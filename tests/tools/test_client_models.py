"""The client's models are made from the OpenAPI document, as open as the API is."""

from typing import Any

from tools.client_models import modules, tidy


def document(**schemas: Any) -> dict[str, Any]:
    event = {
        "type": "object",
        "description": "It began",
        "properties": {"type": {"const": "start"}, "crew": {"$ref": "#/components/schemas/Crew"}},
        "required": ["type"],
    }
    union = {"oneOf": [{"$ref": "#/components/schemas/StartEvent"}]}
    delta = {"type": "object", "properties": {"type": {"const": "text_delta"}}}
    own = {"StartEvent": event, "TraceEvent": union, "TextDelta": delta, "StreamedEvent": {}}
    crew = {"type": "object", "properties": {}}
    return {"components": {"schemas": {"Crew": crew, **schemas, **own}}}


def models(**fields: Any) -> str:
    schema = {"type": "object", "properties": fields, "required": ["needed", "schema"]}
    return tidy(modules(document(Thing=schema))["models.py"])


def test_a_field_has_its_type_its_default_and_its_meaning() -> None:
    text = models(
        needed={"type": "string", "enum": ["a", "b"], "description": "Which"},
        schema={"type": "object"},
        made_at={"type": "string"},
        sizes={"type": "array", "items": {"type": "integer"}, "default": []},
        token={"anyOf": [{"type": "string"}, {"type": "null"}]},
        rule={
            "oneOf": [{"$ref": "#/components/schemas/Crew"}, {"$ref": "#/components/schemas/Thing"}]
        },
        prices={"type": "object", "additionalProperties": {"type": "number"}},
    )
    for line in (
        '    needed: Literal["a", "b"] | str\n    """Which."""\n',
        '    schema_: dict[str, Any] = Field(alias="schema")\n',
        "    made_at: Timestamp | None = None\n",
        "    sizes: list[int] = Field(default_factory=list)\n",
        "    token: str | None = Field(default=None, repr=False)\n",
        "    rule: Any = None\n",
        "    prices: dict[str, float] | None = None\n",
    ):
        assert line in text, f"{line} is not in\n{text}"


def test_what_a_model_refers_to_stands_before_it() -> None:
    first = {"type": "object", "properties": {"z": {"$ref": "#/components/schemas/Zebra"}}}
    text = modules(document(Ant=first, Zebra={"type": "object", "properties": {}}))["models.py"]
    assert text.index("class Zebra") < text.index("class Ant")


def test_events_are_classes_by_their_type() -> None:
    text = tidy(modules(document())["events.py"])
    assert 'class StartEvent(JobEvent):\n    """It began."""\n' in text
    assert '    type: Literal["start"]\n' in text
    assert "from .models import Crew\n" in text
    assert '    "start": StartEvent,\n' in text
