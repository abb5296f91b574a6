"""A model whose server answers with something strange is tried, and its trial says so.

Covers: executor.models.remote
"""

from typing import Any

import pytest

from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.own import Owner
from executor.models.patience import ModelPatience
from executor.models.trying import Trials


@pytest.fixture
async def trials(server: Any) -> Any:
    places = {name: Access("sk-any", server.url) for name in ("anthropic", "google")}
    server.strict = False
    patience = ModelPatience(longest=0.3, first=0.01)
    models = Models(ModelSettings(places, timeout=60, patience=patience))
    yield Trials(models)
    await models.close()


@pytest.mark.parametrize("answer", [{}, [], None, 7, {"content": 5}, {"content": [None]}])
async def test_a_trial_at_a_server_that_answers_strangely_says_so(
    trials: Trials, server: Any, answer: Any
) -> None:
    server.answers = [answer]
    trial = await trials.of("anthropic:claude-x", Owner("ws_1", {}))
    assert trial.code == "MODEL_ERROR"
    assert "claude-x" in str(trial.message)
    assert len(server.asked) == 1
