"""Random orders of everything that may happen to a job.

Each move is made in two halves, prepared and written, with anything in between: so late writes of
paused, dead and superseded writers are the rule here, not the exception. The same machine runs over
the store in memory here and over each kind of database in `integration/test_stored_state_machine.py`.
docs/reference/execution-states.md tells the moves.
"""

import re
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from common.contracts.crew import AgentSnapshot, CrewSnapshot, TaskSnapshot
from common.contracts.events import (
    ExecutionComplete,
    ExecutionStatus,
    InputRequired,
    LlmCall,
    ProgressUpdate,
    RunError,
    TaskComplete,
    TaskStart,
)
from common.contracts.messages import JobSubmitted
from common.times import utc_now
from devkit.stores.executions import MemoryCounters, MemoryExecutions
from executor.domain.ending.settlement import Settlement
from executor.domain.ending.tallies import ending_of
from executor.domain.log import moves
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import _MOVES, Execution, ForbiddenMove, JobStep
from executor.domain.log.projection import fold
from executor.domain.log.questions import Answer, question_of
from executor.domain.log.records import number
from executor.domain.worker.intake import ForeignJob, Intake

JOB = "job_1"
LIMIT = 3
S = ExecutionStatus
ALLOWED = {
    (S.QUEUED, S.RUNNING),
    (S.RUNNING, S.RUNNING),
    (S.RUNNING, S.WAITING_FOR_INPUT),
    (S.WAITING_FOR_INPUT, S.RUNNING),
    (S.RUNNING, S.COMPLETED),
    *((live, end) for live in (S.QUEUED, S.RUNNING, S.WAITING_FOR_INPUT) for end in (S.FAILED, S.STOPPED)),
}  # fmt: skip


def now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the store in memory has waited")


class Announced:
    def __init__(self) -> None:
        self.seqs: list[int] = []

    async def publish_events(self, job: Execution, records: Any) -> None:
        self.seqs += [record.seq for record in records]


class JobMachine(RuleBasedStateMachine):
    prepared = Bundle("prepared")
    read = Bundle("read")

    def stores(self) -> Any:
        """Return empty stores."""
        return MemoryExecutions(), MemoryCounters()

    def now(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return now(coroutine)

    @initialize()
    def submit(self) -> None:
        self.store, self.counters = self.stores()
        self.bus = Announced()
        self.settlement = Settlement(self.store, self.counters, self.bus)
        crew = CrewSnapshot(
            id="crew_1",
            workspace_id="ws_1",
            name="c",
            process="sequential",
            status="active",
            agents=[AgentSnapshot(id="a", name="a", role="a", goal="a", model="offline")],
            tasks=[TaskSnapshot(id="t1", description="", expected_output="", agent_id="a")],
        )
        job = Execution(JOB, "ws_1", "crew_1", utc_now(), snapshot=crew)
        assert self.now(self.store.insert(job))
        self.dead: set[str] = set()
        self.confirmed: dict[str, int] = {}
        self.writers: dict[str, Execution] = {}
        self.status = S.QUEUED
        self.workers = 0

    def job(self) -> Execution:
        found: Execution = self.now(self.store.find(JOB))
        return found

    def log(self) -> Any:
        return self.now(self.store.records(JOB, 0, 10_000))

    @rule(target=prepared)
    def a_worker_prepares_a_claim(self) -> Any:
        job = self.job()
        lost = job.owner in self.dead
        if job.status not in moves.CLAIMABLE or (job.owner is not None and not lost):
            return None
        self.workers += 1
        owner = f"worker_{self.workers}"
        return owner, moves.claim(job, owner, utc_now(), lost=lost, limit=LIMIT)

    @precondition(lambda self: self.writers)
    @rule(target=prepared, data=st.data(), copy=st.booleans())
    def a_writer_prepares_an_append(self, data: Any, copy: bool) -> Any:
        owner = data.draw(st.sampled_from(sorted(self.writers)))
        belief = self.writers[owner]
        steps = data.draw(st.lists(st.sampled_from(_STEPS), min_size=1, max_size=3))
        last = data.draw(st.sampled_from([None, None, *_ENDS]))
        drafts = [EventDraft(body) for body in steps]
        drafts += [] if last is None else [EventDraft(last)]
        records = number(drafts, JOB, belief.seq, belief.attempt, utc_now())
        copied = 0
        if copy and belief.tail:
            self.now(self.store.copy({JOB: belief.tail}))
            copied = belief.tail[-1].seq
        published = self.confirmed.get(owner, belief.published)
        return owner, moves.append(belief, records, copied=copied, published=published)

    @precondition(lambda self: self.writers)
    @rule(data=st.data(), some=st.integers(1, 4))
    def a_writer_publishes(self, data: Any, some: int) -> None:
        owner = data.draw(st.sampled_from(sorted(self.writers)))
        belief = self.writers[owner]
        done = self.confirmed.get(owner, belief.published)
        records = [record for record in self.log() if done < record.seq <= belief.seq][:some]
        if records:
            self.now(self.bus.publish_events(belief, records))
            self.confirmed[owner] = records[-1].seq

    @precondition(lambda self: self.writers)
    @rule(target=prepared, data=st.data())
    def a_writer_prepares_to_hand_back(self, data: Any) -> Any:
        owner = data.draw(st.sampled_from(sorted(self.writers)))
        belief = self.writers[owner]
        published = self.confirmed.get(owner, belief.published)
        return "", moves.hand_back(belief, published=published)

    @precondition(lambda self: self.writers)
    @rule(target=prepared, data=st.data())
    def a_writer_prepares_to_fail_the_job(self, data: Any) -> Any:
        owner = data.draw(st.sampled_from(sorted(self.writers)))
        told = {"code": "INTERNAL_ERROR", "message": "a bug"}
        return owner, moves.refuse(self.writers[owner], owner, utc_now(), **told)

    @rule(target=prepared)
    def a_worker_prepares_to_refuse_the_job(self) -> Any:
        if self.job().status != S.QUEUED:
            return None
        told = {"code": "NOT_FOUND", "message": "the crew is gone"}
        return "", moves.refuse(self.job(), "worker_0", utc_now(), **told)

    @rule(workspace=st.sampled_from(["ws_1", "ws_2"]))
    def its_message_comes_late(self, workspace: str) -> None:
        before = self.job()
        message = JobSubmitted(job_id=JOB, workspace_id=workspace, crew_id="crew_1")
        intake = Intake("worker_0", self.store, None, self.settlement)
        try:
            assert self.now(intake.store_job(message, "")) == before
        except ForeignJob:
            assert workspace == "ws_2"
        assert self.job() == before

    @rule(target=read)
    def somebody_reads_it(self) -> Execution:
        return self.job()

    @rule(job=read)
    def what_was_read_long_ago_is_settled(self, job: Execution) -> None:
        if job.final:
            self.now(self._settled(job))
        elif job.status == S.WAITING_FOR_INPUT:
            self.now(self.settlement.flush(job))

    @rule(target=prepared)
    def the_api_prepares_a_stop(self) -> Any:
        return None if self.job().final else ("", moves.stop(self.job(), utc_now()))

    @rule(target=prepared, outcome=st.sampled_from(["approved", "answered", "rejected"]))
    def a_person_prepares_an_answer(self, outcome: Any) -> Any:
        job = self.job()
        if not job.open_questions:
            return None
        (asked,) = self.now(self.store.records(job.job_id, job.open_questions[0].asked - 1, 1))
        said = Answer(outcome, "more" if outcome == "answered" else None)
        return "", moves.answer(job, question_of(asked.entry()), said, "usr_1", utc_now())

    @rule(move=consumes(prepared))
    def a_prepared_move_is_written(self, move: Any) -> None:
        if move is None:
            return
        owner, step = move
        before = self.job()
        written = self.now(self.store.apply(step))
        current = (before.attempt, before.seq, before.status, before.owner)
        planned = step.before
        assert written == (current == (planned.attempt, planned.seq, planned.status, planned.owner))
        if written:
            assert self.job().attempt >= before.attempt
            assert not before.final
            self._follow(owner, step)
        elif owner in self.writers and self.writers[owner] is planned:
            del self.writers[owner]

    def _follow(self, owner: str, step: JobStep) -> None:
        for other in [o for o in self.writers if o != owner and step.after.owner is None]:
            assert self.writers[other].seq <= step.after.seq
        if owner:
            self.writers[owner] = step.after
        for writer in [w for w, belief in self.writers.items() if belief.final or not belief.owner]:
            del self.writers[writer]

    @rule()
    def the_owner_dies(self) -> None:
        if self.job().owner is not None:
            self.dead.add(self.job().owner)

    @rule()
    def a_sweep_settles(self) -> None:
        found = self.now(self.store.unsettled_jobs(self.dead, 10))
        for job in found:
            self.now(self._settled(job))

    async def _settled(self, job: Execution) -> None:
        whole = bool(job.tail) and job.tail[0].seq == 1
        if not whole:
            await self.store.copy({JOB: job.tail})
        assert await self.settlement._publish(job)
        await self.counters.count("ws_1", "crew_1", [ending_of(job)])
        await self.store.close([JOB], keep_tails=whole)

    @rule()
    def a_waiting_tail_is_flushed(self) -> None:
        for job in self.now(self.store.waiting_jobs(10)):
            self.now(self.settlement.flush(job))

    @invariant()
    def the_log_has_no_hole_and_one_end(self) -> None:
        job = self.job()
        log = self.log()
        assert [record.seq for record in log] == list(range(1, job.seq + 1))
        ends = [record.seq for record in log if record.terminal]
        assert ends == ([job.seq] if job.final else [])

    @invariant()
    def the_state_is_the_fold_of_the_log(self) -> None:
        job = self.job()
        log = [record.entry() for record in self.log()]
        assert fold(log) == job.state
        assert job.state.status(S.QUEUED) == job.status

    @invariant()
    def the_status_moves_only_as_allowed(self) -> None:
        status = self.job().status
        assert status == self.status or (self.status, status) in ALLOWED
        self.status = status

    @invariant()
    def what_counts_as_published_is(self) -> None:
        job = self.job()
        assert job.published <= job.seq
        assert set(self.bus.seqs) >= set(range(1, job.published + 1))

    @invariant()
    def what_is_closed_is_whole(self) -> None:
        job = self.job()
        if not job.open:
            assert job.final
            assert set(self.bus.seqs) == set(range(1, job.seq + 1))
            assert self.now(self.counters.of_crew("ws_1", "crew_1")).total.executions == 1


_STEPS = [
    TaskStart(task_id="t1"),
    LlmCall(task_id="t1"),
    ProgressUpdate(progress=5),
    TaskComplete(task_id="t1"),
]
_ENDS = [ExecutionComplete(), RunError(code="X", message="m"), InputRequired(task_id="t1")]

TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(max_examples=150, stateful_step_count=40)


def test_no_move_leaves_a_final_status() -> None:
    for status in (S.COMPLETED, S.FAILED, S.STOPPED):
        job = Execution(JOB, "ws_1", "crew_1", utc_now(), status=status)
        for attempt in (
            lambda j: moves.stop(j, utc_now()),
            lambda j: moves.hand_back(j, published=0),
        ):
            try:
                attempt(job)
            except ForbiddenMove:
                continue
            raise AssertionError(f"a {status} job was moved")


def test_the_document_draws_the_moves_there_are() -> None:
    document = Path(__file__).parents[6] / "docs" / "reference" / "execution-states.md"
    drawn = set(re.findall(r"(\w+) --> (\w+):", document.read_text()))
    assert drawn == {(before.value, after.value) for before, after in ALLOWED}
    assert {(before, after) for before, several in _MOVES.items() for after in several} == ALLOWED


def test_a_job_that_one_clock_starts_and_a_slower_one_ends_has_run_for_no_time(make_crew):
    now = utc_now()
    job = Execution("job_1", "ws_1", "crew_1", now, snapshot=make_crew())
    job = moves.claim(job, "worker_1", now, lost=False, limit=5).after
    assert moves.stop(job, now - timedelta(seconds=3)).after.seconds_run == 0
