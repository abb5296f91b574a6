"""What all buses do with a message whose handler fails, or that cannot be handled."""

import pytest
from pymongo.errors import AutoReconnect, ExecutionTimeout

from common.bus import DeadLetter, Message, decode
from common.contracts.messages import JobSubmitted
from common.contracts.topology import (
    DEAD_LETTERS_QUEUE,
    HEADER_ATTEMPTS,
    HEADER_DEAD_FROM,
    HEADER_KEY,
    HEADER_REASON,
    JOBS,
    JOBS_QUEUE,
)
from common.errors import Unavailable
from common.process.backoff import Backoff
from common.storage.formats import NewerFormat

JOB = "job.submitted.v1"


async def test_a_failure_is_tried_again_with_a_count(make_inbox, job, bus):
    inbox = make_inbox(ValueError("first"), ValueError("second"))
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.publish(JOBS, JOB, job())
    await inbox.holding(3)
    assert [message.deliveries for message in inbox.messages] == [1, 2, 3]
    assert len({message.message_id for message in inbox.messages}) == 1


async def test_a_message_that_always_fails_is_a_dead_letter_with_its_reason(make_inbox, job, bus):
    inbox, dead = make_inbox(*[ValueError("it is broken")] * 9), make_inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    sent = job(b"poison", correlation_id="job_1", headers={"workspace_id": "ws_1"})
    await bus.publish(JOBS, JOB, sent)
    (letter,) = await dead.holding(1)
    assert len(inbox.messages) == JOBS_QUEUE.delivery_limit
    assert letter.body == b"poison"
    assert (letter.message_id, letter.correlation_id) == (sent.message_id, "job_1")
    assert letter.type == JOB
    assert letter.headers["workspace_id"] == "ws_1"
    assert "it is broken" in letter.headers[HEADER_REASON]
    assert letter.headers[HEADER_DEAD_FROM] == "jobs"
    assert letter.headers[HEADER_ATTEMPTS] == str(JOBS_QUEUE.delivery_limit)
    assert letter.headers[HEADER_KEY] == JOB


async def test_what_only_newer_code_could_handle_does_not_hold_up_the_rest(
    make_inbox, job, bus, monkeypatch
):
    monkeypatch.setattr("common.bus.handling._BACKOFF", Backoff.doubling(0.001, 5.0))
    too_new = NewerFormat("The crew was written by a newer version.")
    inbox, dead = make_inbox(*[too_new] * JOBS_QUEUE.delivery_limit), make_inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, job(b"for newer code"))
    (letter,) = await dead.holding(1)
    assert "written by a newer version" in letter.headers[HEADER_REASON]


async def test_a_dead_letter_needs_one_call_only(make_inbox, job, bus):
    inbox, dead = make_inbox(DeadLetter("crew_1 is not this workspace's")), make_inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, job(b"one"))
    await bus.publish(JOBS, JOB, job(b"two"))
    (letter,) = await dead.holding(1)
    await inbox.holding(2)
    assert letter.headers[HEADER_REASON] == "crew_1 is not this workspace's"
    assert inbox.bodies == [b"one", b"two"]


@pytest.mark.parametrize("body", [b"not json", b"\xff\x00", b"[]", b'{"job_id": 5}'])
async def test_a_body_that_cannot_be_read_is_a_dead_letter(make_inbox, job, bus, body):
    async def handler(message: Message) -> None:
        decode(message, JobSubmitted)

    dead = make_inbox()
    await bus.consume(JOBS_QUEUE, handler)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, job(body))
    (letter,) = await dead.holding(1)
    assert letter.body == body
    assert "body" in letter.headers[HEADER_REASON]


async def test_an_unknown_type_is_a_dead_letter_without_a_call(make_inbox, bus):
    inbox, dead = make_inbox(), make_inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, Message("job.submitted.v9", b"{}"))
    (letter,) = await dead.holding(1)
    assert "job.submitted.v9" in letter.headers[HEADER_REASON]
    assert inbox.messages == []


async def test_a_body_that_is_too_long_is_a_dead_letter_without_a_call(make_inbox, job, bus):
    inbox, dead = make_inbox(), make_inbox()
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    most = job(b" " * JOBS_QUEUE.largest)
    await bus.publish(JOBS, JOB, job(b" " * (JOBS_QUEUE.largest + 1)))
    await bus.publish(JOBS, JOB, most)
    (letter,) = await dead.holding(1)
    assert letter.headers[HEADER_REASON] == (
        f"the body has {JOBS_QUEUE.largest + 1} bytes; at most {JOBS_QUEUE.largest} are accepted"
    )
    assert letter.headers[HEADER_ATTEMPTS] == "1"
    (taken,) = await inbox.holding(1)
    assert taken.message_id == most.message_id


@pytest.mark.parametrize(
    "fault",
    [Unavailable("the store is away"), AutoReconnect("closed"), ExecutionTimeout("too slow", 50)],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_backend_that_is_away_is_not_held_against_the_message(
    make_inbox, job, bus, monkeypatch, fault
):
    monkeypatch.setattr("common.bus.handling._BACKOFF", Backoff.doubling(0.001, 5.0))
    inbox = make_inbox(*[fault] * (JOBS_QUEUE.delivery_limit + 2))
    await bus.consume(JOBS_QUEUE, inbox)
    await bus.publish(JOBS, JOB, job())
    await inbox.holding(JOBS_QUEUE.delivery_limit + 3)
    dead = make_inbox()
    await bus.consume(DEAD_LETTERS_QUEUE, dead)
    await bus.publish(JOBS, JOB, Message("other", b"{}"))
    (letter,) = await dead.holding(1)
    assert letter.type == "other"
