"""The live part of a watched run: lanes of what is at work, the question in focus, and a line of figures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.cells import chop_cells

from .cleaning import one_line, visible
from .question_form import QuestionForm
from .record import Line
from .run_view import CallView, Lane, RunView
from .when import count, duration, money

_TEXT_LINES = 4
"""Lines of a text in the making that are shown in each lane, where there is room."""
_STATUS = {
    "queued": "waits for a worker",
    "running": "running",
    "waiting_for_input": "waits for you",
    "completed": "complete",
}
_SPIN = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@dataclass
class Scene:
    """All that is drawn."""

    view: RunView
    form: QuestionForm | None = None
    is_leaving: bool = False
    """Whether a person is asked what Ctrl-C meant."""
    is_stopping: bool = False
    notes: list[str] = field(default_factory=list)
    can_answer: bool = True


def scene_lines(scene: Scene, width: int, height: int, now: float | None = None) -> list[Line]:
    """Return the lines to draw: at most `height`, none wider than `width` characters."""
    now = time.time() if now is None else now
    below = [*_form_lines(scene, width), *_foot(scene, width, now)][-max(1, height) :]
    room = height - len(below)
    active = [lane for lane in scene.view.lanes.values() if lane.is_active]
    above: list[Line] = []
    if room > 0 and active:
        shown = active[:room] if len(active) <= room else active[: room - 1]
        spare = room - len(shown) - (len(shown) < len(active))
        for lane in shown:
            lines = list(_lane_lines(scene.view, lane, width, now))
            head, inner = lines[0], lines[1 : 1 + max(0, spare // len(shown))]
            above += [head, *inner]
        if len(shown) < len(active):
            more = f"     and {len(active) - len(shown)} more at work"
            above.append(Line(_cut(more, width), "dim"))
    return [*above, *below]


def _lane_lines(view: RunView, lane: Lane, width: int, now: float) -> Iterator[Line]:
    took = duration(None if lane.began is None else max(0.0, now - lane.began))
    entries = f"{lane.items_done} of {lane.items} entries" if lane.items else ""
    tokens = f"{count(lane.tokens)} tokens" if lane.tokens else ""
    right = "  ".join(one for one in (entries, tokens, took) if one)
    mark = "?" if lane.state == "asking" else _SPIN[int(now * 10) % len(_SPIN)]
    left = f"{view.name_of(lane.task_id):>3} {mark} {lane.agent}: {lane.description}"
    yield Line(_both(left, right, width), "yellow" if lane.state == "asking" else "cyan")
    for call in [one for one in lane.calls if one.is_open][-2:]:
        yield Line(_call(call, width, now), "yellow")
    yield from (Line(f"      {line}", "dim") for line in _tail(lane.text, width - 6))


def _call(call: CallView, width: int, now: float) -> str:
    took = duration(max(0.0, now - call.began))
    return _both(f"      → {call.tool} {call.arguments}", took, width)


def _tail(text: str, width: int) -> list[str]:
    """Return the last lines of a text, wrapped."""
    if not text or width < 10:
        return []
    lines: list[str] = []
    for line in visible(text[-_TEXT_LINES * width * 2 :]).expandtabs(2).split("\n"):
        lines += chop_cells(line, width) or [""]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines[-_TEXT_LINES:]


def _form_lines(scene: Scene, width: int) -> Iterator[Line]:
    form = scene.form
    if form is None or not scene.can_answer:
        return
    several = len(scene.view.questions)
    more = f"(one of {several}; Tab shows the next)" if several > 1 else ""
    yield Line(_both(f"  ? {form.title}", more, width), "bold yellow")
    if form.fault:
        yield Line(one_line(f"    {form.fault}", width), "red")
    if form.is_sent:
        yield Line("    sending …", "dim")
    elif form.editor is not None:
        yield Line(f"    {one_line(form.label, width - 4)}", "dim")
        yield Line(f"    > {form.editor.window(max(10, width - 6))}")
    elif not form.is_ready(time.monotonic()):
        yield Line("    …", "dim")
    else:
        keys = "    " + "   ".join(f"[{key}] {what}" for key, what in form.menu.items())
        yield Line(keys[: max(1, width)], "bold")


def _foot(scene: Scene, width: int, now: float) -> list[Line]:
    view = scene.view
    lines = [Line(one_line(f"  {note}", width), "yellow") for note in scene.notes[-2:]]
    done = sum(lane.state in ("done", "skipped") for lane in view.tasks)
    status = "stopping" if scene.is_stopping else _STATUS.get(view.status, view.status)
    if view.status == "waiting_for_input" and not scene.can_answer:
        status = "waits for a person"
    took = None if view.began is None else max(0.0, (view.ended or now) - view.began)
    figures = [
        status,
        f"{done} of {len(view.tasks)} tasks" if view.tasks else "",
        f"{count(view.totals.tokens)} tokens" if view.totals.tokens else "",
        money(view.totals.cost_usd) if view.totals.cost_usd else "",
        duration(took),
    ]
    left = f"  {view.crew or view.job_id} · " + " · ".join(one for one in figures if one)
    hint = "Ctrl-C to stop or leave"
    lines.append(
        Line(_both(left, hint if len(left) + len(hint) + 2 <= width else "", width), "bold")
    )
    if scene.is_leaving:
        keys = "[s] stop the run   [d] leave it running   [any other key] go on watching"
        lines.append(Line(one_line(f"  {keys}", width), "bold red"))
    return lines


def _both(left: str, right: str, width: int) -> str:
    """Return a line with one text at its left and one at its right, if there is room for that."""
    right = one_line(right)
    if not right or len(right) + 12 > width:
        return _cut(left, width)
    left = _cut(left, width - len(right) - 2)
    return f"{left}{' ' * max(2, width - len(left) - len(right))}{right}"


def _cut(text: str, width: int) -> str:
    indent = len(text) - len(text.lstrip(" "))
    return " " * indent + one_line(text, max(1, width - indent))
