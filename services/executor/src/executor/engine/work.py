"""Works on one task: by its agent, or by a manager who delegates it."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.contracts.crew import AgentSnapshot, TaskSnapshot, manager_of
from executor.domain.inputs.placeholders import fill_placeholders
from executor.engine import prompts, shares, spans
from executor.engine.answers import Answers
from executor.engine.conversation import MAX_ITERATIONS, Conversation
from executor.engine.coworkers import Coworkers, UnclearName
from executor.engine.desk import Desk, Speaker
from executor.engine.faults import RunFault
from executor.engine.history import Output
from executor.engine.playing import DELEGATE
from executor.engine.shared import Shared
from executor.models.dialogue import Coworker, Dialogue, Topic
from executor.tools.arguments import fit_arguments
from executor.tools.call import Call
from executor.tools.spec import FailedResult, ToolSpec

MANAGER = "Manager"
_DELEGATIONS = 8
"""How many pieces of work a manager may delegate in one reply: each is a whole conversation."""
_DELEGATED = 60_000
"""How many characters of a coworker's answer the manager sees."""


def worker_name(shared: Shared, task: TaskSnapshot) -> str:
    """Return the name of the agent that answers for `task`."""
    if shared.job.snapshot.process == "hierarchical":
        return MANAGER
    return shared.agent(task).name


async def work_on(shared: Shared, task: TaskSnapshot, context: Sequence[str]) -> Output:
    """Work on `task` until it has an output. Raises `RunFault` or `NeedsInput`."""
    desk = Desk(shared, task)
    managed = shared.job.snapshot.process == "hierarchical"
    speaker, dialogue = (
        _manager_dialogue(desk, context) if managed else _agent_dialogue(desk, context)
    )
    agent_id = None if managed else task.agent_id
    with spans.agent(shared, speaker.agent, speaker.model, task.id, agent_id):
        return await Answers(desk, Conversation(desk, speaker, dialogue), speaker).output()


def _agent_dialogue(desk: Desk, context: Sequence[str]) -> tuple[Speaker, Dialogue]:
    shared, task = desk.shared, desk.task
    agent = shared.agent(task)
    topic = _topic(desk, agent.name, context)
    standing = prompts.instructions(agent, shared.inputs)
    settings = agent.model_settings or {}
    dialogue = Dialogue(standing, _opening(desk, context), topic, settings=settings)
    return _agent_speaker(desk, "", agent), dialogue


def _agent_speaker(desk: Desk, scope: str, agent: AgentSnapshot) -> Speaker:
    shared, task = desk.shared, desk.task
    return Speaker(
        scope,
        agent.name,
        agent.model,
        shared.tools(agent, task),
        approvals=shared.approvals(agent, task),
        fallbacks=tuple(agent.fallback_models),
    )


def _manager_dialogue(desk: Desk, context: Sequence[str]) -> tuple[Speaker, Dialogue]:
    shared, crew = desk.shared, desk.shared.job.snapshot
    if not crew.agents:
        raise RunFault("CREW_INVALID", "The crew has no agents.", desk.task.id)
    coworkers = Coworkers(crew.agents)
    suggested = coworkers.name_of(desk.task.agent_id)
    people = [
        Coworker(name, agent.role, agent.goal)
        for name, agent in zip(coworkers.names, crew.agents, strict=True)
    ]
    topic = _topic(desk, MANAGER, context, people, suggested=suggested)
    standing = prompts.manager_instructions(crew.name, people, shared.inputs)
    opening = _opening(desk, context)
    if suggested:
        opening += f"\n\nMeant for this task: {suggested}"
    manager = manager_of(shared.configuration, crew.agents)
    model, *fallbacks = manager.models
    tools = {DELEGATE: Delegation(desk, coworkers)}
    speaker = Speaker(
        "", MANAGER, model, tools, most_calls=_DELEGATIONS, fallbacks=tuple(fallbacks)
    )
    return speaker, Dialogue(standing, opening, topic, settings=manager.settings)


def _opening(desk: Desk, context: Sequence[str]) -> str:
    memory = prompts.memory_lines(desk.shared.job.snapshot.memory, desk.shared.configuration.memory)
    known, cut = prompts.fit_context(context)
    if cut:
        message = (
            f"What the task {desk.task.id} builds on is too long for its prompt and was cut there."
        )
        desk.shared.warn("CONTEXT_CUT", message)
    return prompts.opening(desk.task, desk.shared.inputs_of(desk.task), known, memory)


def _topic(
    desk: Desk,
    agent: str,
    context: Sequence[str],
    people: Sequence[Coworker] = (),
    *,
    suggested: str = "",
) -> Topic:
    task, inputs = desk.task, desk.shared.inputs_of(desk.task)
    return Topic(
        agent=agent,
        description=fill_placeholders(task.description, inputs),
        expected_output=fill_placeholders(task.expected_output, inputs),
        purpose="manage" if people else "work",
        inputs=inputs,
        context=tuple(context),
        coworkers=tuple(people),
        suggested=suggested,
        output_schema=task.output_schema,
    )


class Delegation:
    """The manager's tool: a coworker does a piece of work with its own model and tools.

    It can resume after a crash, since the coworker's own steps are in the history.
    """

    safe = reads = True
    asks = False

    def __init__(self, desk: Desk, coworkers: Coworkers) -> None:
        self._desk = desk
        self._coworkers = coworkers
        text = {"type": "string"}
        self.spec = ToolSpec(
            DELEGATE,
            "Hand a piece of work to a coworker and get the answer back. The coworker knows only "
            "what you write here: say what to do and all that is needed to do it.",
            {
                "type": "object",
                "properties": {
                    "coworker": {
                        "type": "string",
                        "description": f"One of: {', '.join(coworkers.names)}",
                    },
                    "task": {**text, "description": "What to do"},
                    "context": {**text, "description": "What the coworker has to know for it"},
                },
                "required": ["coworker", "task"],
            },
        )

    async def fit_arguments(self, arguments: Mapping[str, Any] | None) -> Mapping[str, Any] | str:
        return await fit_arguments(self.spec.parameters, arguments)

    async def call(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Let the coworker do the work and return its answer. Raises `RunFault` if its model fails."""
        try:
            agent = self._coworkers.find(str(arguments["coworker"]))
        except UnclearName as fault:
            return FailedResult(f"Error: {fault}")
        work, context = str(arguments["task"]), str(arguments.get("context") or "")
        try:
            shared, task_id = self._desk.shared, self._desk.task.id
            with spans.agent(shared, agent.name, agent.model, task_id, agent.id):
                answer = await self._conversation(agent, work, context, call.number).answer()
        except RunFault as fault:
            if fault.code != MAX_ITERATIONS:
                raise
            return FailedResult(f"Error: {fault.message}")
        return shares.cut(answer, _DELEGATED)

    def _conversation(
        self, agent: AgentSnapshot, work: str, context: str, number: int
    ) -> Conversation:
        shared = self._desk.shared
        topic = Topic(
            agent=agent.name,
            description=work,
            inputs=shared.inputs,
            context=(context,) if context else (),
        )
        standing = prompts.instructions(agent, shared.inputs)
        opening, settings = prompts.delegation(work, context), agent.model_settings or {}
        dialogue = Dialogue(standing, opening, topic, settings=settings)
        return Conversation(self._desk, _agent_speaker(self._desk, f"d{number}", agent), dialogue)
