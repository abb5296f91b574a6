"""What the import of crews takes and answers."""

from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import Field, ValidationError

from common.contracts.crew import AgentSnapshot, Configuration, Lack, TaskSnapshot
from common.errors import InvalidRequest, UnsupportedMediaType
from common.web.forms import FormReader, PartHead
from common.web.http import invalid_request
from common.web.models import AnswerModel, RequestModel, text
from crews.domain.crew import Crew
from crews.domain.importing import MOST_FILES
from crews.routes.bodies import CrewState

_Name: Any = text(200)
_FILE = "crew.yaml"
_LONGEST_NAME = 200
_ZIP = b"PK\x03\x04"
_YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})


class CrewImport(RequestModel):
    name: _Name | None = Field(
        default=None,
        description="What the crew is called; by default as the file says",
        examples=["Research"],
    )
    files: dict[str, str] = Field(
        min_length=1,
        max_length=MOST_FILES,
        description="The texts of the files, by their names",
        examples=[{"agents.yaml": "researcher:\n  role: Researcher\n  goal: Know {topic}\n"}],
    )


class UnreadPart(AnswerModel):
    path: str = Field(
        description="Where in the files it is", examples=["agents.researcher.max_rpm"]
    )
    reason: str = Field(
        description="Why it has no counterpart, and what to do instead",
        examples=["Providers' own limits are waited for; there is no setting"],
    )


class CrewContent(AnswerModel):
    """What a crew is made of."""

    name: str
    description: str
    process: str
    agents: list[AgentSnapshot]
    tasks: list[TaskSnapshot]
    configuration: Configuration


class ImportAnswer(AnswerModel):
    id: str | None = Field(description="The crew; null if none was made", examples=["crew_xyz789"])
    name: str = Field(examples=["Research"])
    status: CrewState = Field(description="Whether it can run", examples=["active"])
    version: int = Field(description="The crew's version", examples=[1])
    warnings: list[UnreadPart] = Field(
        description="What has no counterpart here, or was read otherwise than it might seem"
    )
    missing: list[Lack] = Field(description="What the crew needs to be `active`")
    crew: CrewContent | None = Field(
        default=None,
        description="With `dry_run`: what would be made",
        exclude_if=lambda crew: crew is None,
    )
    changes: list[dict[str, Any]] | None = Field(
        default=None,
        description="With `dry_run` and `crew_id`: what would change, as a JSON Patch (RFC 6902)",
        examples=[[{"op": "replace", "path": "/tasks/1/description", "value": "Write it down"}]],
        exclude_if=lambda changes: changes is None,
    )


_EXAMPLE = {
    "agents.yaml": "researcher:\n  role: Researcher\n  goal: Know {topic}\n  llm: openai/gpt-4o\n",
    "tasks.yaml": "research:\n  description: Research {topic}\n  expected_output: Ten points\n",
}
_OUR_EXAMPLE = """\
kasal: 1
name: Research
agents:
  - role: Researcher
    goal: Know {topic}
    model: gpt-4o
tasks:
  - name: research
    description: Research {topic}
"""
IMPORT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": CrewImport.model_json_schema(),
            "example": {"name": "Research", "files": _EXAMPLE},
        },
        "application/yaml": {"schema": {"type": "string"}, "example": _OUR_EXAMPLE},
        "multipart/form-data": {
            "example": {"name": "Research", **_EXAMPLE},
            "schema": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "A part for each file, with its name; the part `name` names the crew",
            },
        },
    },
}


def import_of(content_type: str, body: bytes) -> CrewImport:
    """Return what a request of any of the media types brings. Raises `InvalidRequest`."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _check(_parts(content_type, body))
    if kind == "application/json" or kind.endswith("+json"):
        return _check(_json(body))
    if kind not in _YAML:
        raise UnsupportedMediaType(
            "The body must be application/yaml, application/json or multipart/form-data; its "
            f"Content-Type is {kind or 'missing'}.",
            field="Content-Type",
        )
    return _check({"files": {_FILE: _text(body, _FILE)}})


def import_answer(
    crew: Crew,
    warnings: Sequence[dict[str, str]],
    *,
    shown: bool = False,
    changes: Sequence[dict[str, Any]] | None = None,
) -> ImportAnswer:
    """Return what was made; with `shown`, what would be. A crew that is changed has an id then."""
    return ImportAnswer(
        id=None if shown and changes is None else crew.id,
        name=crew.name,
        status=crew.status,
        version=crew.version,
        warnings=[UnreadPart(**one) for one in warnings],
        missing=crew.lacks,
        crew=_content(crew) if shown else None,
        changes=None if changes is None else list(changes),
    )


def _content(crew: Crew) -> CrewContent:
    return CrewContent(
        name=crew.name,
        description=crew.description,
        process=crew.process,
        agents=[AgentSnapshot.model_validate(agent.model_dump()) for agent in crew.agents],
        tasks=[TaskSnapshot.model_validate(task.model_dump()) for task in crew.tasks],
        configuration=crew.configuration,
    )


def _check(sent: Any) -> CrewImport:
    try:
        return CrewImport.model_validate(sent)
    except ValidationError as fault:
        told = [{**one, "loc": ("body", *one["loc"])} for one in fault.errors(include_url=False)]
        raise invalid_request(told, CrewImport) from None


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        reason = f"The body is not JSON: {fault}"
        raise InvalidRequest(reason, field="body", reason=reason) from None


def _parts(content_type: str, body: bytes) -> dict[str, Any]:
    """Return the parts of a form: files by their names, and the crew's name."""
    sent: dict[str, Any] = {"files": {}}
    for head, content in _read(content_type, body):
        if head.field == "name" and not head.file_name:
            sent["name"] = _text(content, "name")
            continue
        name = (head.file_name or head.field or _FILE)[:_LONGEST_NAME]
        if name in sent["files"]:
            raise InvalidRequest(f"{name} is given twice.", field=name, reason="It is given twice")
        sent["files"][name] = _text(content, name)
    return sent


def _read(content_type: str, body: bytes) -> list[tuple[PartHead, bytearray]]:
    found: list[tuple[PartHead, bytearray]] = []
    form = FormReader(content_type, most_parts=MOST_FILES + 1)
    for piece in form.feed(body):
        if piece.head is not None:
            found.append((piece.head, bytearray()))
        else:
            found[-1][1].extend(piece.data)
    form.end()
    return found


def _text(raw: bytes | bytearray, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        reason = f"It is not UTF-8: {fault.reason} at byte {fault.start}"
        if raw.startswith(_ZIP):
            reason = "It is a zip archive: send the YAML files that are in it"
        raise InvalidRequest(f"{name} cannot be read.", field=name, reason=reason) from None
