"""Trace events: what a job's stream is made of, on the WebSocket, in SSE and on the bus alike.

One event is one flat JSON object, serialised once by the executor and passed on byte for byte:
`type, job_id, seq, timestamp, attempt` and the fields of its type.
"""

from enum import StrEnum


class EventType(StrEnum):
    EXECUTION_START = "execution_start"
    EXECUTION_RESUMED = "execution_resumed"
    TASK_START = "task_start"
    LLM_CALL = "llm_call"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    PROGRESS = "progress"
    INPUT_REQUIRED = "input_required"
    INPUT_RECEIVED = "input_received"
    TASK_COMPLETE = "task_complete"
    WARNING = "warning"
    ERROR = "error"
    EXECUTION_COMPLETE = "execution_complete"
    EXECUTION_STOPPED = "execution_stopped"


TERMINAL_EVENTS = frozenset(
    {EventType.ERROR, EventType.EXECUTION_COMPLETE, EventType.EXECUTION_STOPPED}
)
"""Exactly one of these is the last event of every job."""


class ExecutionStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING_FOR_INPUT = "waiting_for_input"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


FINAL_STATUSES = frozenset(
    {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.STOPPED}
)


def events_key(workspace_id: str, job_id: str, event_type: str) -> str:
    """Return the routing key of an event on the `events` exchange: `<workspace>.<job>.<type>`."""
    return f"{workspace_id}.{job_id}.{event_type}"
