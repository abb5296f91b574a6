"""How the properties of a message are written for RabbitMQ."""

from collections.abc import Mapping
from struct import Struct

from pamqp.commands import Basic

from common.bus import Message

_CONTENT_TYPE = "application/json"
_TRANSIENT, _PERSISTENT = 1, 2

_FLAGS = Basic.Properties.flags
_CORRELATED = _FLAGS["correlation_id"]
_ALWAYS = sum(
    _FLAGS[name]
    for name in (
        "content_type",
        "headers",
        "delivery_mode",
        "message_id",
        "timestamp",
        "message_type",
    )
)
_short, _long, _long_long = Struct(">H").pack, Struct(">I").pack, Struct(">Q").pack


class MessageProperties(Basic.Properties):
    """The properties of `message`, encoded once.

    The library's own `marshal` looks at all fourteen properties of AMQP and up the type of each:
    three times the work, for each event of each job.
    """

    def __init__(self, message: Message) -> None:
        super().__init__(
            content_type=_CONTENT_TYPE,
            headers=dict(message.headers),
            delivery_mode=_delivery_mode(message),
            correlation_id=message.correlation_id or None,
            message_id=message.message_id,
            timestamp=message.timestamp,
            message_type=message.type,
        )
        self._encoded = _encode(message)

    def marshal(self) -> bytes:
        """Return the properties as the content header of AMQP 0-9-1 has them."""
        return self._encoded


def _encode(message: Message) -> bytes:
    correlated = bool(message.correlation_id)
    return b"".join(
        (
            _short(_ALWAYS | _CORRELATED if correlated else _ALWAYS),
            _short_text(_CONTENT_TYPE),
            _table(message.headers),
            bytes((_delivery_mode(message),)),
            _short_text(message.correlation_id) if correlated else b"",
            _short_text(message.message_id),
            _long_long(int(message.timestamp.timestamp())),
            _short_text(message.type),
        )
    )


def _delivery_mode(message: Message) -> int:
    return _PERSISTENT if message.persistent else _TRANSIENT


def _table(headers: Mapping[str, str]) -> bytes:
    fields = [_short_text(name) + b"S" + _long_text(text) for name, text in headers.items()]
    encoded = b"".join(fields)
    return _long(len(encoded)) + encoded


def _short_text(text: str) -> bytes:
    raw = text.encode()
    return bytes((len(raw),)) + raw


def _long_text(text: str) -> bytes:
    raw = text.encode()
    return _long(len(raw)) + raw
