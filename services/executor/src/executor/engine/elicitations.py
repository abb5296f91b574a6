"""What tools' servers ask people before they do what they were called for."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec import UNSET

from common.contracts.crew import TaskSnapshot
from common.schemas.checking import schema_fault
from common.schemas.validation import beside_the_loop
from executor.engine.approvals import Approvals, clean_copy
from executor.engine.faults import NeedsInput, QuestionDraft
from executor.engine.history import TaskRecord
from executor.engine.shared import Shared
from executor.engine.trace import NumberedCall
from executor.tools.call import Heard, Inquiry
from executor.tools.spec import FailedResult

_ROUNDS = 10
"""How often the server of one call may ask."""


class Elicitations:
    """Asks people what the tools of one task want to hear, and gives their answers to the same calls."""

    def __init__(
        self, shared: Shared, task: TaskSnapshot, record: TaskRecord, approvals: Approvals
    ) -> None:
        self._shared = shared
        self._task = task
        self._record = record
        self._approvals = approvals

    def check_answered(self, call: NumberedCall) -> None:
        """Raise `NeedsInput` while what the call's tool asked is open."""
        asked = self._record.elicited.get(call.number)
        if asked is not None and asked.said is None:
            raise NeedsInput(self._task.id)

    def last_answer(self, call: NumberedCall) -> Heard | None:
        """Return what a person said to the call's tool in the last round."""
        asked = self._record.elicited.get(call.number)
        if asked is None or asked.said is None or asked.kept.keys is UNSET:
            return None
        outcome = asked.said.outcome
        if asked.expired and outcome != "answered":
            outcome = "expired"
        state = None if asked.kept.state is UNSET else asked.kept.state
        return Heard(tuple(asked.kept.keys), state, outcome, asked.said.input)

    async def ask(
        self, agent: str, call: NumberedCall, arguments: Mapping[str, Any], wanted: Inquiry
    ) -> str:
        """Ask a person. Raises `NeedsInput`; returns what the agent is told if nobody can be asked."""
        before = self._record.elicited.get(call.number)
        rounds = 0 if before is None else before.rounds
        if rounds >= _ROUNDS:
            return FailedResult(f"Not done: the tool has asked {rounds} times, and asks again.")
        fault = await beside_the_loop(partial(schema_fault, wanted.response_schema))
        if fault is not None:
            return FailedResult(
                f"Not done: the tool first asks a person, by a schema that cannot be used: {fault}"
            )
        draft = QuestionDraft(
            "question",
            self._task.id,
            agent,
            wanted.prompt,
            subject=f"{call.number} asks {rounds}",
            rules=self._shared.question_rules(self._task, call.request.name),
            call=call.number,
            place=call.place,
            tool_call=await self._approvals.propose(call, arguments),
            response_schema=clean_copy(wanted.response_schema),
            wanted=wanted,
        )
        raise self._shared.asking.ask(draft)

    def result(self, call: NumberedCall, text: str) -> str:
        """Return what the agent is told about a call: also why a person did not answer its tool."""
        asked = self._record.elicited.get(call.number)
        said = None if asked is None else asked.said
        if said is None or said.outcome != "rejected" or not said.comment:
            return text
        told = f"{text}\nA person did not answer what the tool asked, and said: {said.comment}"
        return FailedResult(told) if isinstance(text, FailedResult) else told
