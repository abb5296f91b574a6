"""Tool calls that people decide on before they are made, and the questions that agents ask people."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
from msgspec import UNSET

from common.contracts.crew import TaskSnapshot
from common.contracts.events import ProposedCall
from common.schemas.canonical import digest
from common.schemas.checking import schema_fault
from common.schemas.validation import beside_the_loop
from executor.domain.inputs.placeholders import as_text
from executor.domain.log.events import MISMATCH
from executor.domain.log.questions import answer_in
from executor.domain.log.records import json_bytes
from executor.engine.faults import QuestionDraft, RunFault
from executor.engine.history import Decided, TaskRecord
from executor.engine.shared import Shared
from executor.engine.trace import NumberedCall, shorten
from executor.tools.spec import FailedResult

_SHOWN = 2_000
_SHORT = 4_000
"""Bytes of arguments whose digest is computed on the event loop."""


@dataclass(frozen=True, slots=True)
class Approved:
    """A call as a person approved it. `edited` says that they changed its arguments.

    They did so in another job if it is `recorded`, which this one replays: then the call must not be made.
    """

    call: NumberedCall
    edited: bool
    recorded: bool = False

    @property
    def arguments(self) -> Mapping[str, Any]:
        return self.call.request.arguments or {}

    def result(self, text: str) -> str:
        """Return what the agent is told about the call that was made."""
        if not self.edited:
            return text
        told = (
            f"A person changed the arguments of this call to {shorten(as_text(self.arguments), _SHOWN)} "
            f"and approved it. It returned:\n{text}"
        )
        return FailedResult(told) if isinstance(text, FailedResult) else told


class Approvals:
    """Asks people about the calls of one task, and applies what they decided to just these calls."""

    def __init__(self, shared: Shared, task: TaskSnapshot, record: TaskRecord) -> None:
        self._shared = shared
        self._task = task
        self._record = record

    async def decision(
        self, agent: str, call: NumberedCall, arguments: Mapping[str, Any]
    ) -> Approved | FailedResult:
        """Return the call as it was approved, or what the agent is told about a rejection.

        Raises `NeedsInput` while nobody has decided, and `RunFault` (`HISTORY_MISMATCH`) if the decision
        was about another call.
        """
        decided = self._record.decided.get(call.number)
        if decided is None:
            draft = await self._draft(agent, call, arguments)
            decided = self._recorded_decision(draft)
            if decided is None:
                raise self._shared.asking.ask(draft)
        await self._check_bound(call, decided)
        shown, said = decided.shown, decided.said
        if said.outcome != "approved" or shown is None:
            return _rejection(decided)
        given = shown.arguments if said.arguments is None else dict(said.arguments)
        request = replace(call.request, arguments=given)
        edited = said.arguments is not None
        return Approved(replace(call, request=request), edited, decided.recorded)

    async def ask_ahead(self, agent: str, call: NumberedCall, arguments: Mapping[str, Any]) -> None:
        """Ask about a later call of the same reply too, unless that is decided."""
        if call.number not in self._record.decided:
            self._shared.asking.ask(await self._draft(agent, call, arguments))

    async def _draft(
        self, agent: str, call: NumberedCall, arguments: Mapping[str, Any]
    ) -> QuestionDraft:
        proposed = await self.propose(call, arguments)
        return QuestionDraft(
            "approval",
            self._task.id,
            agent,
            self._prompt(agent, call, proposed),
            subject=str(call.number),
            rules=self._shared.question_rules(self._task, call.request.name),
            call=call.number,
            place=call.place,
            tool_call=proposed,
        )

    def _recorded_decision(self, draft: QuestionDraft) -> Decided | None:
        """Return what a person decided in the recorded run, for a replay."""
        found = self._shared.asking.recorded_answer(draft, draft.call or 0)
        if found is None:
            return None
        shown = None if found.asked.tool_call is UNSET else found.asked.tool_call
        expired = found.said.expired is True
        decided = Decided(answer_in(found.said), shown, expired, recorded=True)
        if draft.call is not None:
            self._record.decided[draft.call] = decided
        return decided

    async def propose(self, call: NumberedCall, arguments: Mapping[str, Any]) -> ProposedCall:
        """Return the call with its arguments as they are stored, shown and later executed."""
        text = json_bytes(arguments)
        shown = orjson.loads(text)
        bound = await self._digest(call, shown, len(text))
        return ProposedCall(tool=call.request.name, arguments=shown, call=call.number, digest=bound)

    async def _digest(self, call: NumberedCall, arguments: Mapping[str, Any], size: int) -> str:
        bound = {
            "arguments": arguments,
            "call": call.number,
            "task_id": self._task.id,
            "tool": call.request.name,
        }
        return digest(bound) if size <= _SHORT else await beside_the_loop(partial(digest, bound))

    async def _check_bound(self, call: NumberedCall, decided: Decided) -> None:
        """Raise `RunFault` unless the decision was about this call, with the arguments that it will get."""
        shown = decided.shown
        if shown is not None:
            size = len(json_bytes(shown.arguments))
            if await self._digest(call, shown.arguments, size) == shown.digest:
                return
        message = (
            f"A person decided about another call than call {call.number} of the tool "
            f"{call.request.name}; it is not made."
        )
        raise RunFault(MISMATCH, message, self._task.id)

    def _prompt(self, agent: str, call: NumberedCall, proposed: ProposedCall) -> str:
        tool = self._shared.known_as(call.request.name)
        return (
            f"{agent} wants to call the tool {tool} with:\n"
            f"{shorten(as_text(proposed.arguments), _SHOWN)}\n\n"
            "Answer with the outcome `approved` to have exactly this call made, with `approved` and "
            "`arguments` to have it made with others, or with `rejected` and a `comment`, which the agent "
            "gets to read."
        )

    async def answer(self, agent: str, call: NumberedCall, arguments: Mapping[str, Any]) -> str:
        """Return a person's answer to what an agent asks. Raises `NeedsInput` while there is none."""
        decided = self._record.decided.get(call.number)
        if decided is not None:
            return _answer_text(decided)
        schema, choices = arguments.get("response_schema"), arguments.get("choices")
        if schema is not None and choices:
            return FailedResult(
                "Error: give `choices` for one of a few texts or `response_schema` for another value, not both."
            )
        if schema is not None:
            fault = await beside_the_loop(partial(schema_fault, schema))
            if fault is not None:
                return FailedResult(f"Error: this response_schema cannot be used: {fault}")
        draft = QuestionDraft(
            "question",
            self._task.id,
            agent,
            str(arguments["prompt"]),
            subject=str(call.number),
            rules=self._shared.question_rules(self._task, call.request.name),
            call=call.number,
            place=call.place,
            response_schema=UNSET if schema is None else clean_copy(schema),
            choices=UNSET if not choices else clean_copy(choices),
        )
        decided = self._recorded_decision(draft)
        if decided is None:
            raise self._shared.asking.ask(draft)
        return _answer_text(decided)


def clean_copy(value: Any) -> Any:
    """Return a value as it will be read from the log."""
    return orjson.loads(json_bytes(value))


def _rejection(decided: Decided) -> FailedResult:
    if decided.expired:
        return FailedResult("Not called: nobody approved this call in time.")
    comment = decided.said.comment
    why = f" and said: {comment}" if comment else "."
    return FailedResult(f"Not called: a person rejected this call{why}")


def _answer_text(decided: Decided) -> str:
    said = decided.said
    if said.outcome == "answered":
        return as_text(said.input)
    if decided.expired:
        return FailedResult("Nobody answered this question in time.")
    why = f" and said: {said.comment}" if said.comment else "."
    return FailedResult(f"A person does not answer this question{why}")
