"""A task's steps in a replay: what is recorded is written as if it had just come."""

from typing import TYPE_CHECKING

from common.contracts.events import ModelUsage
from executor.engine.approvals import Approved
from executor.engine.faults import RunFault
from executor.engine.requests import addition
from executor.engine.shared import Shared
from executor.engine.tape import REPLAY_MISS
from executor.engine.trace import NumberedCall
from executor.models.dialogue import Dialogue, Reply

if TYPE_CHECKING:
    from executor.engine.desk import Desk, Speaker

DELEGATE = "delegate_work"
"""The tool by which a manager hands work to coworkers: that is played itself."""


def reply(desk: "Desk", speaker: "Speaker", dialogue: Dialogue, turn: int) -> Reply | None:
    """Return the recorded reply, having written it; None to ask the model. Raises as `Tape.reply` does."""
    shared, task_id = desk.shared, desk.task.id
    if shared.tape is None:
        return None
    specs = [tool.spec for tool in speaker.tools.values()]
    place = task_id, speaker.scope, turn
    found = shared.tape.reply(place, speaker.agent, speaker.model, dialogue, specs)
    _warn_of_misses(shared)
    if found is None:
        return None
    shared.write_recorded_cut_off(found.cut_off)
    for warning in found.before:
        shared.warn(warning.code, warning.message)
    shared.trace.write_reply(
        task_id,
        speaker.agent,
        found.body.action,
        speaker.scope,
        found.reply,
        desk.number_calls(speaker, turn, found.reply),
        found.body.usage if isinstance(found.body.usage, ModelUsage) else ModelUsage(requests=0),
        addition(shared.blocks, dialogue, specs, turn),
        recorded=True,
    )
    for warning in found.after:
        shared.warn(warning.code, warning.message)
    desk.record.replies.setdefault(speaker.scope, []).append(found.reply)
    return found.reply


def result(desk: "Desk", call: NumberedCall) -> str | None:
    """Return the recorded result of a call, or None to make it. Raises as `Tape.result` does."""
    tape, managed = desk.shared.tape, desk.shared.job.snapshot.process == "hierarchical"
    delegates = managed and call.place.scope == "" and call.request.name == DELEGATE
    if tape is None or delegates:
        return None
    found = tape.result(desk.task.id, call.place, call.request)
    _warn_of_misses(desk.shared)
    return found


def is_served(desk: "Desk", call: NumberedCall) -> bool:
    """Say whether the result of a call came from the recording, just as the agent was told it."""
    tape = desk.shared.tape
    return tape is not None and (desk.task.id, call.place) in tape.served


def check_approval(desk: "Desk", approved: Approved) -> None:
    """Raise `RunFault` (`REPLAY_MISS`) for a call that would be made on a yes from a recording.

    That is one which the tape does not spare: in a fork of a replay, or where another result is recorded.
    """
    tape, call = desk.shared.tape, approved.call
    if not approved.recorded:
        return
    name, arguments = call.request.name, call.request.arguments
    if tape is None or not tape.spares(desk.task.id, call.place, name, arguments):
        message = (
            f"The call {call.number} of {name} in the task {desk.task.id} was approved in a recorded job only, and "
            "its result is not recorded: it is not made."
        )
        raise RunFault(REPLAY_MISS, message, desk.task.id)


def _warn_of_misses(shared: Shared) -> None:
    while shared.tape is not None and shared.tape.misses:
        shared.warn(REPLAY_MISS, f"{shared.tape.misses.pop()} It is asked for real.")
