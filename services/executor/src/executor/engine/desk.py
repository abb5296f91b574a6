"""Works on one task: asks models and calls tools, or replays what the history holds."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from msgspec import UNSET

from common.contracts.crew import TaskSnapshot
from common.contracts.events import Artifact, ModelUsage
from executor.domain.log.events import MISMATCH
from executor.engine import doubts, playing, spans
from executor.engine.approvals import Approvals
from executor.engine.elicitations import Elicitations
from executor.engine.fallbacks import PATIENCE
from executor.engine.faults import CallPlace, NeedsInput, RunFault
from executor.engine.ports import Tool
from executor.engine.requests import Request, addition, seconds
from executor.engine.shared import Shared, as_run_fault
from executor.engine.together import Together
from executor.engine.trace import NumberedCall
from executor.engine.wire import Wire
from executor.models import counting
from executor.models.dialogue import Dialogue, Reply, ToolReturn
from executor.models.model import Model, ModelFault
from executor.tools.call import Call, InputWanted
from executor.tools.spec import FailedResult, ToolSpec

_CALLS = 32
"""How many calls of one reply are made."""
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who talks to a model: an agent, its model's name and its tools, in one scope.

    At most `most_calls` calls of one reply are made.
    """

    scope: str
    agent: str
    model: str
    tools: Mapping[str, Tool]
    most_calls: int = _CALLS
    approvals: frozenset[str] = frozenset()
    """Names of the tools whose calls a person must approve."""
    fallbacks: tuple[str, ...] = ()
    """The models that are asked when `model` cannot answer, in order."""


class Desk:
    """Where one task is worked on. Every step is written before the next one begins."""

    def __init__(self, shared: Shared, task: TaskSnapshot) -> None:
        self.shared = shared
        self.task = task
        self.record = shared.progress.tasks[task.id]
        self._approvals = Approvals(shared, task, self.record)
        self._elicitations = Elicitations(shared, task, self.record, self._approvals)
        self._kept: dict[int, Sequence[Artifact]] = {}

    async def ask(self, speaker: Speaker, dialogue: Dialogue, turn: int) -> Reply:
        """Return the `turn`th reply in the speaker's scope.

        Raises `RunFault` with a model's code, or `BUDGET_EXCEEDED`.
        """
        known = self.record.replies.get(speaker.scope, ())
        if turn < len(known):
            reply = known[turn]
        else:
            reply = await self._next_reply(speaker, dialogue, turn)
        self.shared.reserve.check(self.task.id)
        return reply

    async def _next_reply(self, speaker: Speaker, dialogue: Dialogue, turn: int) -> Reply:
        if self.shared.tape is not None:
            played = playing.reply(self, speaker, dialogue, turn)
            if played is not None:
                return played
        return await self._request(speaker, dialogue, turn)

    async def _request(self, speaker: Speaker, dialogue: Dialogue, turn: int) -> Reply:
        """Return a new reply of the speaker's model, or of the first fallback that can give one."""
        fallbacks = self.shared.fallbacks
        names = fallbacks.order((speaker.model, *speaker.fallbacks))
        for name, following in pairwise(names):
            try:
                return await self._request_from(
                    replace(speaker, model=name), dialogue, turn, patience=PATIENCE
                )
            except ModelFault as fault:
                if not fault.another_may_answer:
                    raise as_run_fault(fault, self.task.id) from fault
                self.shared.write_cut_off()
                fallbacks.pass_over(name, following, fault)
        try:
            last = speaker if names[-1] == speaker.model else replace(speaker, model=names[-1])
            return await self._request_from(last, dialogue, turn)
        except ModelFault as fault:
            raise as_run_fault(fault, self.task.id) from fault

    async def _request_from(
        self, speaker: Speaker, dialogue: Dialogue, turn: int, patience: float | None = None
    ) -> Reply:
        live = self.shared.live_text.turn(self.task.id, speaker.agent)
        wire = Wire(self.shared, live, patience)
        specs = [tool.spec for tool in speaker.tools.values()]
        try:
            model = await self.shared.model(speaker.model)
            async with self.shared.reserve.set_aside(model, dialogue, specs, self.task.id) as need:
                # Otherwise a crash could lose the previous reply, and both would be requested again.
                await self.shared.trace.flush_replies()
                begun = time.perf_counter()
                with spans.chat(self.shared, model, speaker.model, dialogue.settings) as record:
                    reply = record(await model.request(dialogue, specs, wire))
                live.restart()
                request = Request(
                    addition(self.shared.blocks, dialogue, specs, turn), seconds(begun)
                )
                usage = self._write_reply(speaker, model, turn, reply, wire, request)
                self.shared.count(usage, model.label)
                self.shared.reserve.learn(need, reply.tokens)
        except ModelFault:
            wire.end_request()
            self._count_cut_off(speaker, wire, dialogue, specs)
            raise
        except asyncio.CancelledError:
            self._count_cut_off(speaker, wire, dialogue, specs)
            raise
        self.record.replies.setdefault(speaker.scope, []).append(reply)
        return reply

    def _write_reply(
        self,
        speaker: Speaker,
        model: Model,
        turn: int,
        reply: Reply,
        wire: Wire,
        request: Request,
    ) -> ModelUsage:
        usage = wire.usage(reply)
        told = self.number_calls(speaker, turn, reply)
        self.shared.trace.write_reply(
            self.task.id,
            speaker.agent,
            model.label,
            speaker.scope,
            reply,
            told,
            usage,
            request.sent,
            request.seconds,
        )
        if reply.left_out:
            message = f"The model {model.label} asked for {reply.left_out} more calls in one reply than are read."
            self.shared.warn("CALLS_LEFT_OUT", message)
        return usage

    def number_calls(self, speaker: Speaker, turn: int, reply: Reply) -> list[NumberedCall]:
        """Number the calls of a reply; return those that are written with it, as about to be made."""
        places = [CallPlace(speaker.scope, turn, entry) for entry in range(len(reply.calls))]
        calls = [self._number(place, reply) for place in places]
        told = [call for call in calls if call.request.name not in speaker.approvals]
        self.record.made |= {call.number for call in told}
        return told

    def _count_cut_off(
        self, speaker: Speaker, wire: Wire, dialogue: Dialogue, specs: Sequence[ToolSpec]
    ) -> None:
        usage = wire.cut_off_usage(counting.prompt_tokens(dialogue, specs) if wire.under_way else 0)
        if usage is not None:
            self.shared.count_cut_off(self.task.id, speaker.agent, speaker.model, usage)

    def _number(self, place: CallPlace, reply: Reply) -> NumberedCall:
        self.record.last_call += 1
        number, request = self.record.last_call, reply.calls[place.entry]
        self.record.calls[place] = (number, request.name)
        return NumberedCall(number, place, request)

    async def make_calls(self, speaker: Speaker, reply: Reply, turn: int) -> tuple[ToolReturn, ...]:
        """Make the remaining calls of the `turn`th reply; return all results in order.

        If all calls are safe to repeat, they run concurrently, otherwise one after another. If an
        unsafe call may have been made before a crash, the crew's `on_unknown_outcome` decides: it
        may raise `RunFault` (`OUTCOME_UNKNOWN`) or `NeedsInput`.
        """
        calls = [self._call_at(speaker, turn, entry, reply) for entry in range(len(reply.calls))]
        tools = [speaker.tools.get(call.request.name) for call in calls]
        if len(calls) > 1 and all(tool is None or tool.safe for tool in tools):
            texts = await self._at_once(speaker, calls)
        else:
            texts = await self._in_turn(speaker, calls)
        return tuple(
            ToolReturn(call.request.id, call.request.name, text, isinstance(text, FailedResult))
            for call, text in zip(calls, texts, strict=True)
        )

    def _call_at(self, speaker: Speaker, turn: int, entry: int, reply: Reply) -> NumberedCall:
        place, request = CallPlace(speaker.scope, turn, entry), reply.calls[entry]
        known = self.record.calls.get(place)
        if known is None:
            call = self._number(place, reply)
            if request.name not in speaker.approvals:
                self._write_call(speaker, call)
            return call
        if known[1] != request.name:
            raise RunFault(
                MISMATCH,
                f"The history has call {known[0]} as {known[1]}, the model asked for {request.name}.",
                self.task.id,
            )
        return NumberedCall(known[0], place, request)

    def _write_call(self, speaker: Speaker, call: NumberedCall, *, decided: bool = False) -> None:
        """Write that a call is about to be made, unless that is in the log."""
        if call.number not in self.record.made:
            self.record.made.add(call.number)
            self.shared.trace.write_tool_call(self.task.id, speaker.agent, call, decided=decided)

    async def _in_turn(self, speaker: Speaker, calls: Sequence[NumberedCall]) -> list[str]:
        texts = []
        for place, call in enumerate(calls):
            if call.number not in self.record.results:
                # An attempt that did not finish this call never began the later ones.
                self.record.doubtful -= {later.number for later in calls[place + 1 :]}
            try:
                texts.append(await self._make_call(speaker, call))
            except NeedsInput:
                await self._ask_about(speaker, calls[place + 1 :])
                raise
        return texts

    async def _ask_about(self, speaker: Speaker, calls: Sequence[NumberedCall]) -> None:
        """Ask now about the later calls of a reply that has to wait anyway."""
        for call in calls:
            tool = self._approved_tool(speaker, call)
            if tool is not None and call.number not in self.record.results:
                arguments = await tool.fit_arguments(call.request.arguments)
                if not isinstance(arguments, str):
                    await self._approvals.ask_ahead(speaker.agent, call, arguments)

    def _approved_tool(self, speaker: Speaker, call: NumberedCall) -> Tool | None:
        """Return the tool of a call that a person must approve; None for one that will not be made."""
        needed = call.request.name in speaker.approvals and call.place.entry < speaker.most_calls
        return speaker.tools.get(call.request.name) if needed else None

    async def _at_once(self, speaker: Speaker, calls: Sequence[NumberedCall]) -> list[str]:
        at_once = _AT_ONCE if self.shared.tape is None else 1
        together, places = Together(), asyncio.Semaphore(at_once)
        made = [together.start(self._make_beside(speaker, call, places)) for call in calls]
        await together.wait()
        return [_unwrap(task.result()) for task in made]

    async def _make_beside(
        self, speaker: Speaker, call: NumberedCall, places: asyncio.Semaphore
    ) -> str | NeedsInput:
        """Make a call next to others, which go on if this one has to wait for a person."""
        try:
            async with places:
                return await self._make_call(speaker, call)
        except NeedsInput as wanted:
            return wanted

    async def _make_call(self, speaker: Speaker, call: NumberedCall) -> str:
        known = self.record.results.get(call.number)
        if known is not None:
            return known
        begun = time.perf_counter()
        text = await self._run_tool(speaker, call)
        took = seconds(begun)
        kept, recorded = self._kept.pop(call.number, ()), playing.is_served(self, call)
        self.shared.trace.write_tool_result(
            self.task.id, speaker.agent, call, text, took, kept, recorded=recorded or UNSET
        )
        self.record.results[call.number] = text
        return text

    async def _run_tool(self, speaker: Speaker, call: NumberedCall) -> str:
        tool = speaker.tools.get(call.request.name)
        if call.place.entry >= speaker.most_calls:
            return FailedResult(
                f"Error: not made. At most {speaker.most_calls} calls of one reply are made; ask again "
                "for what is still needed."
            )
        if tool is None:
            return FailedResult(f"Error: there is no tool named {call.request.name}.")
        arguments = await tool.fit_arguments(call.request.arguments)
        if isinstance(arguments, str):
            return FailedResult(
                f"Error: the arguments do not fit: {call.request.fault or arguments}"
            )
        if tool.asks:
            return await self._approvals.answer(speaker.agent, call, arguments)
        self._elicitations.check_answered(call)
        if call.request.name in speaker.approvals:
            return await self._decide(speaker, tool, call, arguments)
        self._write_call(speaker, call)
        return await self._make(speaker, tool, arguments, call)

    async def _decide(
        self, speaker: Speaker, tool: Tool, call: NumberedCall, arguments: Mapping[str, Any]
    ) -> str:
        """Make a call if a person has approved it, exactly as they did."""
        decision = await self._approvals.decision(speaker.agent, call, arguments)
        if isinstance(decision, FailedResult):
            return decision
        playing.check_approval(self, decision)
        self._write_call(speaker, decision.call, decided=True)
        await self.shared.trace.flush()
        text = await self._make(speaker, tool, decision.arguments, decision.call)
        return text if playing.is_served(self, call) else decision.result(text)

    async def _make(
        self, speaker: Speaker, tool: Tool, arguments: Mapping[str, Any], call: NumberedCall
    ) -> str:
        if self.shared.tape is not None:
            played = playing.result(self, call)
            if played is not None:
                self._kept[call.number] = self.shared.tape.artifacts(self.task.id, call.place)
                return played
        if tool.safe:
            if not tool.reads:
                # Otherwise a crash could lose the reply that asks for this call, and the next
                # reply could ask for something else with the same key.
                await self.shared.trace.flush()
            return await self._call_tool(speaker, tool, arguments, call)
        if call.number in self.record.doubtful:
            found = doubts.known_outcome(self, speaker.agent, call)
            if found is not None:
                return found
        async with self.shared.trace.effect():
            return await self._call_tool(speaker, tool, arguments, call)

    async def _call_tool(
        self, speaker: Speaker, tool: Tool, arguments: Mapping[str, Any], call: NumberedCall
    ) -> str:
        with spans.tool(self.shared, call) as record:
            key = self.key(call)
            try:
                text = self._elicitations.result(call, await tool.call(arguments, key))
            except InputWanted as asked:
                text = await self._elicitations.ask(speaker.agent, call, arguments, asked.wanted)
            self._kept[call.number] = [
                Artifact(
                    file_id=file.file_id, name=file.name, size=file.size, media_type=file.media_type
                )
                for file in key.kept
            ]
            return record(text)

    def key(self, call: NumberedCall) -> Call:
        """Return the identity of a call, with what a person said to what its tool wanted before."""
        job = self.shared.job
        begun_by = self.record.origins.get(call.number, job.job_id)
        return Call(
            job.workspace_id,
            begun_by,
            self.task.id,
            call.number,
            files=self.shared.given_files,
            copied=self.shared.copied_files,
            heard=self._elicitations.last_answer(call),
        )


def _unwrap(outcome: str | NeedsInput) -> str:
    if isinstance(outcome, NeedsInput):
        raise outcome
    return outcome
