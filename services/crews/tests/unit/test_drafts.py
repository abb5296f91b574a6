"""Covers: common.contracts.crew_fields"""

import pytest
from pydantic import ValidationError

from crews.domain.drafts import (
    AgentChanges,
    AgentRequest,
    CrewChanges,
)


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("gtp-4o", "gpt-4o"),
        ("gpt4o", "gpt-4o"),
        ("calude-3-opus", "claude-3-opus"),
        ("anthropc:claude-3-opus", "anthropic:claude-3-opus"),
        ("gemni-2.5-pro", "gemini-2.5-pro"),
    ],
)
def test_an_unknown_model_is_told_what_was_meant(model: str, meant: str) -> None:
    for make in (
        lambda: AgentRequest(crew_id="c", role="r", goal="g", model=model),
        lambda: AgentChanges(model=model),
        lambda: CrewChanges(configuration={"manager_model": model}),
    ):
        with pytest.raises(ValidationError, match=f"did you mean {meant}"):
            make()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("openai/gpt-4o", "openai:gpt-4o"),
        ("anthropic/claude-3-opus", "anthropic:claude-3-opus"),
        ("gemini/gemini-2.5-pro", "google:gemini-2.5-pro"),
        *((one, one) for one in ("gpt-4", "claude-3-opus", "ollama/llama3.2", "openai:any", "o3")),
    ],
)
def test_models_that_can_be_had(given: str, kept: str) -> None:
    assert AgentChanges(model=given).model == kept
