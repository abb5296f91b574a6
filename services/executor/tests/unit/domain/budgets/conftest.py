"""What tests of budgets share."""

import pytest

from common.process.backoff import Backoff
from executor.domain.budgets import ledger as ledgers


@pytest.fixture
def soon(monkeypatch):
    """Let ledgers ask a store again at once that did not answer."""
    monkeypatch.setattr(ledgers, "_AWAY", Backoff((0.001,)))
