"""The properties of a message as RabbitMQ gets them, against what the client library writes."""

from datetime import UTC, datetime

import pytest
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from common.bus import Message
from common.bus.rabbitmq_properties import MessageProperties

MOMENT = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)


def _message(**changes) -> Message:
    parts = {
        "type": "trace.event.v1",
        "body": b"{}",
        "message_id": "job_1:3",
        "correlation_id": "job_1",
        "timestamp": MOMENT,
        "headers": {"crew": "crew_1", "workspace": "ws_1"},
    }
    return Message(**{**parts, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"correlation_id": ""},
        {"headers": {}},
        {"headers": {"reason": "ungültig " * 200}},
        {"message_id": "m" * 255},
    ],
)
def test_they_are_written_as_the_client_library_writes_them(changes):
    message = _message(**changes)
    properties = MessageProperties(message)
    assert properties.marshal() == Basic.Properties.marshal(plain(message))


def plain(message: Message) -> Basic.Properties:
    return Basic.Properties(
        content_type="application/json",
        headers=dict(message.headers),
        delivery_mode=2,
        correlation_id=message.correlation_id or None,
        message_id=message.message_id,
        timestamp=message.timestamp,
        message_type=message.type,
    )


def test_the_client_library_reads_them_back():
    header = ContentHeader()
    header.unmarshal(ContentHeader(properties=MessageProperties(_message()), body_size=2).marshal())
    assert header.properties == plain(_message())


def test_an_id_too_long_for_amqp_is_refused():
    with pytest.raises(ValueError, match="range"):
        MessageProperties(_message(message_id="m" * 256))
