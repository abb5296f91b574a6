"""Answers of other versions can be read.

Covers: kasal_client.base
"""

from datetime import UTC, datetime

from kasal_client.base import JobEvent
from kasal_client.events import TaskStartEvent, read_event
from kasal_client.models import ApiKeyMade, CrewView, ExecutionDetail

CREW = {
    "id": "crew_1",
    "name": "Tea",
    "description": "",
    "process": "sequential",
    "status": "active",
    "version": 1,
    "published_version": None,
    "agents": [{"id": "agent_1", "name": "Ada", "role": "Ada", "goal": "Help", "model": "offline"}],
    "tasks": [],
    "configuration": {},
    "missing": [],
    "created_at": "2026-11-27T14:44:54.463Z",
    "updated_at": "2026-11-27T14:44:54.463Z",
}


def test_a_newer_servers_fields_are_kept():
    crew = CrewView.model_validate({**CREW, "colour": "green", "status": "sleeping"})
    assert crew.colour == "green"
    assert crew.status == "sleeping"
    assert crew.created_at == datetime(2026, 11, 27, 14, 44, 54, 463000, UTC)
    assert crew.model_dump(mode="json")["created_at"] == "2026-11-27T14:44:54.463Z"


def test_what_does_not_fit_is_left_as_it_came():
    crew = CrewView.model_validate({**CREW, "version": "three", "created_at": "soon"})
    assert crew.version == "three"
    assert crew.created_at == "soon"
    assert crew.agents[0].role == "Ada"


def test_what_an_older_server_does_not_send_is_none():
    crew = CrewView.model_validate({"id": "crew_1", "name": "Tea"})
    assert (crew.name, crew.version, crew.agents) == ("Tea", None, None)
    assert (
        ExecutionDetail.model_validate({"job_id": "job_1", "usage": {"requests": 1}}).usage.requests
        == 1
    )


def test_an_event_of_an_unknown_type_is_an_event():
    event = read_event({"type": "moon_phase", "job_id": "job_1", "seq": 3, "phase": "full"})
    assert type(event) is JobEvent
    assert (event.type, event.seq, event.phase, event.is_last) == ("moon_phase", 3, "full", False)


def test_an_event_that_lacks_a_field_is_of_its_class():
    event = read_event({"type": "task_start", "job_id": "job_1", "seq": 2})
    assert isinstance(event, TaskStartEvent)
    assert event.agent is None


def test_no_repr_shows_a_secret():
    made = ApiKeyMade.model_validate({"id": "key_1", "name": "CI", "key": "sk-secret"})
    assert made.key == "sk-secret"
    assert "sk-secret" not in repr(made)
