"""The keys in Redis by which auth tells both doors of revocations; see docs/reference/internal-api.md."""

API_KEY_ID = "key_"
"""What the ids of API keys begin with."""
LOADED_KEY = "kasal:revocations:loaded"
"""Set while this Redis has been filled by auth since it was last empty."""


def session_key(session_id: str) -> str:
    """Return the key that is there while no token of this login or API key holds."""
    return f"kasal:revoked:session:{session_id}"


def user_key(workspace_id: str, user_id: str) -> str:
    """Return the key that holds the second up to which this user's tokens are revoked."""
    return f"kasal:revoked:user:{workspace_id}:{user_id}"
