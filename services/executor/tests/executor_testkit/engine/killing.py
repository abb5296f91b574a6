"""A world in which workers die at any write: random crews, models that answer by a seed, tools that count.

Everything is real - the engine, the journal, the runs of a worker - but the store, which is in memory and can die
with its worker: before a write, or after it and before anybody is told.
"""

import asyncio
import itertools
import json
import random
import re
from collections import Counter, defaultdict
from contextvars import ContextVar

from executor_testkit.engine.models import calls
from executor_testkit.engine.stage import Stage, make_crew
from hypothesis import strategies as st
from opentelemetry.trace import NoOpTracer

from common.contracts.events import ExecutionStatus, set_fields
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from executor.domain.log import moves
from executor.domain.log.execution import Execution
from executor.domain.log.questions import Answer, question_of
from executor.domain.log.validity import validate_answer
from executor.domain.meters import NoMeters
from executor.domain.worker.job_run import RunServices
from executor.domain.worker.runs import Runs
from executor.engine.runner import Engine

JOB = "job_1"
INPUTS = {"yes": True, "no": False, "list": ["a", "b", "c"]}
READS, KEYED, UNSAFE = "read", "send", "pay"
NO_YES = [
    Answer("answered", "Approved"),
    Answer("answered", "yes"),
    Answer("answered", "No. Do not send this to anyone!"),
    Answer("rejected", comment="no"),
]


_begun = ContextVar("_begun", default=None)
"""The tasks of the worker that runs: with it, all of them die."""


def begin_task(loop, coroutine, **options):
    """Note a task with the others of its worker, also when another worker runs beside it."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    if _begun.get() is not None:
        _begun.get().append(task)
    return task


class Mortal:
    """One worker's way to the store. At its last write it dies, and answers nothing any more."""

    def __init__(self, store, writes=None, stored=True):
        self._store = store
        self._left = writes
        self._stored = stored
        self.died = asyncio.Event()

    def __getattr__(self, name):
        async def call(*args):
            if self.died.is_set():
                await asyncio.Event().wait()
            return await getattr(self._store, name)(*args)

        return call

    async def apply(self, step):
        await asyncio.sleep(0)
        if self.died.is_set():
            await asyncio.Event().wait()
        if self._left == 0:
            if self._stored:
                await self._store.apply(step)
            self.died.set()
            await asyncio.Event().wait()
        if self._left is not None:
            self._left -= 1
        return await self._store.apply(step)


class Nobody:
    async def publish_events(self, job, records):
        await asyncio.sleep(0)


class Ended:
    def add(self, job):
        pass

    async def flush(self, job):
        pass


class World:
    """A crew, a seed that its models answer by, and what its tools have done."""

    def __init__(self, shape, seed):
        self.seed = seed
        self.job_id = JOB
        self.stage = Stage(now=utc_now())
        self.stage.script.say = self.say
        self.stage.drawer.unsafe = frozenset({UNSAFE})
        self.stage.drawer.writing = frozenset({KEYED})
        self.stage.drawer.tools = {name: self.tool(name) for name in (READS, KEYED, UNSAFE)}
        self.arguments = []
        names = [READS, KEYED, UNSAFE, "gone"]
        tasks = len(shape["tasks"])
        self.crew = make_crew(
            tasks,
            process=shape["process"],
            configuration={"on_unknown_outcome": shape["policy"]},
            **{f"tools_{n}": names for n in range(1, tasks + 1)},
            **{f"task_{n}": task for n, task in enumerate(shape["tasks"], 1)},
        )
        self.store = MemoryExecutions()
        self.asked = defaultdict(list)
        self.reviewed = []

    def tool(self, name):
        async def call(arguments):
            self.arguments.append(arguments["x"])
            await asyncio.sleep(0)
            return f"{name} {arguments['x']}"

        return call

    def say(self, _model, dialogue, tools):
        topic, turn = dialogue.topic, len(dialogue.turns)
        self.asked[topic.purpose, topic.agent, topic.description].append(turn)
        dice = random.Random(f"{self.seed}:{topic.agent}:{topic.description}:{turn}")
        if topic.purpose == "judge":
            return dice.choice(["PASS", "PASS", "FAIL: too short"])
        names = [tool.name for tool in tools]
        if turn >= 6 or dice.random() < 0.35:
            return f"{topic.description}, at {turn}: " + ",".join(
                result.text for result in dialogue.results()
            )
        return calls(*(self.wanted(dice, names) for _ in range(dice.choice([1, 1, 2, 3]))))

    def wanted(self, dice, names):
        if "delegate_work" in names:
            work = {"coworker": f"Agent {dice.randint(1, 2)}", "task": f"Part {dice.random()}"}
            return "delegate_work", work
        name = dice.choice([READS, KEYED, KEYED, UNSAFE, UNSAFE, "gone"])
        return name, {"x": dice.choice([1, 2, 3, "no number"])}

    def made(self, name):
        return Counter(key for tool, key in self.stage.drawer.calls if tool == name)

    def used_keys(self):
        """Return each key that matters, once for each different call it was used for."""
        used = zip(self.stage.drawer.calls, self.arguments, strict=True)
        return [key for (name, key), _ in {(*each,) for each in used} if name != READS]

    def turns(self):
        """Return what was asked in each dialogue; once, what was asked again with nothing between.

        Only the last turn before a death may be asked again: its reply may not have been stored.
        """
        return {
            topic: [turn for turn, _ in itertools.groupby(turns)]
            for topic, turns in self.asked.items()
        }

    async def begin(self):
        job = Execution(JOB, "ws_1", "crew_1", utc_now(), snapshot=self.crew, inputs=INPUTS)
        await self.store.insert(job)

    async def attempt(self, number, writes=None, stored=True):
        """Claim the job and run it in a worker of its own until that dies or the run is over."""
        job = self.store.jobs[self.job_id]
        lost = job.owner is not None
        step = moves.claim(job, f"worker_{number}", utc_now(), lost=lost, limit=1_000)
        assert await self.store.apply(step)
        mortal = Mortal(self.store, writes, stored)
        engine = Engine(
            self.stage.script, self.stage.drawer, self.stage.sink, clock=lambda: self.stage.now
        )

        async def runner():
            return engine

        services = RunServices(mortal, Nobody(), Ended(), runner, NoOpTracer(), NoMeters())
        runs = Runs(services)
        assert runs.reserve(self.job_id, "ws_1")
        tasks = self.started(runs, step.after)
        (run,) = runs._tasks.values()
        death = asyncio.create_task(mortal.died.wait())
        await asyncio.wait({run, death}, return_when=asyncio.FIRST_COMPLETED)
        run.cancel()
        await asyncio.wait({run})
        for task in (death, *tasks):
            task.cancel()

    def started(self, runs, job):
        """Start a worker's run; return all tasks that come of it, also later."""
        tasks = []
        asyncio.get_running_loop().set_task_factory(begin_task)
        token = _begun.set(tasks)
        runs.start(job)
        _begun.reset(token)
        return tasks

    async def answered(self):
        """Answer as someone would who can look up what the tools have done."""
        job = self.store.jobs[self.job_id]
        place = random.Random(f"{self.seed}:{job.seq}").choice(job.open_questions)
        (asked,) = await self.store.records(self.job_id, place.asked - 1, 1)
        shown, private = asked.entry().body, asked.entry().private
        question = question_of(asked.entry())
        said = Answer("approved")
        if private is None:
            dice = random.Random(f"{self.seed}:{shown.answer}")
            said = dice.choice([said, said, *NO_YES])
            self.reviewed.append((shown.task_id, shown.answer, said.outcome))
        else:
            (key,) = re.findall(rf"job_\w+:{shown.task_id}:{private.call}\b", shown.prompt)
            called = next(
                record.entry()
                for record in await self.store.records(self.job_id, 0, 10_000)
                if record.type == "tool_call"
                and record.entry().body.task_id == shown.task_id
                and record.entry().private.call == private.call
            )
            made = self.made(UNSAFE)[key]
            text = f"pay {json.loads(called.body.result)['x']}" if made else "Retry"
            said = await validate_answer(Answer("answered", text), question)
        step = moves.answer(job, question, said, "usr_1", utc_now())
        assert await self.store.apply(step)

    async def to_end(self, kills):
        await self.begin()
        return await self.go_on(kills)

    async def go_on(self, kills, attempts=200):
        """Let workers run the job, and people answer, until it ends or `attempts` are over; return its events."""
        for number in range(attempts):
            writes, stored = kills.pop(0) if kills else (None, True)
            await self.attempt(number, writes, stored)
            job = self.store.jobs[self.job_id]
            if job.status == ExecutionStatus.WAITING_FOR_INPUT:
                await self.answered()
            if self.store.jobs[self.job_id].final:
                break
        return await self.events()

    async def events(self):
        return [record.entry() for record in await self.store.records(self.job_id, 0, 10_000)]


def said(event, *without):
    # Whether other tasks still went on beside a question is open, and which of calls beside one another is the first.
    left_out = {"goes_on", "call", "duration", *without}
    fields = [item for item in set_fields(event.body).items() if item[0] not in left_out]
    return f"{event.type} {sorted(fields, key=str)}"


CLAIMS = {"execution_start", "execution_resumed", "execution_waiting", "execution_forked"}


def of_the_run(events):
    """Return what the run did, without the claims, and the questions that only a crash raises."""
    raised = {e.body.question_id for e in events if e.type == "input_required" and e.private}
    return [
        event
        for event in events
        if getattr(event.body, "question_id", None) not in raised and event.type not in CLAIMS
    ]


def by_task(events, *without):
    told = defaultdict(Counter)
    for event in events:
        if event.type != "progress":  # what comes first of what runs at once is open
            told[getattr(event.body, "task_id", None)][said(event, *without)] += 1
    return told


IN_WORDS = "It is long enough"
RULES = [{"kind": "length", "min": 12}, IN_WORDS, {"kind": "regex", "pattern": "at [246]"}]


@st.composite
def task_lists(draw):
    """Return two to four tasks with all that a graph may have."""
    made = []
    for number in range(1, draw(st.integers(2, 4)) + 1):
        earlier = [f"task_{n}" for n in range(1, number)]
        options = {
            "async_execution": st.booleans(),
            "human_input": st.booleans(),
            "guardrail": st.sampled_from([IN_WORDS, RULES]),
            "max_retries": st.just(4),
            "condition": st.sampled_from(
                ["inputs.yes", "inputs.no", *(f"len(outputs.{one}) > 30" for one in earlier)]
            ),
            "for_each": st.sampled_from(
                ["{list}", *(f"task_{n}" for n, task in enumerate(made, 1) if "for_each" in task)]
            ),
        }
        if earlier:
            options["depends_on"] = st.lists(st.sampled_from(earlier), max_size=2, unique=True)
            options["context"] = st.lists(
                st.sampled_from([*earlier, "A text"]), max_size=2, unique=True
            )
        task = draw(st.fixed_dictionaries({}, optional=options))
        if "for_each" in task:
            task["description"] = f"Work {number} on {{item}}"
        made.append(task)
    return made


shapes = st.fixed_dictionaries(
    {
        "process": st.sampled_from(["sequential", "sequential", "hierarchical"]),
        "policy": st.sampled_from(["fail", "retry", "ask"]),
        "tasks": task_lists(),
    }
)
deaths = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=6)
