"""The texts that models write in one run, on their way to those who watch them being written."""

import asyncio
import time
from dataclasses import dataclass, field

from common.contracts.deltas import TextDelta, utf16_length
from common.errors import Unavailable
from common.logs import get_logger
from executor.domain.log.journal import Job
from executor.engine.ports import DeltaSink
from executor.models.draft import Draft

log = get_logger(__name__)

_BETWEEN = 0.05
"""Seconds between two deltas of a job."""
_LONGEST = 16_000
"""Characters of one delta; the rest goes with the next."""
_JUST_BEGUN = 3.0
"""Seconds after a run's beginning within which those who have started it come to watch."""
_ON_A_THREAD = 20_000
"""Characters of a text that is read on a thread: the event loop serves other runs."""
_SHARE = 20
"""The part of the time that reading long texts may take: one in so many."""


class LiveText:
    """Publishes what is new of the texts that are being written, one delta at a time.

    What arrives between two deltas goes out with the next, so that a job has at most 20 in a second,
    however many models write for it. Nothing is published, and no text kept, while nobody watches.
    """

    def __init__(self, job: Job, sink: DeltaSink) -> None:
        self._job = job
        self._sink = sink
        self._turns = 0
        self._began = time.monotonic()
        self._waiting: dict[LiveTurn, None] = {}
        self._publishing: asyncio.Task[None] | None = None
        self._next = 0.0

    @property
    def watched(self) -> bool:
        """Whether a model is to show what it writes: somebody watches, or may before it is done."""
        if self._sink.wanted(self._job.job_id):
            return True
        new = time.monotonic() - self._began < _JUST_BEGUN
        return new and self._sink.expected(self._job.workspace_id)

    def turn(self, task_id: str, agent: str) -> "LiveTurn":
        """Return where the text of a model's next reply goes."""
        return LiveTurn(self, task_id, agent)

    def count_turn(self) -> int:
        """Return the number of a text that is begun now."""
        self._turns += 1
        return self._turns

    def wake(self, turn: "LiveTurn") -> None:
        """Note that `turn` has news. Until somebody watches, nobody is told."""
        if not self._sink.wanted(self._job.job_id):
            return
        self._waiting[turn] = None
        if self._publishing is None:
            self._publishing = asyncio.create_task(
                self._publish(), name=f"deltas of {self._job.job_id}"
            )

    def forget(self, turn: "LiveTurn") -> None:
        """Publish no more of `turn`."""
        self._waiting.pop(turn, None)

    def close(self) -> None:
        """Publish nothing more."""
        self._waiting.clear()
        if self._publishing is not None:
            self._publishing.cancel()

    async def _publish(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                await asyncio.sleep(self._next - loop.time())
                if not self._waiting:
                    return
                turn = next(iter(self._waiting))
                del self._waiting[turn]
                began = loop.time()
                delta = await turn.take(self._job)
                self._next = loop.time() + max(_BETWEEN, _SHARE * (loop.time() - began))
                if delta is not None:
                    await self._send(delta)
        except Exception:
            log.exception("the deltas of a job end with a bug", job_id=self._job.job_id)
        finally:
            self._publishing = None

    async def _send(self, delta: TextDelta) -> None:
        try:
            await self._sink.publish(self._job.workspace_id, delta)
        except Unavailable as fault:  # the event that follows has the text
            log.debug("a delta is lost", job_id=self._job.job_id, reason=str(fault))


@dataclass(eq=False, slots=True)
class LiveTurn:
    """The text of one reply. It has a new number each time that it is begun anew."""

    live: LiveText
    task_id: str
    agent: str
    _draft: Draft | None = None
    _number: int = 0
    _sent: str = ""
    _offset: int = field(default=0)

    def restart(self) -> None:
        """Forget the text: the reply is asked for again."""
        self._draft, self._number = None, 0
        self.live.forget(self)

    def show(self, draft: Draft) -> None:
        """Note that there is more of the text."""
        self._draft = draft
        self.live.wake(self)

    async def take(self, job: Job) -> TextDelta | None:
        """Return what is new, or None."""
        draft = self._draft
        if draft is None:
            return None
        if draft.written > _ON_A_THREAD:
            text = await asyncio.to_thread(draft.visible)
        else:
            text = draft.visible()
        if draft is not self._draft or not text:  # begun anew or ended meanwhile
            return None
        if not self._number or not text.startswith(self._sent):
            # What was shown has turned out not to belong to the answer.
            self._number, self._sent, self._offset = self.live.count_turn(), "", 0
        piece = text[len(self._sent) : len(self._sent) + _LONGEST]
        return self._delta(job, text, piece) if piece else None

    def _delta(self, job: Job, text: str, piece: str) -> TextDelta:
        delta = TextDelta(
            job_id=job.job_id,
            task_id=self.task_id,
            agent=self.agent,
            attempt=job.attempt,
            turn=self._number,
            offset=self._offset,
            text=piece,
        )
        self._sent = text[: len(self._sent) + len(piece)]
        self._offset += utf16_length(piece)
        if len(self._sent) < len(text):
            self.live.wake(self)
        return delta
