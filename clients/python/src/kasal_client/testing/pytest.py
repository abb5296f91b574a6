"""Fixtures for pytest. Ask for them: `pytest_plugins = ["kasal_client.testing.pytest"]` in a `conftest.py`.

`kasal_platform` is one platform for all tests, with `scripted_model` behind every model of the OpenAI family; `kasal` is
a client of a user of its own, in an empty workspace, for each test.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kasal_client.sync.client import Kasal

from .model import ScriptedModel
from .platform import Platform


@pytest.fixture(scope="session")
def scripted_model() -> Iterator[ScriptedModel]:
    """A model that all tests share: say with `when` for which requests an answer is."""
    with ScriptedModel() as model:
        yield model


@pytest.fixture(scope="session")
def kasal_settings() -> dict[str, str]:
    """Settings of the platform; define it anew to change them."""
    return {}


@pytest.fixture(scope="session")
def kasal_platform(
    scripted_model: ScriptedModel, kasal_settings: dict[str, str]
) -> Iterator[Platform]:
    """A platform for all tests."""
    with Platform(model=scripted_model, settings=kasal_settings) as platform:
        yield platform


@pytest.fixture
def kasal(kasal_platform: Platform) -> Iterator[Kasal]:
    """A client of a new user in an empty workspace."""
    email, password = kasal_platform.new_user()
    with Kasal(kasal_platform.url, email=email, password=password) as client:
        yield client
