"""What all tasks of one run share: the job, its progress, models, tools, and the budget."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from msgspec import UNSET
from opentelemetry.trace import Tracer

from common.contracts.crew import (
    AgentSnapshot,
    Configuration,
    QuestionRules,
    TaskSnapshot,
    ToolSnapshot,
)
from common.contracts.events import LlmCall, ModelUsage, ToolResult
from executor.domain.files.given import given_files
from executor.domain.inputs.lists import ITEM
from executor.domain.log.journal import Job
from executor.domain.log.sent import PromptBlocks
from executor.domain.meters import Meters
from executor.engine.asking import Asking
from executor.engine.budget import Reserve
from executor.engine.fallbacks import Fallbacks
from executor.engine.faults import RunFault
from executor.engine.given_reader import READER, GivenReader
from executor.engine.history import Progress
from executor.engine.live_text import LiveText
from executor.engine.month import MonthShare
from executor.engine.ports import (
    DeltaSink,
    ModelSource,
    NoDeltas,
    NoPurses,
    Purses,
    Tool,
    ToolSource,
)
from executor.engine.tape import Tape
from executor.engine.trace import Trace
from executor.models.dialogue import Tokens
from executor.models.masking import address
from executor.models.model import Model, ModelFault
from executor.models.own import Owner

WAITING = "MODEL_WAITING"
_WAITS = 50
"""How many waits for models one job reports."""
_TOOLS = 120
"""How many tools a model is told of; providers take 128 at most (OpenAI), and managers have one more."""
_SOME = Tokens(1_000, 1_000)


@dataclass
class Shared:
    """The context of one run."""

    job: Job
    progress: Progress
    trace: Trace
    models: ModelSource
    toolbox: ToolSource
    tracer: Tracer
    clock: Callable[[], datetime]
    meters: Meters
    deltas: DeltaSink = field(default_factory=NoDeltas)
    purses: Purses = field(default_factory=NoPurses)
    tape: Tape | None = None
    """What a replay is played from."""
    items: dict[str, Any] = field(default_factory=dict)
    """The entries of lists that tasks are done for, by the ids of the tasks that work on one."""
    reserve: Reserve = field(init=False)
    asking: Asking = field(init=False)
    live_text: LiveText = field(init=False)
    fallbacks: Fallbacks = field(init=False)
    one_by_one: AbstractAsyncContextManager[None] = field(init=False)
    """Held by a task at work, and while one begins: the steps of a replay come in the same order each time."""
    blocks: PromptBlocks | None = field(init=False)
    """Keeps what is sent to models, unless the crew does not want that."""
    _resolved: dict[str, Model] = field(default_factory=dict)
    _tools: dict[str, Tool | None] = field(default_factory=dict)
    _lost: dict[tuple[str, str, str], ModelUsage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spent, job = self.progress.spent, self.job
        purse = self.purses.open(job.workspace_id, job.job_id, job.attempt, spent.amount)
        self.reserve = Reserve(self.configuration.budget, spent, MonthShare(purse, spent))
        self.fallbacks = Fallbacks(self.clock, self.warn)
        self.live_text = LiveText(self.job, self.deltas)
        self.blocks = PromptBlocks(self.job.attempt) if self.configuration.keep_prompts else None
        self.asking = Asking(self.job.job_id, self.progress, self.trace, self.clock, self.tape)
        self.one_by_one = asyncio.Lock() if self.tape is not None else nullcontext()

    @property
    def configuration(self) -> Configuration:
        return self.job.snapshot.configuration

    @property
    def inputs(self) -> Mapping[str, Any]:
        return self.job.inputs

    @cached_property
    def given_files(self) -> Mapping[str, str]:
        """The files in the job's inputs: their ids by their names and ids."""
        return given_files(self.inputs)

    @cached_property
    def copied_files(self) -> Mapping[str, str]:
        """The artifacts in the job's history: their ids by their names, the newest of each."""
        results = (one.body for one in self.job.history if isinstance(one.body, ToolResult))
        made = (result.artifacts for result in results if result.artifacts is not UNSET)
        return {one.name: one.file_id for artifacts in made for one in artifacts}

    def inputs_of(self, task: TaskSnapshot) -> Mapping[str, Any]:
        """Return what fills in the texts of `task`: the job's inputs and, for work on an entry, `item`."""
        if task.id not in self.items:
            return self.inputs
        return {**self.inputs, ITEM: self.items[task.id]}

    def agent(self, task: TaskSnapshot) -> AgentSnapshot:
        """Return the agent a task is assigned to. Raises `RunFault` if the crew does not have it."""
        for agent in self.job.snapshot.agents:
            if agent.id == task.agent_id:
                return agent
        raise RunFault("CREW_INVALID", f"The crew has no agent {task.agent_id}.", task.id)

    async def model(self, name: str) -> Model:
        """Return a model, resolved once per run; warn once per job about a stand-in.

        One that the workspace reaches by a key of its own is resolved anew each time: the key may
        change. Raises `ModelFault`.
        """
        own = self.job.snapshot.own_models
        if own.holds(name):
            return await self.models.resolve(name, Owner(self.job.workspace_id, own))
        known = self._resolved.get(name)
        if known is not None:
            return known
        model = await self.models.resolve(name)
        self._resolved[name] = model
        if model.stands_for is not None:
            self.warn(
                "MODEL_FALLBACK",
                f"The model {model.stands_for} has no key here: the offline model answers instead.",
            )
        if model.price(_SOME) is None:
            self._warn_unpriced(model.label)
        return model

    def tools(self, agent: AgentSnapshot, task: TaskSnapshot) -> dict[str, Tool]:
        """Return the tools that `agent` may call for `task`, by name; warn about unknown names."""
        names = dict.fromkeys([*agent.tools, *task.tools])
        found = {name: self._tool(name) for name in names}
        if self.given_files and READER not in found:
            found[READER] = self._given_reader()
        for name in (name for name, tool in found.items() if tool is None):
            why = self._snapshot_of(name).left_out
            if why is None:
                self.warn("TOOL_UNKNOWN", f"The tool {name} does not exist and is left out.")
            else:
                self.warn("TOOL_LEFT_OUT", f"The tool {name} is left out: {why}.")
        there = {tool.spec.name: tool for tool in found.values() if tool is not None}
        if len(there) <= _TOOLS:
            return there
        message = (
            f"The agent {agent.name} has {len(there)} tools for the task {task.id}, and models are told of "
            f"{_TOOLS}: the others are left out. Name those that it needs."
        )
        self.warn("TOOLS_LEFT_OUT", message)
        return dict(list(there.items())[:_TOOLS])

    def _given_reader(self) -> Tool | None:
        reader = self._tool(READER)
        return None if reader is None else GivenReader(reader)

    def approvals(self, agent: AgentSnapshot, task: TaskSnapshot) -> frozenset[str]:
        """Return the names of the tools whose calls by `agent` for `task` a person must approve."""
        listed = {self._snapshot_of(name).name for name in (*agent.approvals, *task.approvals)}
        own = {tool.name for tool in self.job.snapshot.tools if tool.requires_approval}
        return frozenset(listed | own)

    def question_rules(self, task: TaskSnapshot, tool: str | None = None) -> QuestionRules:
        """Return the rules of a question: each is the tool's own, else the task's, else the crew's."""
        rules = self.configuration.questions
        for source in (task, None if tool is None else self._snapshot_of(tool)):
            if source is not None:
                set_there = {name: getattr(source, name) for name in QuestionRules.model_fields}
                given = {name: held for name, held in set_there.items() if held is not None}
                rules = rules.model_copy(update=given)
        return rules

    def _tool(self, name: str) -> Tool | None:
        if name not in self._tools:
            self._tools[name] = self.toolbox.tool(self._snapshot_of(name))
        return self._tools[name]

    def _snapshot_of(self, name: str) -> ToolSnapshot:
        known = [tool for tool in self.job.snapshot.tools if name in {tool.name, tool.tool_id}]
        return known[0] if known else ToolSnapshot(name=name)

    def known_as(self, name: str) -> str:
        """Return a tool's name and, for one that is called over HTTP, the host."""
        tool = self._snapshot_of(name)
        target = tool.endpoint if tool.mcp is None else tool.mcp.target
        where = address(target or "")
        return f"{name} ({where})" if where else name

    def warn(self, code: str, message: str) -> None:
        """Write a warning to the trace, once per job."""
        if (code, message) not in self.progress.warned:
            self.progress.warned.add((code, message))
            self.trace.write_warning(code, message)

    def warn_of_wait(self, why: str, seconds: float) -> None:
        """Warn that the run waits for a model, but not so often that the job's log fills up."""
        waits = sum(code == WAITING for code, _ in self.progress.warned)
        if waits > _WAITS:
            return
        message = f"{why} It is asked again in {seconds:.1f} s."
        if waits == _WAITS:
            message += " Further waits of this run are not reported."
        self.progress.warned.add((WAITING, f"{waits} {message}"))
        self.trace.write_warning(WAITING, message)

    def count(self, usage: ModelUsage, model: str) -> None:
        """Add what one reply used; warn if its cost is unknown or its usage estimated."""
        self.progress.spent.add(usage)
        if usage.cost_usd is None:
            self._warn_unpriced(model)
        if usage.estimated is True:
            message = f"The model {model} does not say what its replies use, so that is estimated."
            self.warn("USAGE_ESTIMATED", message)

    def _warn_unpriced(self, model: str) -> None:
        if self.configuration.budget.max_cost_usd is not None:
            unknown = f"The price of the model {model} is not known: max_cost_usd leaves it out. "
            self.warn("COST_UNKNOWN", f"{unknown}Set max_tokens, which bounds it all the same.")

    def count_cut_off(self, task_id: str, agent: str, model: str, usage: ModelUsage) -> None:
        """Count requests that got no reply; `write_cut_off` writes them when the run ends or asks another model."""
        self.progress.spent.add(usage)
        self.reserve.catch_up()
        key = (task_id, agent, model)
        known = self._lost.get(key)
        self._lost[key] = usage if known is None else known.plus(usage)

    def write_cut_off(self) -> None:
        """Write the requests that got no reply; in a replay that ends as the recorded run did, those of that one."""
        for (task_id, agent, model), usage in self._lost.items():
            self.trace.write_cut_off(task_id, agent, model, usage)
        self._lost.clear()
        self.write_recorded_cut_off(() if self.tape is None else self.tape.cut_off)

    def write_recorded_cut_off(self, requests: Iterable[LlmCall]) -> None:
        """Write requests of a recorded run that got no reply."""
        for one in requests:
            usage = one.usage if isinstance(one.usage, ModelUsage) else ModelUsage(requests=0)
            self.trace.write_cut_off(one.task_id, one.agent, one.action, usage, recorded=True)


def as_run_fault(fault: ModelFault, task_id: str) -> RunFault:
    """Return a model's fault as the one that ends the run at `task_id`."""
    return RunFault(fault.code, fault.message, task_id)
