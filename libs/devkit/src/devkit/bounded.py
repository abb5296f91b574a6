"""Queries without a limit, and what bounds them. Each is `service: command collection(fields)`."""

from collections.abc import Mapping

_WORKERS = "as many as there are workers"
_SKIPS = "an index is skipped through, from one value to the next"
_EXPIRED = "what has expired since the last sweep, which removes it"
_DAY = "what was revoked in the last day, read when a process starts"
_COUNTED = "KASAL_CREW_LIMIT: counted again after a process died during a change"

BOUNDED: Mapping[str, str] = {
    "executor: find workers()": _WORKERS,
    "executor: distinct executions(open, owner)": _SKIPS,
    "executor: distinct executions(open, owner, status)": _SKIPS,
    "executor: find executions(idempotency.until)": "a step of a migration",
    "executor: delete receipts(until)": _EXPIRED,
    "auth: find signing_keys()": "as many as are in use in a rotation",
    "auth: find sessions(revoked_until)": _DAY,
    "auth: find api_keys(revoked_until)": _DAY,
    "auth: find workspaces(shut_outs.until)": _DAY,
    "auth: find workspaces(members.user_id)": "a person's workspaces",
    "auth: find api_keys(revoked_at, workspace_id)": "key_cabinet.MOST_KEYS, and those revoked in a day",
    "crews: find crews(workspace_id)": _COUNTED,
    "crews: find tools(workspace_id)": "KASAL_TOOL_LIMIT",
    "crews: find mcp_servers(workspace_id)": "KASAL_MCP_SERVER_LIMIT",
    "crews: find mcp_servers(name, workspace_id)": "KASAL_MCP_SERVER_LIMIT",
    **{
        f"{service}: update {collection}({fields})": _EXPIRED
        for service, collection in (
            ("auth", "users"),
            ("auth", "workspaces"),
            ("auth", "api_keys"),
            ("crews", "crews"),
            ("crews", "tools"),
            ("executor", "files"),
            ("crews", "mcp_servers"),
        )
        for fields in ("idempotency, idempotency.until", "idempotency.until")
    },
}

OWNED: Mapping[str, str] = {
    "auth: sessions": "user_id",
    "auth: invitations": "workspace_id",
    "auth: api_keys": "workspace_id",
    "auth: workspaces": "members.user_id",
    "crews: memories": "keyed",  # KASAL_MEMORY_KEY_LIMIT
    "crews: crew_versions": "crew",  # versions.MOST_KEPT and MOST_PUBLISHED
}
"""Collections of which a person, workspace or crew has few enough documents to read them all."""


def accepted(place: str, service: str, collection: str, by: Mapping[str, object]) -> bool:
    """Say whether a query without a bound of its own is known."""
    return place in BOUNDED or OWNED.get(f"{service}: {collection}") in by
