"""A run of a crew: watch it, answer its questions, take its result."""

from __future__ import annotations

import uuid
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from kasal_client.addresses import segment
from kasal_client.errors import ForbiddenError, NotFoundError, RunFailed, RunStopped, UsageError
from kasal_client.events import (
    ErrorEvent,
    Event,
    ExecutionCompleteEvent,
    ExecutionStoppedEvent,
    InputRequiredEvent,
    LlmCallEvent,
    TextDelta,
)
from kasal_client.models import (
    Artifact,
    CallSummary,
    ExecutionDetail,
    ExecutionStopped,
    ForkAccepted,
    InputTaken,
    ModelCallDetail,
    QuestionView,
    ToolCallDetail,
    TraceEntry,
)
from kasal_client.texts import TextAssembly, TextChunk

from .pages import Pages
from .transport import Transport
from .watching import Stream, Watch

if TYPE_CHECKING:
    from .executions import Executions

ANY_QUESTION = None
Question = QuestionView | InputRequiredEvent | str


class Run:
    """One run, by its id. It is a name for it and holds no connection: the run goes on whatever becomes of this."""

    def __init__(self, executions: Executions, transport: Transport, job_id: str) -> None:
        self.id = job_id
        self._executions = executions
        self._transport = transport
        self._path = f"/executions/{segment(job_id)}"

    @property
    def job_id(self) -> str:
        """The same as `id`, as the API calls it."""
        return self.id

    def __repr__(self) -> str:
        return f"<Run {self.id}>"

    def get(self) -> ExecutionDetail:
        """Return what is known about the run now."""
        return self._transport.get(self._path, ExecutionDetail)

    def status(self) -> str:
        """Return its status: `queued`, `running`, `waiting_for_input`, `completed`, `failed` or `stopped`."""
        return (self.get()).status

    def events(self, after_seq: int = 0, *, timeout: float | None = None) -> Stream[Event]:
        """Return the run's events from its start, or after `after_seq`, as they happen, up to its last.

        Each comes once and in order, also if connections break or the platform restarts. After `timeout`
        seconds, `RunTimeoutError` ends it.
        """
        watch = Watch(self._transport, self.id, after_seq=after_seq, timeout=timeout)
        events = cast(Generator[Event], watch.items())  # noqa: TC006 - it is translated
        return Stream(events)

    def watch(
        self, after_seq: int = 0, *, timeout: float | None = None
    ) -> Stream[Event | TextDelta]:
        """Return the run's events, and between them the pieces of text that models are writing.

        A piece may be lost; the `LlmCallEvent` that follows is the truth. `text` puts pieces together.
        """
        watch = Watch(self._transport, self.id, after_seq=after_seq, deltas=True, timeout=timeout)
        return Stream(watch.items())

    def text(self, *, timeout: float | None = None) -> Stream[TextChunk]:
        """Return what models write, while they write it.

        The chunks of a text, one after another, are the whole text: one that was lost on the way is made up for
        when the text is complete.
        """
        return Stream(self._chunks(timeout))

    def _chunks(self, timeout: float | None) -> Generator[TextChunk]:
        assembly = TextAssembly()
        with self.watch(timeout=timeout) as items:
            for item in items:
                if isinstance(item, TextDelta):
                    chunk = assembly.add(item)
                elif isinstance(item, LlmCallEvent):
                    text = self._whole_text(item) if assembly.needs_whole(item) else None
                    chunk = assembly.finish(item, text)
                else:
                    continue
                if chunk is not None:
                    yield chunk

    def _whole_text(self, event: LlmCallEvent) -> str | None:
        try:
            call = self.call(event.seq)
        except (ForbiddenError, NotFoundError):  # the role is too low, or the crew keeps nothing
            return None
        reply = call.reply if isinstance(call, ModelCallDetail) else None
        return None if reply is None else reply.content

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the end, and return the output of the crew's last task.

        Raises `RunFailed`, `RunStopped`, and `RunTimeoutError` after `timeout` seconds; the run goes on then. A
        question that nobody answers is waited for.
        """
        known = self.get()
        after_seq = max(0, known.last_seq - 1)
        with closing(self.events(after_seq, timeout=timeout)) as events:
            for event in events:
                if isinstance(event, ExecutionCompleteEvent):
                    return event.result
                if isinstance(event, ErrorEvent):
                    raise RunFailed(
                        event.message,
                        job_id=self.id,
                        code=event.code,
                        task_id=event.task_id,
                        comment=event.comment or "",
                    )
                if isinstance(event, ExecutionStoppedEvent):
                    raise RunStopped(
                        f"The run was stopped: {event.reason}", job_id=self.id, code="STOPPED"
                    )
        raise UsageError(f"The events of {self.id} ended without an end.")

    def inputs(self) -> dict[str, Any]:
        """Return what the run was started with."""
        answer = self._transport.json("GET", f"{self._path}/inputs")
        inputs: dict[str, Any] = answer["inputs"]
        return inputs

    def stop(self) -> ExecutionStopped:
        """Stop the run. Stopping a stopped one is no error."""
        answer = self._transport.json("POST", f"{self._path}/stop", repeat=True)
        return ExecutionStopped.model_validate(answer)

    def questions(self) -> list[QuestionView]:
        """Return the questions that are open now."""
        return (self.get()).questions

    def wait_for_question(self, timeout: float | None = None) -> QuestionView | None:
        """Wait until the run asks something, and return that; None if it ends without asking.

        Raises `RunTimeoutError`.
        """
        known = self.get()
        if known.questions:
            return known.questions[0]
        with closing(self.events(known.last_seq, timeout=timeout)) as events:
            for event in events:
                if isinstance(event, InputRequiredEvent):
                    for question in self.questions():
                        if question.question_id == event.question_id:
                            return question
        return None

    def approve(
        self, question: Question | None = None, *, comment: str | None = None
    ) -> InputTaken:
        """Say yes: make the call that was shown, or use the answer. `question` may be left out while one is open."""
        return self._send_input(question, outcome="approved", comment=comment)

    def reject(self, comment: str | None = None, *, question: Question | None = None) -> InputTaken:
        """Say no: the call is not made and the agent reads `comment`; a rejected review ends the run."""
        return self._send_input(question, outcome="rejected", comment=comment)

    def edit(
        self,
        arguments: dict[str, Any],
        *,
        question: Question | None = None,
        comment: str | None = None,
    ) -> InputTaken:
        """Approve a call with `arguments` in place of all those that were shown."""
        return self._send_input(question, outcome="approved", arguments=arguments, comment=comment)

    def answer(
        self, value: Any, *, question: Question | None = None, comment: str | None = None
    ) -> InputTaken:
        """Answer with a text, a choice or a value; in a review, say what should change."""
        return self._send_input(question, outcome="answered", input=value, comment=comment)

    def retry_call(
        self, *, question: Question | None = None, comment: str | None = None
    ) -> InputTaken:
        """Have a call of unknown outcome made again."""
        return self._send_input(question, outcome="retry", comment=comment)

    def _send_input(self, question: Question | None, **answer: Any) -> InputTaken:
        question_id = question if isinstance(question, str | None) else question.question_id
        body = {"question_id": question_id, **answer}
        return self._transport.create(
            f"{self._path}/input",
            {key: value for key, value in body.items() if value is not None},
            InputTaken,
        )

    def fork(
        self,
        *,
        after_seq: int | None = None,
        from_task: str | None = None,
        version: int | None = None,
        inputs: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        replies: dict[int, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Start a run that begins with a copy of this one's history, up to an event or a task, or all that is done.

        `inputs`, `outputs` (by task) and `replies` (by the `seq` of their `llm_call`) take the place of the recorded ones.
        """
        body = {
            "after_seq": after_seq,
            "from_task": from_task,
            "version": version,
            "inputs": inputs,
            "outputs": outputs,
            "replies": None if replies is None else {str(seq): one for seq, one in replies.items()},
        }
        made = self._transport.create(
            f"{self._path}/fork",
            {key: value for key, value in body.items() if value is not None},
            ForkAccepted,
            key=idempotency_key or str(uuid.uuid4()),
        )
        return self._executions.run(made.job_id)

    def replay(
        self,
        *,
        models: str | None = None,
        tools: str | None = None,
        on_miss: str | None = None,
        crew: str | None = None,
        version: int | None = None,
        inputs: dict[str, Any] | None = None,
    ) -> Run:
        """Play the ended run again: replies, results and answers come from its log, unless they are to be `live`."""
        chosen = {"models": models, "tools": tools, "on_miss": on_miss, "crew": crew}
        known = self.get()
        return self._executions.start(
            known.crew_id,
            inputs,
            version=version,
            replay_of=self.id,
            replay={key: value for key, value in chosen.items() if value is not None} or None,
        )

    def traces(self, after_seq: int = 0) -> list[TraceEntry]:
        """Return the run's recorded events after `after_seq`, as the trace shows them."""
        found: list[TraceEntry] = []
        following: int | None = after_seq
        while following is not None:
            params = {"after_seq": following, "limit": 500}
            answer = self._transport.json("GET", f"{self._path}/traces", params=params)
            found += [TraceEntry.model_validate(one) for one in answer["traces"]]
            following = answer.get("next_after_seq")
        return found

    def calls(self) -> Pages[CallSummary]:
        """Return the run's calls to models and tools, oldest first."""
        return Pages(self._transport, f"{self._path}/calls", "calls", CallSummary)

    def call(self, n: int) -> ModelCallDetail | ToolCallDetail:
        """Return what was sent in the call `n`, which is the `seq` of its event, in full."""
        answer = self._transport.json("GET", f"{self._path}/calls/{segment(n)}")
        if answer.get("type") == "llm_call":
            return ModelCallDetail.model_validate(answer)
        return ToolCallDetail.model_validate(answer)

    def artifacts(self) -> Pages[Artifact]:
        """Return the files that the run has made, newest first."""
        return Pages(self._transport, f"{self._path}/artifacts", "artifacts", Artifact)
