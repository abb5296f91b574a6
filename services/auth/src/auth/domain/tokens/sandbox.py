"""The sandbox: one workspace that everybody who knows the sandbox token shares."""

from common.errors import Forbidden
from common.identity import Identity, Role

WORKSPACE = "ws_sandbox"
USER = "usr_sandbox"
SESSION = "sandbox"
ROLE = Role.ADMIN
"""High enough for the custom tools of the API document's examples."""


def refuse_sandbox(caller: Identity) -> None:
    """Raise `Forbidden` for callers in the sandbox: they cannot decide who shares it."""
    if caller.session_id == SESSION:
        raise Forbidden("The shared sandbox has no members and API keys; register for those.")
