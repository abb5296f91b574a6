"""One platform for all tests of the client."""

import pytest

from kasal_client.testing.pytest import (  # noqa: F401 - fixtures
    kasal,
    kasal_platform,
    kasal_settings,
    scripted_model,
)


@pytest.fixture(autouse=True)
def _nobody_is_logged_in(tmp_path, monkeypatch):
    """Keep tests away from the profile and the settings of whoever runs them."""
    for name in ("KASAL_URL", "KASAL_API_KEY", "KASAL_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
