"""One watched job: what is known of its log, and who watches it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice

from events.domain.event import Batch, DeltaFrame, EventFrame, runs
from events.domain.ports import ExecutionLog, LogHead, LogPage, RelayMeters
from events.domain.watch import Watch

PAGE = 200
"""Events read from the store at a time."""
_KEPT_BYTES = 262_144
"""Bytes of newest events kept for clients that fall behind a little, shared by all of a job's clients."""
_PLACES = 8
"""Places in the kept events from which their encoding is kept too: clients are at few places."""
_FLUSH_EVENTS = 128
_FLUSH_BYTES = 32_768
"""With so many live events they are passed on at once, before the next flush is due."""
_PER_WATCH = 10e-6
"""Seconds between two flushes, for each watch: about what writing to its socket takes. So a
burst to many sockets becomes few writes, and a single event is never held back."""


class Feed:
    """A job's events, live and stored, for its watches.

    `head` is the highest `seq` known to be stored; a watch is level when it wants the one after it.
    The newest events are kept, within bounds, while someone may still need them, so that many
    clients that fall behind together cost the store one read and not one each.
    """

    def __init__(
        self, workspace_id: str, job_id: str, log: ExecutionLog, meters: RelayMeters
    ) -> None:
        self.workspace_id = workspace_id
        self.job_id = job_id
        self.key = f"{workspace_id}.{job_id}"
        self.head = 0
        self.watches: set[Watch] = set()
        self.users = 0
        self.delta_users = 0
        self.known = False
        self.bound = False
        self.deltas_bound = False
        self.lock = asyncio.Lock()
        self._log = log
        self._meters = meters
        self._kept: deque[EventFrame] = deque()
        self._kept_bytes = 0
        self._slices: dict[int, Batch] = {}
        self._reads: dict[int, asyncio.Task[LogPage]] = {}
        self._arrived: list[EventFrame] = []
        self._arrived_bytes = 0
        self._next_flush = 0.0

    def arrive(self, event: EventFrame) -> bool:
        """Take a live event. Those that come close together are passed on together.

        Returns True when so many had come that they were passed on at once: the caller should
        then let others run.
        """
        if not self._arrived:
            # Not sooner than now: `call_at` with a time gone by runs at the loop's next turn.
            asyncio.get_running_loop().call_at(self._next_flush, self.flush)
        self._arrived.append(event)
        self._arrived_bytes += len(event.body)
        full = len(self._arrived) >= _FLUSH_EVENTS or self._arrived_bytes >= _FLUSH_BYTES
        if full:
            self.flush()
        return full

    def arrive_last(self, event: EventFrame) -> int:
        """Take the job's last live event: it, and what came before it, is passed on at once.

        Returns how many frames were sent.
        """
        self._arrived.append(event)
        return self.flush()

    def flush(self) -> int:
        """Pass on what has arrived. Returns how many frames were sent."""
        arrived, self._arrived, self._arrived_bytes = self._arrived, [], 0
        sent = sum(self._pass_on(run) for run in runs(arrived))
        now = asyncio.get_running_loop().time()
        self._next_flush = now + len(self.watches) * _PER_WATCH
        return sent

    def pass_delta(self, delta: DeltaFrame) -> None:
        """Pass a delta on, after the events that came before it."""
        if self._arrived:
            self.flush()
        for watch in tuple(self.watches):
            watch.offer_delta(delta)

    def _pass_on(self, batch: Batch) -> int:
        if batch.last <= self.head:
            return 0
        if batch.first <= self.head:
            batch = batch.since(self.head + 1)
        elif batch.first > self.head + 1:
            self._meters.count_healed_gap()
        self.head = batch.last
        self._keep(batch.events)
        sent = 0
        for watch in tuple(self.watches):
            sent += watch.offer(batch)
        if sent:
            self._meters.count_relayed(sent)
        return sent

    def learn(self, head: LogHead) -> bool:
        """Take note of where the store stands, and wake the watches that are behind.

        Returns whether that was news.
        """
        if head.last_seq <= self.head:
            return False
        self.head = head.last_seq
        self.nudge()
        return True

    def nudge(self) -> None:
        """Let each watch that is behind, and not reading already, read on."""
        for watch in tuple(self.watches):
            watch.look()

    def recent(self, seq: int) -> Batch | None:
        """Return the kept events from `seq` on, or None when only the store has them."""
        found = self._slices.get(seq)
        if found is None and self._kept and self._kept[0].seq <= seq <= self._kept[-1].seq:
            start = seq - self._kept[0].seq
            if len(self._slices) >= _PLACES:
                del self._slices[next(iter(self._slices))]
            found = self._slices[seq] = Batch(list(islice(self._kept, start, None)))
        return found

    async def read(self, seq: int) -> LogPage:
        """Read stored events from `seq` on. Callers that want the same at once share one read.

        Raises as `ExecutionLog.page` does.
        """
        task = self._reads.get(seq)
        if task is None or task.done():  # a failed read stays here for a turn of the loop
            task = self._reads[seq] = asyncio.create_task(self._fetch(seq))
            task.add_done_callback(lambda done: self._read_done(seq, done))
        return await asyncio.shield(task)

    def _read_done(self, seq: int, task: asyncio.Task[LogPage]) -> None:
        if self._reads.get(seq) is task:
            del self._reads[seq]
        if not task.cancelled():
            task.exception()  # seen here too, for when nobody waits for it any more

    async def _fetch(self, seq: int) -> LogPage:
        page = await self._log.page(self.workspace_id, self.job_id, seq - 1, PAGE)
        events = _without_gaps(page.events, seq)
        if events:
            self._keep_read(events)
        self.learn(page.head)
        return LogPage(events, page.head)

    def _keep(self, events: Sequence[EventFrame]) -> None:
        """Append the newest events to the kept ones, or replace those if there is a gap."""
        if self._kept and self._kept[-1].seq + 1 != events[0].seq:
            self._drop_kept()
        self._slices.clear()
        self._kept.extend(events)
        self._kept_bytes += sum(len(event.body) for event in events)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft().body)

    def _keep_read(self, events: Sequence[EventFrame]) -> None:
        """Keep what was read if it reaches as far as what is kept; older pages are not kept."""
        newest = self._kept[-1].seq if self._kept else 0
        if events[-1].seq < newest:
            return
        if self._kept and events[0].seq > self._kept[0].seq:
            events = [event for event in events if event.seq > newest]
        else:
            self._drop_kept()
        if events:
            self._keep(events)

    def _drop_kept(self) -> None:
        self._kept.clear()
        self._slices.clear()
        self._kept_bytes = 0

    def forget(self) -> None:
        """Drop the kept events if no watch is behind."""
        if all(watch.next > self.head for watch in self.watches):
            self._drop_kept()


def _without_gaps(events: Sequence[EventFrame], seq: int) -> list[EventFrame]:
    """Return the events that follow each other from `seq` on."""
    return [event for wanted, event in enumerate(events, seq) if event.seq == wanted]
