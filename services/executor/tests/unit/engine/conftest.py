"""Fixtures for the engine: a run without a store, over scripted models and tools."""

from types import SimpleNamespace

import pytest
from executor_testkit.engine.ledger import START, Ledger
from executor_testkit.engine.models import Script, calls
from executor_testkit.engine.stage import Stage, make_crew, types
from executor_testkit.engine.tools import Drawer


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    return SimpleNamespace(
        crew=make_crew,
        calls=calls,
        types=types,
        Script=Script,
        Drawer=Drawer,
        Stage=Stage,
        Ledger=Ledger,
        START=START,
    )
