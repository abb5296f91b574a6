"""What is known about a run: a fold over its events, and over the pieces of text that models write.

Events are JSON, as the API sends them; one of a type or with fields that came later changes nothing here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .when import moment

Json = dict[str, Any]
LIVE_TEXT = 4000
"""Characters of a text in the making that are kept: its end is shown."""
KEPT_CALLS = 20
"""Calls of a lane that are kept."""


@dataclass
class CallView:
    """A call to a tool."""

    tool: str
    arguments: str
    began: float
    number: int | None = None
    seconds: float | None = None
    result: str | None = None
    has_failed: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it has no result yet."""
        return self.result is None


@dataclass
class Lane:
    """A task at work, or the work on one entry of a list."""

    task_id: str
    agent: str = ""
    description: str = ""
    state: str = "pending"
    """`pending`, `running`, `asking`, `done`, `skipped` or `failed`."""
    began: float | None = None
    ended: float | None = None
    item_of: str | None = None
    items: int = 0
    items_done: int = 0
    calls: deque[CallView] = field(default_factory=lambda: deque(maxlen=KEPT_CALLS))
    text: str = ""
    """What a model is writing."""
    writing: tuple[int, int] = (0, 0)
    """Attempt and turn of that text."""
    tokens: int = 0
    model: str = ""

    @property
    def is_active(self) -> bool:
        """Whether somebody works on it, or waits for a person."""
        return self.state in ("running", "asking")


@dataclass
class Totals:
    """What the run has used."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    is_unpriced: bool = False
    """Whether something was used whose price is not known."""

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input_tokens + self.output_tokens


class RunView:
    """A run, as far as its events tell. `apply` takes the next one."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.crew = ""
        self.version: int | None = None
        self.status = "queued"
        self.began: float | None = None
        self.ended: float | None = None
        self.progress = 0
        self.seq = 0
        self.lanes: dict[str, Lane] = {}
        self.questions: dict[str, Json] = {}
        self.totals = Totals()
        self.warnings = 0
        self.last: Json | None = None
        """The event with which the run has ended."""

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing more to come."""
        return self.last is not None

    @property
    def tasks(self) -> list[Lane]:
        """The crew's tasks, without the work on single entries."""
        return [lane for lane in self.lanes.values() if lane.item_of is None]

    def name_of(self, task_id: str | None) -> str:
        """Return a short name for a task: its place in the crew, and its agent."""
        lane = self.lanes.get(task_id or "")
        if lane is None:
            return ""
        if lane.item_of is not None:
            return f"{self.name_of(lane.item_of)}#{lane.task_id.rpartition('-')[2]}"
        return str([one.task_id for one in self.tasks].index(lane.task_id) + 1)

    def apply(self, event: Json) -> None:
        """Take the next event, or a piece of text. One that was seen before changes nothing."""
        if event.get("type") == "text_delta":
            self._write(event)
            return
        seq = event.get("seq")
        if not isinstance(seq, int) or seq <= self.seq:
            return
        self.seq = seq
        if self.status == "queued":
            self.status = "running"
        takes = getattr(self, f"_on_{event.get('type')}", None)
        if takes is not None:
            takes(event)

    def _lane(self, event: Json) -> Lane:
        task_id = str(event.get("task_id") or "")
        return self.lanes.setdefault(task_id, Lane(task_id))

    def _write(self, delta: Json) -> None:
        lane = self._lane(delta)
        turn = (int(delta.get("attempt") or 0), int(delta.get("turn") or 0))
        if turn < lane.writing:
            return
        if turn > lane.writing:
            lane.writing, lane.text = turn, ""
            if delta.get("offset"):
                lane.text = "… "
        lane.text = (lane.text + str(delta.get("text") or ""))[-LIVE_TEXT:]

    def _on_execution_start(self, event: Json) -> None:
        self.status = "running"
        self.began = moment(event)
        self.crew = str(event.get("crew") or "")
        self.version = event.get("version")
        for task_id in event.get("tasks") or []:
            self.lanes.setdefault(task_id, Lane(task_id))

    def _on_execution_resumed(self, event: Json) -> None:  # noqa: ARG002 - as all are called
        self.status = "running"
        for lane in self.lanes.values():
            lane.text = ""

    def _on_execution_waiting(self, event: Json) -> None:  # noqa: ARG002
        self.status = "waiting_for_input"

    def _on_execution_forked(self, event: Json) -> None:
        anew = set(event.get("anew") or [])
        for lane in self.lanes.values():
            if lane.task_id in anew or lane.item_of in anew:
                lane.state, lane.items_done = "pending", 0
        self.questions.clear()
        self.status, self.began = "running", moment(event)

    def _on_task_start(self, event: Json) -> None:
        lane = self._lane(event)
        lane.state = "running"
        lane.began = moment(event)
        lane.agent = str(event.get("agent") or "")
        lane.description = str(event.get("description") or "")
        lane.item_of = event.get("item_of")
        lane.items = int(event.get("items") or 0)

    def _on_llm_call(self, event: Json) -> None:
        lane = self._lane(event)
        lane.text = ""
        lane.model = str(event.get("action") or "")
        usage = event.get("usage")
        if not isinstance(usage, dict) or event.get("recorded"):
            return
        used, totals = usage, self.totals
        totals.requests += int(used.get("requests") or 0)
        totals.input_tokens += int(used.get("input_tokens") or 0)
        totals.output_tokens += int(used.get("output_tokens") or 0)
        lane.tokens += int(used.get("input_tokens") or 0) + int(used.get("output_tokens") or 0)
        if used.get("cost_usd") is None:
            totals.is_unpriced = True
        else:
            totals.cost_usd += float(used["cost_usd"])

    def _on_tool_call(self, event: Json) -> None:
        lane = self._lane(event)
        lane.calls.append(
            CallView(
                str(event.get("action") or ""),
                str(event.get("result") or ""),
                moment(event) or 0.0,
                event.get("call"),
            )
        )

    def _on_tool_result(self, event: Json) -> None:
        call = self.call_of(event)
        if call is None:
            return
        call.result = str(event.get("result") or "")
        call.has_failed = bool(event.get("failed"))
        call.seconds = event.get("duration")
        if call.seconds is None:
            call.seconds = max(0.0, (moment(event) or call.began) - call.began)

    def call_of(self, event: Json) -> CallView | None:
        """Return the call that a result belongs to."""
        number = event.get("call")
        for call in self._lane(event).calls:
            same = call.number == number if number is not None else call.tool == event.get("action")
            if call.is_open and same:
                return call
        return None

    def _on_progress(self, event: Json) -> None:
        self.progress = int(event.get("progress") or 0)

    def _on_input_required(self, event: Json) -> None:
        self.questions[str(event.get("question_id"))] = event
        if event.get("task_id"):
            self._lane(event).state = "asking"
        if not event.get("goes_on"):
            self.status = "waiting_for_input"

    def _on_input_received(self, event: Json) -> None:
        known = self.questions.pop(str(event.get("question_id")), None)
        task_id = event.get("task_id") or (known or {}).get("task_id")
        others = {one.get("task_id") for one in self.questions.values()}
        if task_id and task_id not in others:
            self._lane({"task_id": task_id}).state = "running"
        if not self.questions:
            self.status = "running"

    def _on_task_complete(self, event: Json) -> None:
        self._settle(event, "done")

    def _on_task_skipped(self, event: Json) -> None:
        self._settle(event, "skipped")

    def _settle(self, event: Json, state: str) -> None:
        lane = self._lane(event)
        lane.state, lane.text, lane.ended = state, "", moment(event)
        parent = self.lanes.get(lane.item_of or str(event.get("item_of") or ""))
        if parent is not None:
            parent.items_done += 1
            del self.lanes[lane.task_id]  # a list may have thousands of entries

    def _on_warning(self, event: Json) -> None:  # noqa: ARG002
        self.warnings += 1

    def _on_error(self, event: Json) -> None:
        failed = self.lanes.get(str(event.get("task_id") or ""))
        if failed is not None:
            failed.state = "failed"
        self._end(event, "failed")

    def _on_execution_complete(self, event: Json) -> None:
        self.progress = 100
        self._end(event, "completed")

    def _on_execution_stopped(self, event: Json) -> None:
        self._end(event, "stopped")

    def _end(self, event: Json, status: str) -> None:
        self.status, self.last, self.ended = status, event, moment(event)
        self.questions.clear()
        for lane in self.lanes.values():
            lane.text = ""
            if lane.is_active:
                lane.state = "pending" if status != "completed" else "done"
