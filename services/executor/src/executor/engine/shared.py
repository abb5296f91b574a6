"""What all tasks of one run share: the job, its history, models, tools, and the budget."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opentelemetry.trace import Tracer

from common.contracts.crew import AgentSnapshot, Configuration, TaskSnapshot, ToolSnapshot
from executor.domain.journal import Job
from executor.domain.meters import Meters
from executor.engine.faults import RunFault
from executor.engine.history import Progress
from executor.engine.ports import Models, Tool, Toolbox
from executor.engine.trace import Trace
from executor.models.model import Model, ModelFault


@dataclass(slots=True)
class Shared:
    """One run's surroundings."""

    job: Job
    progress: Progress
    trace: Trace
    models: Models
    toolbox: Toolbox
    tracer: Tracer
    clock: Callable[[], datetime]
    meters: Meters
    _resolved: dict[str, Model] = field(default_factory=dict)
    _tools: dict[str, Tool | None] = field(default_factory=dict)

    @property
    def configuration(self) -> Configuration:
        return self.job.snapshot.configuration

    @property
    def inputs(self) -> Mapping[str, Any]:
        return self.job.inputs

    def agent(self, task: TaskSnapshot) -> AgentSnapshot:
        """Return the agent a task is assigned to. Raises `RunFault` when the crew has it not."""
        for agent in self.job.snapshot.agents:
            if agent.id == task.agent_id:
                return agent
        raise RunFault("CREW_INVALID", f"The crew has no agent {task.agent_id}.", task.id)

    async def model(self, name: str) -> Model:
        """Return a model, found once per run; a stand-in is warned of once per job.

        Raises `ModelFault`.
        """
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
        return model

    def tools(self, agent: AgentSnapshot, task: TaskSnapshot) -> dict[str, Tool]:
        """Return what `agent` may call for `task`, by name. Unknown names are warned of."""
        names = dict.fromkeys([*agent.tools, *task.tools])
        found = {name: self._tool(name) for name in names}
        for name in (name for name, tool in found.items() if tool is None):
            self.warn("TOOL_UNKNOWN", f"The tool {name} does not exist and is left out.")
        return {tool.spec.name: tool for tool in found.values() if tool is not None}

    def _tool(self, name: str) -> Tool | None:
        if name not in self._tools:
            told = [tool for tool in self.job.snapshot.tools if name in {tool.name, tool.tool_id}]
            snapshot = told[0] if told else ToolSnapshot(name=name)
            self._tools[name] = self.toolbox.tool(snapshot)
        return self._tools[name]

    def warn(self, code: str, message: str) -> None:
        """Write a warning to the trace, once per job."""
        if (code, message) not in self.progress.warned:
            self.progress.warned.add((code, message))
            self.trace.warned(code, message)

    def count(self, usage: Mapping[str, Any], model: str) -> None:
        """Add what one request used; warn where a bound on costs cannot be kept."""
        self.progress.spent.add(usage)
        if self.configuration.budget.max_cost_usd is not None and usage["cost_usd"] is None:
            told = f"The price of the model {model} is not known: max_cost_usd leaves it out."
            self.warn("COST_UNKNOWN", told)

    def check_budget(self, task_id: str, *, before_a_call: bool) -> None:
        """Raise `RunFault` (`BUDGET_EXCEEDED`) when the job has used up, or more than, its budget."""
        budget, spent = self.configuration.budget, self.progress.spent
        for name, used, most in (
            ("tokens", float(spent.tokens), budget.max_tokens),
            ("US dollars", spent.cost_usd, budget.max_cost_usd),
        ):
            if most is not None and (used > most or (before_a_call and used >= most)):
                raise RunFault(
                    "BUDGET_EXCEEDED",
                    f"The run has used {used:g} {name}; its budget is {most:g}.",
                    task_id,
                )


def as_run_fault(fault: ModelFault, task_id: str) -> RunFault:
    """Return the fault of a model as the one that ends a run at `task_id`."""
    return RunFault(fault.code, fault.message, task_id)
