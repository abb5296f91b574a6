"""Open connections: their limits, their ends, and the bounded queue, without a network."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from common.contracts.messages import SessionRevoked
from common.door.revocations import RevokedTokens
from common.errors import RateLimited, Unauthorized, Unavailable
from common.identity import Identity, Role
from common.telemetry import Telemetry
from events.domain import token_lifetime
from events.domain.connections import Connections
from events.domain.event import Batch, EventFrame
from events.domain.ports import TooSlow
from events.process.meters import OpenTelemetryRelayMeters
from events.routes.send_buffer import SendBuffer
from events.routes.sinks import QueuedSocketSink

NOW = datetime(2024, 1, 15, tzinfo=UTC)


def identity(session_id="ses_1", user_id="usr_1", workspace_id="ws_1", issued_at=0) -> Identity:
    return Identity(user_id, workspace_id, Role.VIEWER, session_id, issued_at, 2**40)


def revoked(until=timedelta(hours=1), **who) -> SessionRevoked:
    return SessionRevoked(revoked_at=NOW, expires_at=datetime.now(UTC) + until, **who)


def test_a_key_whose_rights_changed_comes_back_and_a_revoked_one_does_not(connections):
    copy = RevokedTokens()
    changed, ended, login = (Open(identity(one)) for one in ("key_1", "key_2", "ses_1"))
    for one in (changed, ended, login):
        connections.admit(one, "websocket")
    copy.add([revoked(user_id="usr_1", workspace_id="ws_1"), revoked(session_id="key_2")])
    connections.end_revoked(copy.covers, copy.leaves_key)
    assert (changed.ends, ended.ends, login.ends) == ([1012], [4401], [4401])


class Open:
    def __init__(self, who: Identity | None = None) -> None:
        self.identity = who
        self.ends: list[int] = []

    def end(self, code: int, reason: str) -> None:
        self.ends.append(code)


@pytest.fixture
def connections(telemetry: Telemetry) -> Connections:
    return Connections(3, 2, OpenTelemetryRelayMeters(telemetry.meter))


def test_connections_are_counted_and_given_back(connections):
    first, second, third, fourth = (Open() for _ in range(4))
    for one in (first, second, third):
        connections.admit(one, "websocket")
    with pytest.raises(RateLimited):
        connections.admit(fourth, "websocket")
    connections.remove(fourth)
    connections.assign(first, "ws_1")
    connections.assign(second, "ws_1")
    with pytest.raises(RateLimited):
        connections.assign(third, "ws_1")
    connections.remove(first)
    connections.remove(first)
    connections.assign(third, "ws_1")
    assert len(connections) == 2


def test_only_the_revoked_are_ended_and_all_on_stop(connections):
    unknown, gone, stays = Open(), Open(identity("ses_gone")), Open(identity("ses_stays"))
    for one in (unknown, gone, stays):
        connections.admit(one, "sse")
    connections.end_revoked(lambda who: who.session_id == "ses_gone")
    assert (unknown.ends, gone.ends, stays.ends) == ([], [4401], [])
    connections.end_all()
    assert connections.stopping
    assert (unknown.ends, stays.ends) == ([1012], [1012])


async def test_an_buffer_is_full_until_its_chunks_are_sent():
    buffer = SendBuffer(0.01)
    buffer.put(b"x" * 70_000)
    assert not buffer.ready
    chunks = await buffer.take()
    with pytest.raises(TooSlow):
        await buffer.wait_until_ready()
    buffer.free(chunks)
    await buffer.wait_until_ready()
    buffer.put(b"last")
    buffer.finish()
    assert await buffer.take() == [b"last"]
    assert await buffer.take() == []


async def test_on_another_server_frames_go_one_by_one_through_asgi_and_then_the_close():
    sent: list[dict[str, object]] = []

    async def send(message) -> None:
        sent.append(message)

    sink = QueuedSocketSink(send, 1.0)
    sink.write(Batch([EventFrame(1, "progress", b"{1}"), EventFrame(2, "progress", b"{2}")]))
    await sink.reply(b"{3}")
    await sink.close(4008, "too slow")
    sink.dispose()
    assert [message.get("text", message.get("code")) for message in sent] == [
        "{1}",
        "{2}",
        "{3}",
        4008,
    ]


async def test_what_comes_after_the_end_is_not_sent():
    """Else a slow reader of a busy job would go on reading with a token that was revoked."""
    buffer = SendBuffer(1.0)
    buffer.put(b"before")
    buffer.finish()
    buffer.put(b"after")
    chunks = await buffer.take()
    assert chunks == [b"before"]
    buffer.put(b"and more")
    buffer.free(chunks)
    assert await buffer.take() == []


async def test_an_api_key_whose_renewal_meets_a_bug_is_asked_for_again(monkeypatch):
    """Else nothing would ever end what lives on it."""
    monkeypatch.setattr(token_lifetime, "_RETRY_AFTER", 0.001)
    answers = [KeyError("a bug"), Unavailable("away"), Unauthorized("it was deleted")]

    class Door:
        async def identify(self, _: str) -> Identity:
            raise answers.pop(0)

    ended = asyncio.Event()
    who = replace(identity(), expires_at=0)
    with capture_logs() as logs:
        held = token_lifetime.TokenLifetime(Door(), "an API key", who, ended.set)
        await asyncio.wait_for(ended.wait(), 60)
    held.close()
    assert [line["workspace_id"] for line in logs] == [who.workspace_id] * 2
