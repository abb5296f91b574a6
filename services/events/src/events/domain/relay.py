"""All watched jobs of this process: bound on the bus, checked against the store."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from common.contracts.events import FINAL_STATUSES
from common.errors import InvalidRequest, KasalError
from common.logs import get_logger
from common.process.background import Background
from events.domain.event import Batch, DeltaFrame, EventFrame, frame_from_message
from events.domain.feed import Feed
from events.domain.live_text import WatchedTexts
from events.domain.ports import (
    Bindings,
    ExecutionLog,
    LogHead,
    OnEnd,
    RelayMeters,
    Sink,
    WishSender,
)
from events.domain.watch import Watch

log = get_logger(__name__)

HEADS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Joined:
    """A watch that is ready to `start` with `first`, and the job's head when it joined."""

    watch: Watch
    head: LogHead
    first: Batch | None

    @property
    def over(self) -> bool:
        """Whether the client has had the terminal event already: nothing will come."""
        return self.first is None and self.head.status in FINAL_STATUSES


class Relay:
    """Passes events from the bus and the store to watches.

    The first watch of a job binds it on the bus, the last one unbinds it. The bus only wakes the
    relay up: whatever it loses is found when the heads are read. An event that is seen in a head
    gets `patience` seconds to arrive over the bus before it is read from the store.
    """

    def __init__(
        self,
        stored: ExecutionLog,
        bindings: Bindings,
        wishes: WishSender,
        meters: RelayMeters,
        patience: float = 0.1,
    ) -> None:
        self.live_text = WatchedTexts(bindings, wishes)
        self._log = stored
        self._bindings = bindings
        self._meters = meters
        self._patience = patience
        self._feeds: dict[str, Feed] = {}
        self._unbinding = Background()
        meters.observe_job_count(lambda: len(self._feeds))

    async def join(
        self,
        workspace_id: str,
        job_id: str,
        after_seq: int,
        sink: Sink,
        on_end: OnEnd,
        *,
        deltas: bool = False,
    ) -> Joined:
        """Return a watch on the job; call `leave` for it in the end, whatever happens.

        With `deltas`, it also sends the texts that models are writing.
        Raises `NotFound` for a job that is not in the workspace, `InvalidRequest` when `after_seq`
        is past its last event, `Unavailable` or `UpstreamTimeout` when the store is away.
        """
        feed = self._feed(workspace_id, job_id)
        watch = Watch(feed, sink, after_seq, on_end, deltas=deltas)
        feed.watches.add(watch)
        feed.delta_users += deltas
        try:
            await self._open(feed)
            page = await feed.read(watch.next)
            feed.known = True
            if after_seq > page.head.last_seq:
                raise InvalidRequest(
                    f"The last event of {job_id} has the seq {page.head.last_seq}.",
                    field="after_seq",
                    reason="It is past the job's last event",
                )
            if deltas and page.head.status not in FINAL_STATUSES:
                await self.live_text.begin(feed)
        except BaseException:
            watch.stop()
            self._release(feed, watch)
            raise
        return Joined(watch, page.head, Batch(page.events) if page.events else None)

    def leave(self, workspace_id: str, job_id: str, watch: Watch) -> None:
        """End a watch that `join` returned."""
        watch.stop()
        feed = self._feeds.get(f"{workspace_id}.{job_id}")
        if feed is not None:
            self._release(feed, watch)

    def _feed(self, workspace_id: str, job_id: str) -> Feed:
        key = f"{workspace_id}.{job_id}"
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(workspace_id, job_id, self._log, self._meters)
        feed.users += 1
        return feed

    async def _open(self, feed: Feed) -> None:
        """Bind the job, before it is read and known to exist.

        The key names the caller's own workspace: for a job that is another's, or does not exist, no
        event matches it until the read says so.
        """
        async with feed.lock:
            await self._bind(feed)

    async def _bind(self, feed: Feed) -> None:
        if feed.bound:
            return
        try:
            await self._bindings.bind(f"{feed.key}.#")
            feed.bound = True
        except KasalError as fault:  # without the bus, each look at the heads still finds events
            log.warning("a job could not be bound", job_id=feed.job_id, reason=fault.message)

    async def _bind_again(self, feeds: Sequence[Feed]) -> None:
        """Bind what could not be bound, up to the first that still cannot be."""
        for feed in feeds:
            if not feed.bound and feed.users:
                async with feed.lock:
                    if feed.users:
                        await self._bind(feed)
                if not feed.bound and feed.users:
                    return

    def _release(self, feed: Feed, watch: Watch) -> None:
        feed.users -= 1
        feed.delta_users -= watch.deltas
        if watch.deltas and feed.delta_users == 0:
            ending = self.live_text.end(feed)
            self._unbinding.start(ending, name="unbind deltas", job_id=feed.job_id)
        if feed.users == 0:
            self._unbinding.start(self._unbind(feed), name="unbind", job_id=feed.job_id)

    async def _unbind(self, feed: Feed) -> None:
        async with feed.lock:
            if feed.users:
                return
            if feed.bound:
                feed.bound = False
                try:
                    await self._bindings.unbind(f"{feed.key}.#")
                except KasalError as fault:
                    log.warning("a job stays bound", job_id=feed.job_id, reason=fault.message)
            if not feed.users and self._feeds.get(feed.key) is feed:
                del self._feeds[feed.key]

    def deliver(self, routing_key: str, message_id: str | None, body: bytes) -> bool:
        """Take one message from the bus. Returns True when the caller should let others run."""
        feed = self._feeds.get(routing_key.rpartition(".")[0])
        event = None if feed is None else _event_or_none(feed, routing_key, message_id, body)
        return feed is not None and event is not None and feed.arrive(event)

    def deliver_delta(self, routing_key: str, body: bytes) -> None:
        """Take a delta from the bus and pass it on at once."""
        feed = self._feeds.get(routing_key.partition(".")[2])
        if feed is not None:
            feed.pass_delta(DeltaFrame(body))

    def deliver_last(self, routing_key: str, message_id: str | None, body: bytes) -> int:
        """Take a job's last event from the bus and pass it on at once. Returns the frames sent."""
        feed = self._feeds.get(routing_key.rpartition(".")[0])
        event = None if feed is None else _event_or_none(feed, routing_key, message_id, body)
        return 0 if feed is None or event is None else feed.arrive_last(event)

    async def look(self) -> None:
        """Compare every watched job with the store, and bind what could not be bound.

        Raises `Unavailable` or `UpstreamTimeout` when the store is away.
        """
        feeds = [feed for feed in self._feeds.values() if feed.known]
        await self._bind_again(feeds)
        for start in range(0, len(feeds), HEADS_AT_ONCE):
            await self._compare(feeds[start : start + HEADS_AT_ONCE])

    async def _compare(self, feeds: Sequence[Feed]) -> None:
        heads = await self._log.heads([feed.job_id for feed in feeds])
        found = [(feed, heads[feed.job_id]) for feed in feeds if feed.job_id in heads]
        if any(feed.bound and head.last_seq > feed.head for feed, head in found):
            await asyncio.sleep(self._patience)
        for feed, head in found:
            if feed.learn(head):
                self._meters.count_healed_gap()
            feed.nudge()
            feed.forget()

    async def look_safely(self) -> None:
        """Look; a failure is logged, since the next look makes up for it."""
        try:
            await self.look()
        except KasalError as fault:
            log.warning("the heads of watched jobs could not be read", reason=fault.message)
        except Exception:
            log.exception("reading the heads of watched jobs failed with a bug")

    async def close(self) -> None:
        """Wait for the unbinding under way."""
        await self._unbinding.finish()


def _event_or_none(
    feed: Feed, routing_key: str, message_id: str | None, body: bytes
) -> EventFrame | None:
    try:
        return frame_from_message(feed.job_id, routing_key, message_id, body)
    except ValueError as fault:
        log.warning("a message is not an event", routing_key=routing_key, reason=str(fault))
        return None
