"""The short name of `kasal_client`: `from kasal import Kasal`."""

from kasal_client import *  # noqa: F403
from kasal_client import __all__ as __all__
from kasal_client import __version__ as __version__
