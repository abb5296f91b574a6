"""One job, its people and its workers, all of which may die, come late or meddle.

The engine, the journal, the runs of a worker, the api's answers and the sweep of expired questions are real;
the store is in memory and can die with its worker, and the clock is simulated.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from datetime import timedelta

from executor_testkit.engine.models import calls
from executor_testkit.engine.stage import Stage, make_crew
from opentelemetry.trace import NoOpTracer

from common.errors import Conflict, InvalidRequest
from common.identity import Role
from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from devkit.stores.questions import MemoryQuestions
from executor.domain.api.control import Control
from executor.domain.ending.expiry import Expiry
from executor.domain.log import moves
from executor.domain.log.execution import Execution
from executor.domain.log.questions import Answer, question_of
from executor.domain.meters import NoMeters
from executor.domain.worker.job_run import RunServices
from executor.domain.worker.runs import Runs
from executor.engine.runner import Engine
from executor.tools.call import InputWanted, Inquiry

JOB = "job_1"
DAY = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}


class Nobody:
    """The bus, the outbox and the settlement: they take everything and do nothing."""

    def __getattr__(self, name):
        return lambda *_: None

    async def publish_events(self, job, records):
        await asyncio.sleep(0)

    async def publish_submission(self, job):
        await asyncio.sleep(0)

    async def publish_stop(self, job):
        await asyncio.sleep(0)

    async def flush(self, job):
        await asyncio.sleep(0)


class Mortal:
    """A worker's way to the store: before its `meddled`th write somebody answers, at its last one it dies."""

    def __init__(self, store, plan, meddle):
        self._store, self._plan, self._meddle = store, plan, meddle
        self._writes = 0
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
        self._writes += 1
        if self._writes == self._plan.meddled:
            await self._meddle()
        if self._writes == self._plan.dies:
            if self._plan.stored:
                await self._store.apply(step)
            self.died.set()
            await asyncio.Event().wait()
        return await self._store.apply(step)


@dataclass(frozen=True)
class Plan:
    """When a worker dies and when somebody meddles, counted in writes; 0 is never."""

    dies: int = 0
    stored: bool = True
    meddled: int = 0


@dataclass
class World:
    """One job, its people, its workers, and what its tool has really done."""

    shape: dict
    seed: int
    store: MemoryExecutions = field(default_factory=MemoryExecutions)
    made: list = field(default_factory=list)
    booked: list = field(default_factory=list)
    given: dict = field(default_factory=dict)

    def __post_init__(self):
        self.now = utc_now()
        self.dice = random.Random(self.seed)
        self.workers = 0
        self.stage = Stage()
        self.stage.script.say = self.say
        self.stage.drawer.unsafe = frozenset({"pay", "book"})
        self.stage.drawer.writing = frozenset({"send"})
        self.stage.drawer.tools = {
            "pay": self.pay,
            "look": self.look,
            "book": self.book,
            "ask_person": None,
        }
        nobody = Nobody()
        self.control = Control(self.store, nobody, nobody)
        self.expiry = Expiry(MemoryQuestions(self.store), self.store, nobody, nobody, NoMeters())
        self.crew = self.make_crew()

    def make_crew(self):
        tasks = len(self.shape["tasks"])
        rules = {"expires_in": 60, "on_expiry": self.shape["expiry"]}
        crew = make_crew(
            tasks,
            task={"approvals": ["pay"], **(rules if self.shape["expiry"] else {})},
            configuration={"on_unknown_outcome": self.shape["policy"]},
            **{f"tools_{n}": ["pay", "look", "book", "ask_person"] for n in range(1, tasks + 1)},
        )
        changed = [
            task.model_copy(update=given)
            for task, given in zip(crew.tasks, self.shape["tasks"], strict=True)
        ]
        return crew.model_copy(update={"tasks": changed})

    @property
    def job(self):
        return self.store.jobs[JOB]

    def pay(self, arguments):
        _, key = self.stage.drawer.calls[-1]
        self.made.append((key, dict(arguments)))
        return f"paid {arguments['x']}"

    def book(self, _arguments):
        """Ask a person for a day, and then for another, before anything is done."""
        (_, key), heard = self.stage.drawer.calls[-1], self.stage.drawer.heard[-1]
        rounds = 0 if heard is None else int(heard.state)
        if heard is not None and heard.outcome != "answered":
            return "nothing booked"
        if rounds < 2:
            raise InputWanted(Inquiry("Which day?", DAY, ("day",), str(rounds + 1)))
        self.booked.append((key, heard.input["day"]))
        return "booked"

    async def look(self, arguments):
        await asyncio.sleep(0)
        return f"saw {arguments.get('x')}"

    def say(self, _model, dialogue, _tools):
        turn = len(dialogue.turns)
        dice = random.Random(f"{self.seed}:{dialogue.topic.description}:{turn}")
        if turn >= 5 or dice.random() < 0.3:
            return f"{dialogue.topic.description} is done"
        return calls(*(self.wanted(dice) for _ in range(dice.choice([1, 1, 2, 3]))))

    def wanted(self, dice):
        name = dice.choice(["pay", "pay", "pay", "look", "ask_person", "book"])
        if name == "ask_person":
            return name, {"prompt": "?", "choices": ["red", "blue"]}
        return name, {"x": dice.choice([1, 2, "3", "no number"])}

    async def begin(self):
        await self.store.insert(Execution(JOB, "ws_1", "crew_1", self.now, snapshot=self.crew))

    async def run(self, plan):
        """Let a worker claim the job, if it can be claimed, and run it until it dies or has to wait."""
        job = self.job
        if job.status not in moves.CLAIMABLE:
            return
        self.workers += 1
        owner, lost = f"worker_{self.workers}", job.owner is not None
        step = moves.claim(job, owner, utc_now(), lost=lost, limit=1_000)
        assert await self.store.apply(step)
        mortal = Mortal(self.store, plan, self.say_something)
        stage = self.stage
        engine = Engine(stage.script, stage.drawer, stage.sink, clock=lambda: self.now)

        async def runner():
            return engine

        before = asyncio.all_tasks()
        runs = Runs(RunServices(mortal, Nobody(), Nobody(), runner, NoOpTracer(), NoMeters()))
        assert runs.reserve(JOB, "ws_1")
        runs.start(step.after)
        (run,) = runs._tasks.values()
        death = asyncio.create_task(mortal.died.wait())
        await asyncio.wait({run, death}, return_when=asyncio.FIRST_COMPLETED)
        run.cancel()
        await asyncio.wait({run})
        for task in asyncio.all_tasks() - before:
            task.cancel()

    async def say_something(self, decision=None):
        """Answer one of the open questions; say something that is refused now and then."""
        places = self.job.open_questions
        if not places:
            return
        place = self.dice.choice(places)
        question = await self.question(place)
        said = self.answer_to(question, decision or self.dice.choice(["yes", "yes", "edit", "no"]))
        await self.give(question.question_id, said)

    async def question(self, place):
        (record,) = await self.store.records(JOB, place.asked - 1, 1)
        return question_of(record.entry())

    def answer_to(self, question, decision):
        if decision == "garbage":
            return Answer("answered", "Approved. Yes, do it.")
        if question.kind == "unknown_outcome":
            kept = self.private_call(question)
            done = [arguments for key, arguments in self.made if key.endswith(f":{kept}")]
            done += [day for key, day in self.booked if key.endswith(f":{kept}")]
            return Answer("answered", "it was done") if done else Answer("retry")
        if question.kind == "question":
            if decision == "no":
                return Answer("rejected")
            word = self.dice.choice(["red", "blue"])
            return Answer("answered", {"day": word} if question.response_schema else word)
        if question.kind == "review":
            return Answer("answered", "Shorter") if decision == "edit" else Answer("approved")
        if decision == "edit":
            return Answer("approved", arguments={"x": self.dice.randint(10, 99)})
        return Answer("rejected", comment="No") if decision == "no" else Answer("approved")

    def private_call(self, question):
        kept = next(
            record.entry()
            for record in self.all_records()
            if record.type == "input_required"
            and record.entry().body.question_id == question.question_id
        )
        return f"{question.task_id}:{kept.private.call}"

    def all_records(self):
        held = self.store.traces[JOB] | {record.seq: record for record in self.job.tail}
        return [held[seq] for seq in sorted(held)]

    async def give(self, question_id, said):
        """Answer over the api; what it takes must be the first answer, or the same again."""
        try:
            await self.control.answer(
                "ws_1", JOB, said, by="usr_1", role=Role.EDITOR, question_id=question_id
            )
        except InvalidRequest:
            return
        except Conflict:
            first = self.given.get(question_id)
            assert self.job.final or first is None or first != said
            return
        assert self.given.setdefault(question_id, said) == said

    async def say_again(self):
        """Send an earlier answer again, and another one to the same question."""
        if self.given:
            question_id = self.dice.choice(sorted(self.given))
            await self.give(question_id, self.given[question_id])
            await self.give(question_id, Answer("rejected", comment="Too late"))

    async def pass_time(self, seconds):
        self.now += timedelta(seconds=seconds)
        await self.expiry.sweep(self.now)

    def some_plan(self) -> Plan:
        """Return a plan by which a worker may die, and somebody may answer in the middle of its run."""
        dies = self.dice.choice([0, 1, 2, 2, 3, 4])
        return Plan(dies, self.dice.random() < 0.5, self.dice.choice([0, 1, 2, 3]))

    async def stop(self):
        with contextlib.suppress(Conflict):
            await self.control.stop("ws_1", JOB)

    async def happen(self, what, detail):
        if what == "run":
            await self.run(Plan(*detail))
        elif what == "say":
            await self.say_something(detail)
        elif what == "again":
            await self.say_again()
        elif what == "time":
            await self.pass_time(detail)
        else:
            await self.stop()
