"""A run that is watched on a terminal: its record scrolls up, what is at work is drawn below it.

Events, keys and the clock change the scene; it is drawn when it has changed, ten times a second at most.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from .drawing import Scene, scene_lines
from .exits import ExitCode
from .keyboard import Keyboard
from .output import Output, as_json
from .question_form import Answer, QuestionForm
from .record import Line, record_lines
from .run_view import Json, RunView
from .watching import finish, note_waiting

if TYPE_CHECKING:
    from kasal_client import AsyncKasal, AsyncRun

_ENDS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end the watching, and leave the terminal as it was."""
PAUSE = 0.1
"""Seconds between two drawings."""
_KEPT = 2000
"""Lines of the record that may wait for the next drawing; a long history comes faster than that."""


class LiveWatch:
    """Draws a run, and takes a person's answers to it."""

    def __init__(self, run: AsyncRun, output: Output, *, keeps_waiting: bool = False) -> None:
        self._run = run
        self._output = output
        self._console = output.console
        self._keeps_waiting = keeps_waiting
        self._scene = Scene(RunView(run.id), can_answer=Keyboard.is_here())
        self._lines: list[Line] = []
        self._changed = asyncio.Event()
        self._ending: asyncio.Future[ExitCode | None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._drawn: list[Line] = []
        self._width = 0

    async def watch(self) -> ExitCode:
        """Draw the run to its end, or until its watcher leaves it; return how it ended."""
        loop = asyncio.get_running_loop()
        keyboard = Keyboard() if self._scene.can_answer else None
        live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        for number in _ENDS:
            loop.add_signal_handler(number, self._end, ExitCode.INTERRUPTED)
        self._start(self._read())
        try:
            if keyboard is not None:
                with keyboard:
                    loop.add_reader(keyboard.descriptor, self._press, keyboard)
                    loop.add_signal_handler(signal.SIGCONT, keyboard.take)
                    code = await self._draw(live)
            else:
                code = await self._draw(live)
        finally:
            if keyboard is not None:
                loop.remove_reader(keyboard.descriptor)
                loop.remove_signal_handler(signal.SIGCONT)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for number in (signal.SIGINT, *_ENDS):
                loop.remove_signal_handler(number)
        return self._leave(code)

    def _leave(self, code: ExitCode | None) -> ExitCode:
        view = self._scene.view
        if code is None:
            return finish(self._output, view)
        if code == ExitCode.WAITING:
            note_waiting(self._output, view)
        else:
            self._output.note(f"The run goes on: kasal runs watch {view.job_id}")
            self._output.note(f"  Stop it: kasal runs stop {view.job_id}")
        return code

    async def _read(self) -> None:
        view = self._scene.view
        async with aclosing(self._run.watch()) as items:
            async for item in items:
                event = as_json(item)
                view.apply(event)
                width = max(20, self._console.width - 1)
                self._lines += record_lines(event, view, width)
                if len(self._lines) > _KEPT:
                    self._print_record()
                self._changed.set()
                if event.get("type") in ("input_required", "execution_waiting"):
                    await self._notice_waiting()
                self._choose_question()
        self._end(None)

    async def _notice_waiting(self) -> None:
        """Leave a run that waits for a person, where nobody can answer."""
        if self._scene.can_answer or self._keeps_waiting:
            return
        known = await self._run.get()
        if known.status == "waiting_for_input" and known.last_seq <= self._scene.view.seq:
            self._end(ExitCode.WAITING)

    def _choose_question(self, *, after: str = "") -> None:
        """Have the first open question in focus, unless one is; or the one after `after`."""
        form, questions = self._scene.form, self._scene.view.questions
        if form is not None and form.id in questions and not after:
            return
        ids = list(questions)
        place = (ids.index(after) + 1) % len(ids) if after in ids else 0
        self._scene.form = QuestionForm(questions[ids[place]], time.monotonic()) if ids else None
        self._changed.set()

    def _press(self, keyboard: Keyboard) -> None:
        try:
            keys = keyboard.read()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(keyboard.descriptor)
            self._scene.can_answer = False
            return
        for key in keys:
            self._take(key)
        self._changed.set()

    def _take(self, key: str) -> None:
        scene = self._scene
        if scene.is_leaving:
            scene.is_leaving = False
            if key in ("s", "S"):
                scene.is_stopping = True
                self._start(self._stop())
            elif key in ("d", "D"):
                self._end(ExitCode.INTERRUPTED)
        elif scene.form is not None:
            if key == "tab" and len(scene.view.questions) > 1:
                self._choose_question(after=scene.form.id)
                return
            answer = scene.form.press(key, time.monotonic())
            if answer is not None:
                self._start(self._send(scene.form, answer))

    def _interrupt(self) -> None:
        if self._scene.is_leaving or not self._scene.can_answer:
            self._end(ExitCode.INTERRUPTED)
        self._scene.is_leaving = True
        self._changed.set()

    async def _stop(self) -> None:
        from kasal_client.errors import KasalError

        try:
            await self._run.stop()
        except KasalError as fault:
            self._scene.is_stopping = False
            self._scene.notes.append(f"It was not stopped: {fault}")

    async def _send(self, form: QuestionForm, answer: Answer) -> None:
        from kasal_client.errors import ConflictError, KasalError

        try:
            await send_answer(self._run, form.question, answer)
        except ConflictError as fault:
            self._scene.notes.append(f"Somebody else was first: {fault.message}")
        except KasalError as fault:
            form.refuse(str(getattr(fault, "message", fault)))
        self._changed.set()

    def _start(self, coroutine: object) -> None:
        task = asyncio.ensure_future(coroutine)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._notice_end)

    def _notice_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) and not self._ending.done():
            self._ending.set_exception(fault)
            self._changed.set()

    def _end(self, code: ExitCode | None) -> None:
        if not self._ending.done():
            self._ending.set_result(code)
        self._changed.set()

    async def _draw(self, live: Live) -> ExitCode | None:
        with live:
            try:
                while not self._ending.done():
                    self._paint(live)
                    await asyncio.sleep(PAUSE)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), 1 - PAUSE)
                    self._changed.clear()
            finally:
                live.update(Text(""), refresh=True)
                self._print_record()
        return self._ending.result()

    def _paint(self, live: Live) -> None:
        width, height = self._console.width - 1, max(1, self._console.height - 1)
        self._mend_after_resize(width)
        self._drawn = scene_lines(self._scene, width, height)
        self._print_record()
        live.update(_text(self._drawn, width), refresh=True)

    def _print_record(self) -> None:
        """Print the lines that wait, above what is drawn."""
        if self._lines:
            text = _text(list(self._lines), 0)
            self._lines.clear()
            self._console.print(text, soft_wrap=True)

    def _mend_after_resize(self, width: int) -> None:
        """Go up to where the drawing begins, as a terminal that became narrower has wrapped its lines."""
        if self._drawn and width < self._width:
            wrapped = sum(max(0, len(line.text) - 1) // (width + 1) for line in self._drawn)
            if wrapped:
                sys.stdout.write(f"\x1b[{wrapped}A\x1b[J")
        self._width = width


def _text(lines: list[Line], width: int) -> Text:
    text = Text(no_wrap=True, overflow="crop" if width else "ignore", end="\n" if not width else "")
    for number, line in enumerate(lines):
        text.append(f"{chr(10) if number else ''}{line.text}", style=line.style)
    return text


async def send_answer(run: AsyncRun, question: Json, answer: Answer) -> None:
    """Send an answer to a question."""
    which = str(question.get("question_id"))
    if answer.outcome == "approved" and answer.arguments is not None:
        await run.edit(answer.arguments, question=which, comment=answer.comment)
    elif answer.outcome == "approved":
        await run.approve(which, comment=answer.comment)
    elif answer.outcome == "rejected":
        await run.reject(answer.comment, question=which)
    elif answer.outcome == "retry":
        await run.retry_call(question=which, comment=answer.comment)
    else:
        await run.answer(answer.input, question=which, comment=answer.comment)


async def watch_live(
    kasal: AsyncKasal, job_id: str, output: Output, *, keeps_waiting: bool = False
) -> ExitCode:
    """Draw the run `job_id` to its end; return how it ended."""
    async with kasal:
        watch = LiveWatch(kasal.executions.run(job_id), output, keeps_waiting=keeps_waiting)
        return await watch.watch()
