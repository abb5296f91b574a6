"""Deltas on all buses: beside events and in order with them, only for who wants them.

Covers: common.contracts.deltas, executor.messaging.deltas
"""

from common.bus import Message
from common.contracts.deltas import DELTA_MESSAGE_TYPE, TextDelta, deltas_key, utf16_length
from common.contracts.topology import CREWS_EVENTS_QUEUE, EVENTS
from executor.domain.worker.wishes import Wishes
from executor.messaging.deltas import BusDeltas


def delta(number):
    return TextDelta(
        job_id="job_1", task_id="t", agent="a", attempt=1, turn=1, offset=number, text="\U0001f375"
    )


async def test_deltas_and_events_arrive_in_the_order_in_which_they_were_published(make_inbox, bus):
    inbox, events_only, crews = make_inbox(), make_inbox(), make_inbox()
    both = await bus.subscribe(EVENTS, inbox)
    await both.bind("ws_1.job_1.#")
    await both.bind(deltas_key("ws_1", "job_1"))
    await (await bus.subscribe(EVENTS, events_only)).bind("ws_1.job_1.#")
    await bus.consume(CREWS_EVENTS_QUEUE, crews)
    deltas = BusDeltas(bus, Wishes())
    for number in range(20):
        await deltas.publish("ws_1", delta(number))
        await bus.publish(EVENTS, "ws_1.job_1.error", Message("trace.event.v1", b"%d" % number))
    await inbox.holding(40)
    await events_only.holding(20)
    await crews.holding(20)
    kinds = [message.type for message in inbox.messages]
    assert kinds == [DELTA_MESSAGE_TYPE, "trace.event.v1"] * 20
    assert inbox.bodies[0] == (
        b'{"type":"text_delta","job_id":"job_1","task_id":"t","agent":"a","attempt":1,"turn":1,'
        b'"offset":0,"text":"\xf0\x9f\x8d\xb5"}'
    )
    assert len(events_only.messages) == len(crews.messages) == 20


async def test_a_delta_that_nobody_wants_is_not_kept(bus):
    wishes = Wishes()
    deltas = BusDeltas(bus, wishes)
    assert not deltas.wanted("job_1")
    wishes.note(["job_1"], 10)
    assert deltas.wanted("job_1")
    await deltas.publish("ws_1", delta(0))
    assert (await bus.depth(CREWS_EVENTS_QUEUE)).messages == 0


def test_lengths_are_counted_as_javascript_does():
    assert [utf16_length(text) for text in ("", "abc", "\u00e9", "\U0001f375", "a\U0001f1ef")] == [
        0, 3, 1, 2, 3,
    ]  # fmt: skip
