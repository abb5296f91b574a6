"""What tests of crews need: a model that answers by a script, and a platform of one's own.

`pytest_plugins = ["kasal_client.testing.pytest"]` in a `conftest.py` gives their fixtures.
"""

from .model import Gate, ModelRequest, ScriptedModel
from .platform import Platform, PlatformError

__all__ = ["Gate", "ModelRequest", "Platform", "PlatformError", "ScriptedModel"]
