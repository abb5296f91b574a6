"""Plays a recorded run: replies, results and answers come from it where the same is asked.

A run that is no replay has no tape.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from common.contracts.crew import CrewSnapshot, manager_of
from common.contracts.events import Artifact, InputRequired, LlmCall
from executor.domain.log.journal import RecordedJob
from executor.domain.log.records import json_bytes
from executor.engine.differences import first_difference
from executor.engine.faults import CallPlace, NeedsInput, QuestionDraft, RunFault
from executor.engine.recording import RecordedAnswer, RecordedReply, recording_of
from executor.engine.requests import listed_tools, newest_messages
from executor.models.dialogue import Dialogue, Reply, ToolRequest, ToolReturn, Turn
from executor.tools.spec import ToolSpec

REPLAY_MISS = "REPLAY_MISS"
_MANAGER = "Manager"


class Tape:
    """The recording of `replayed`, for one run. `served` are the results that came from it."""

    def __init__(self, replayed: RecordedJob) -> None:
        self._modes = replayed.modes
        self._crew = replayed.snapshot
        self._recording = recording_of(replayed.history)
        self.served: set[tuple[str, CallPlace]] = set()
        self.misses: list[str] = []
        """What was asked of the real models and tools because nothing the same is recorded."""
        self._diverged: set[tuple[str, str]] = set()
        self.stopped: RunFault | None = None
        """Why a task waits without a question: the recorded run was cut off there."""
        self.cut_off: Sequence[LlmCall] = ()
        """The requests of the recorded run that had got no reply, once its end has come."""

    def reply(
        self,
        place: tuple[str, str, int],
        agent: str,
        model: str,
        dialogue: Dialogue,
        tools: Sequence[ToolSpec],
    ) -> RecordedReply | None:
        """Return the reply that is recorded at a task, scope and turn, or None to ask the real model.

        Raises `RunFault` (`REPLAY_MISS`) where the recorded request was another, the recorded error where the
        recorded run ended, and `NeedsInput` where it was cut off by another task.
        """
        task_id, scope, turn = place
        if self._modes.models == "live" or (task_id, scope) in self._diverged:
            return None
        found = self._recording.replies.get((task_id, scope), ())
        asked = f"{agent} asks its model for reply {turn + 1} in the task {task_id}"
        if turn >= len(found):
            self._leave(task_id, f"{asked}, and no such reply is recorded.")
            self._diverged.add((task_id, scope))
            return None
        difference = self._difference(found[turn], place, agent, model, dialogue, tools)
        if difference:
            self._miss(task_id, f"{asked} otherwise than recorded: {difference}")
            self._diverged.add((task_id, scope))
            return None
        return found[turn]

    def result(self, task_id: str, place: CallPlace, request: ToolRequest) -> str | None:
        """Return the recorded result of a call, or None to make it. Raises as `reply` does."""
        if self._modes.tools == "live":
            return None
        asked = f"The call of {request.name} ({place.entry + 1} of reply {place.turn + 1}) in the task {task_id}"
        found = self._recording.results.get((task_id, place))
        difference = self._difference_of_call(task_id, place, request.name, request.arguments)
        if found is None or difference is None:
            self._leave(task_id, f"{asked} has no recorded result.")
            return None
        if difference:
            self._miss(task_id, f"{asked} is another than recorded: {difference}")
            return None
        self.served.add((task_id, place))
        return found

    def spares(
        self, task_id: str, place: CallPlace, tool: str, arguments: Mapping[str, Any] | None
    ) -> bool:
        """Say whether a call is not made for real: `result` gives what is recorded of just this call, or raises."""
        if self._modes.tools == "live":
            return False
        known = (task_id, place) in self._recording.results
        same = known and self._difference_of_call(task_id, place, tool, arguments) == ""
        return same or self._modes.on_miss == "fail"

    def _difference_of_call(
        self, task_id: str, place: CallPlace, tool: str, arguments: Mapping[str, Any] | None
    ) -> str | None:
        """Return how a call differs from the recorded one, "" if it does not, None if none is recorded."""
        before = self._recording.request_of(task_id, place)
        if before is None:
            return None
        made_with = self._recording.decided.get((task_id, place), before.arguments)
        return first_difference([("tool", before.name, tool), ("arguments", made_with, arguments)])

    def artifacts(self, task_id: str, place: CallPlace) -> Sequence[Artifact]:
        """Return the files that a recorded call has made: they are the recorded job's."""
        return self._recording.artifacts.get((task_id, place), ())

    def answer(self, draft: QuestionDraft, number: int) -> RecordedAnswer | None:
        """Return what a person said to the same question, or None to ask one.

        An approval counts only where its call is not made for real: nothing is done on an old yes.
        """
        found = self._recording.answers.get((draft.task_id, draft.kind, number))
        if found is None or not _is_same_question(found.asked, draft):
            if self._modes.strict:
                self._leave(
                    draft.task_id,
                    f"The task {draft.task_id} asks a person what no recorded answer is for: {draft.prompt[:300]}",
                )
            return None
        if draft.kind == "approval" and found.said.outcome == "approved":
            return found if self._spares_call_of(draft, found) else None
        return found

    def _spares_call_of(self, draft: QuestionDraft, approval: RecordedAnswer) -> bool:
        if draft.place is None or draft.tool_call is UNSET:
            return False
        shown, given = draft.tool_call, approval.said.arguments
        arguments = shown.arguments if given is UNSET else given
        return self.spares(draft.task_id, draft.place, shown.tool, arguments)

    def end_by(self, answer: RecordedAnswer) -> RunFault | None:
        """Return the error with which an answer ended the recorded run, if it did."""
        rejected = answer.said.outcome == "rejected" and answer.asked.kind in {"review", UNSET}
        ends = rejected or answer.said.outcome == "expired"
        return self._recorded_end(str(answer.asked.task_id)) if ends else None

    def _recorded_end(self, task_id: str) -> RunFault | None:
        end = self._recording.end
        if end is None or (end.task_id is not UNSET and end.task_id != task_id):
            return None
        comment = None if end.comment is UNSET else end.comment
        named = None if end.task_id is UNSET else end.task_id
        return RunFault(end.code, end.message, named, comment=comment)

    def _leave(self, task_id: str, message: str) -> None:
        """Say that the recording has nothing more: return to go on without it."""
        if self._modes.on_miss == "live":
            self.misses.append(message)
            return
        end = self._recorded_end(task_id)
        if end is not None:
            self.cut_off = self._recording.cut_off
            raise end
        fault = RunFault(REPLAY_MISS, message, task_id)
        if self._recording.end is not None:  # another task's error cut this one off
            self.stopped = self.stopped or fault
            raise NeedsInput(task_id)
        raise fault

    def _miss(self, task_id: str, message: str) -> None:
        if self._modes.on_miss != "live":
            raise RunFault(REPLAY_MISS, message, task_id)
        self.misses.append(message)

    def _difference(
        self,
        recorded: RecordedReply,
        place: tuple[str, str, int],
        agent: str,
        model: str,
        dialogue: Dialogue,
        tools: Sequence[ToolSpec],
    ) -> str:
        """Return how a request differs from the recorded one, or an empty text."""
        parts: list[tuple[str, Any, Any]] = []
        named = _model_of(self._crew, agent)
        if named is not None:
            parts.append(("model", named, model))
        sent, (_, _, turn) = recorded.sent, place
        kept = sent is not None and sent.left_out is UNSET
        if sent is not None and kept and not turn:
            before = {
                "instructions": sent.instructions,
                "opening prompt": sent.opening,
                "tools": sent.tools,
            }
            now = {
                "instructions": dialogue.instructions,
                "opening prompt": dialogue.opening,
                "tools": listed_tools(tools),
            }
            for name, pieces in before.items():
                text = "" if pieces is UNSET else self._recording.text(pieces)
                parts.append((name, _clean(text), _clean(now[name])))
        if sent is not None and kept and not turn:
            settings = {} if sent.settings is UNSET else sent.settings
            parts.append(("settings", _clean(settings), _clean(dialogue.settings or {})))
        if kept or turn:
            said = [] if sent is None or sent.said is UNSET else sent.said
            parts.append(("message", _clean(said), _clean(newest_messages(dialogue))))
        parts += self._earlier_turns(place, dialogue.turns)
        return first_difference(parts)

    def _earlier_turns(
        self, place: tuple[str, str, int], turns: Sequence[Turn]
    ) -> list[tuple[str, Any, Any]]:
        """Return what was said before, as recorded and now: replies, and the results of their calls."""
        task_id, scope, _ = place
        replies = self._recording.replies.get((task_id, scope), [])
        parts: list[tuple[str, Any, Any]] = []
        number = -1
        for turn in turns:
            if isinstance(turn, Reply):
                number += 1
                parts.append((f"reply {number + 1}", _plain(replies[number].reply), _plain(turn)))
            elif isinstance(turn, tuple):
                before = [
                    self._recording.results.get((task_id, CallPlace(scope, number, entry)))
                    for entry in range(len(turn))
                ]
                now = [one.text for one in turn if isinstance(one, ToolReturn)]
                parts.append((f"results after reply {number + 1}", _clean(before), _clean(now)))
        return parts


def _model_of(crew: CrewSnapshot, agent: str) -> str | None:
    """Return the model that an agent of the recorded crew had; None for a judge, who has the agent's."""
    if agent == _MANAGER and crew.process == "hierarchical":
        return next(iter(manager_of(crew.configuration, crew.agents).models), None)
    return next((one.model for one in crew.agents if one.name == agent), None)


def _plain(reply: Reply) -> Mapping[str, Any]:
    return {
        "text": reply.text,
        "calls": [[call.id, call.name, call.arguments or call.broken] for call in reply.calls],
    }


def _clean(value: Any) -> Any:
    """Return a value as the log keeps it."""
    return json_bytes(value)


def _is_same_question(asked: InputRequired, draft: QuestionDraft) -> bool:
    """Say whether a person saw just this: the call by its digest, the answer under review, or the question."""
    if draft.kind == "approval":
        shown, now = asked.tool_call, draft.tool_call
        return shown is not UNSET and now is not UNSET and shown.digest == now.digest
    if draft.kind == "review":
        return asked.answer is not UNSET and _clean(asked.answer) == _clean(draft.answer)
    same = (asked.prompt, asked.choices) == (draft.prompt, draft.choices)
    schemas = [
        None if one is UNSET else _clean(one)
        for one in (asked.response_schema, draft.response_schema)
    ]
    return draft.kind == "question" and same and schemas[0] == schemas[1]
