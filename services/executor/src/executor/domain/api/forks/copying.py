"""Copies events of a job into the history of another."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from common.contracts.crew import CrewSnapshot
from common.contracts.events import (
    ExecutionForked,
    ExecutionStart,
    ForkedFrom,
    LlmCall,
    TaskComplete,
)
from executor.domain.log.events import EventDraft, Private, ReplyKept, Sent, StoredReply
from executor.domain.log.projection import State
from executor.domain.log.records import Record, number, seal
from executor.domain.log.sent import blocks_of

_SHOWN = 500


class Copier:
    """Makes the events of `job_id` out of another's, one after the other. `replies` replace texts, by `seq`.

    `state` and `attempt` are those after the events so far; `copied` counts them.
    """

    def __init__(self, job_id: str, crew: CrewSnapshot, replies: Mapping[int, str]) -> None:
        self.state = State()
        self.attempt = self.copied = 0
        self._job_id = job_id
        self._crew = crew
        self._replies = replies
        self._blocks: dict[int, str] = {}

    def copy(self, record: Record) -> Record:
        """Return the next event, made of another job's. Raises `UnreadableEvent`."""
        entry = record.entry()
        body, private = entry.body, entry.private
        if isinstance(body, LlmCall):
            body, private = self._reply(entry.seq, body, private)
        elif isinstance(body, ExecutionStart):  # the crew may be another version
            tasks = [task.id for task in self._crew.tasks]
            named = {"crew": self._crew.name, "version": self._crew.version or UNSET}
            body = replace(body, **named, tasks_count=len(tasks), tasks=tasks)
        self.copied += 1
        self.attempt = max(self.attempt, entry.attempt)
        draft: Any = EventDraft(body, private)  # type: ignore[arg-type] # surveyed: its type is known
        made = seal(draft, entry.timestamp).record(self._job_id, self.copied, entry.attempt)
        self.state = self.state.with_entry(made.entry())
        return made

    def _reply(
        self, seq: int, body: LlmCall, private: Private | None
    ) -> tuple[LlmCall, Private | None]:
        """Return a reply as copied: it is paid for, and may have another text."""
        body, text = replace(body, recorded=True), self._replies.get(seq)
        if not isinstance(private, ReplyKept):
            return body, private
        if private.sent is not UNSET and self._blocks:
            private = replace(private, sent=self._whole(private.sent))
        if text is None:
            return body, private
        shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
        told = replace(body, result=shown, finish_reason="stop")
        return told, replace(private, reply=StoredReply(text=text))

    def pass_over(self, record: Record) -> None:
        """Note an event that is not copied: what was sent in later ones may refer to texts in it."""
        private = record.entry().private
        if isinstance(private, ReplyKept) and private.sent is not UNSET:
            self._blocks.update(blocks_of(private.sent))

    def _whole(self, sent: Sent) -> Sent:
        """Return what was sent, with the texts of events that are not copied in their places."""
        named = {name: getattr(sent, name) for name in ("instructions", "opening", "tools")}
        pieces = {name: held for name, held in named.items() if held is not UNSET}
        return replace(
            sent,
            **{
                name: [self._blocks.get(one, one) if isinstance(one, int) else one for one in held]
                for name, held in pieces.items()
            },
        )

    def end(
        self,
        forked_from: ForkedFrom,
        anew: Sequence[str],
        given: Mapping[str, Any],
        by: str,
        now: datetime,
    ) -> tuple[Record, ...]:
        """Return the events behind the copied ones: that they were copied, and the outputs that were given."""
        marker = ExecutionForked(forked_from=forked_from, anew=list(anew), by=by or UNSET)
        drafts = [EventDraft(marker)]
        drafts += [
            EventDraft(TaskComplete(task_id=task_id, result=value, given=True))
            for task_id, value in given.items()
        ]
        records = number(drafts, self._job_id, self.copied, self.attempt, now)
        for record in records:
            self.state = self.state.with_entry(record.entry())
        return records
