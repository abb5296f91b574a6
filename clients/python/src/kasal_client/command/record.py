"""The lines that a run leaves behind: one for what happened, and the texts that people need to decide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .cleaning import compact, one_line, visible
from .run_view import Json, RunView
from .when import clock, count, duration, money

WIDTH = 400
"""Characters of a line where nobody says how wide the output is."""
_LONG = 4000
"""Characters of a question, or an answer under review, that are shown."""
_MARKS = {
    "execution_start": ("▶", "bold cyan"),
    "execution_resumed": ("▶", "cyan"),
    "execution_forked": ("▶", "cyan"),
    "execution_waiting": ("…", "yellow"),
    "task_start": ("●", "cyan"),
    "llm_call": ("◆", "magenta"),
    "tool_call": ("→", "yellow"),
    "tool_result": ("←", "yellow"),
    "input_required": ("?", "bold yellow"),
    "input_received": ("✎", "yellow"),
    "answer_rejected": ("↻", "yellow"),
    "task_complete": ("✔", "green"),
    "task_skipped": ("○", "dim"),
    "warning": ("!", "yellow"),
    "error": ("✘", "bold red"),
    "execution_complete": ("■", "bold green"),
    "execution_stopped": ("■", "bold yellow"),
}


@dataclass(frozen=True)
class Line:
    """A line of the record."""

    text: str
    style: str = ""


def record_lines(event: Json, view: RunView, width: int = WIDTH) -> Iterator[Line]:
    """Yield the lines for an event. `view` has seen it already."""
    kind = str(event.get("type"))
    if kind in ("progress", "text_delta"):
        return
    mark, style = _MARKS.get(kind, ("·", "dim"))
    lane = view.name_of(event.get("task_id"))
    head = f"{clock(event)} {lane:>3} {mark} "
    yield Line(head + one_line(_words(event, view), max(20, width - len(head))), style)
    for text in _beside(event):
        yield from (Line(f"{'':<15}{line}") for line in _wrap(text[:_LONG], width - 15))


def _words(event: Json, view: RunView) -> str:
    kind = str(event.get("type"))
    words = _WORDS.get(kind)
    return words(event, view) if words is not None else f"{kind} {compact(event)}"


def _wrap(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a text, broken between words."""
    for line in visible(text).splitlines():
        yield from textwrap.wrap(line, max(20, width), drop_whitespace=False) or [""]


def _beside(event: Json) -> Iterator[str]:
    """Yield the texts in full that a person needs to answer."""
    if event.get("type") != "input_required":
        return
    yield str(event.get("prompt") or "")
    for number, choice in enumerate(event.get("choices") or [], start=1):
        yield f"{number}. {one_line(str(choice))}"


def _start(event: Json, view: RunView) -> str:
    version = f" version {view.version}" if view.version else ""
    tasks = len(event.get("tasks") or [])
    return f"{view.crew}{version}: {tasks} task{'s' if tasks != 1 else ''}, {view.job_id}"


def _task_start(event: Json, view: RunView) -> str:  # noqa: ARG001 - as all are called
    entries = f" ({event['items']} entries)" if event.get("items") else ""
    return f"{event.get('agent')}: {event.get('description')}{entries}"


def _llm_call(event: Json, view: RunView) -> str:  # noqa: ARG001
    usage = event.get("usage")
    used = usage if isinstance(usage, dict) else {}
    tokens = int(used.get("input_tokens") or 0) + int(used.get("output_tokens") or 0)
    figures = [
        duration(event.get("duration")),
        f"{count(tokens)} tokens" if tokens else "",
        money(used.get("cost_usd")),
        "recorded" if event.get("recorded") else "",
    ]
    told = ", ".join(figure for figure in figures if figure)
    figures_text = f" ({told})" if told else ""
    return f"{event.get('action')}{figures_text}: {event.get('result')}"


def _tool_result(event: Json, view: RunView) -> str:  # noqa: ARG001
    took = duration(event.get("duration"))
    failed = "failed: " if event.get("failed") else ""
    made = "".join(f" [{one.get('name')}]" for one in event.get("artifacts") or [])
    return (
        f"{event.get('action')}{f' ({took})' if took else ''}: {failed}{event.get('result')}{made}"
    )


def _answer(event: Json, view: RunView) -> str:  # noqa: ARG001
    given = event.get("arguments") or event.get("input")
    parts = [
        "nobody answered in time" if event.get("expired") else "",
        str(event.get("outcome") or "answered"),
        compact(given) if given is not None else "",
        f"({event['comment']})" if event.get("comment") else "",
    ]
    return " ".join(part for part in parts if part)


def _figures(view: RunView) -> str:
    totals = view.totals
    took = None if view.began is None or view.ended is None else view.ended - view.began
    figures = [duration(took), f"{count(totals.tokens)} tokens", money(totals.cost_usd)]
    unpriced = " and what has no known price" if totals.is_unpriced and totals.cost_usd else ""
    if totals.is_unpriced and not totals.cost_usd:
        figures[2] = ""
    return ", ".join(figure for figure in figures if figure) + unpriced


def _question(event: Json, view: RunView) -> str:  # noqa: ARG001
    asks = {
        "approval": "asks for approval of a call",
        "review": "asks for a review",
        "unknown_outcome": "asks what came of a call",
    }.get(str(event.get("kind")), "asks")
    until = (
        f", until {clock({'timestamp': event['expires_at']})}" if event.get("expires_at") else ""
    )
    return f"{event.get('agent') or 'The run'} {asks}{until}"


_WORDS: dict[str, Any] = {
    "execution_start": _start,
    "execution_resumed": lambda event, _: f"goes on ({event.get('reason')})",
    "execution_forked": lambda event, _: (
        f"forked from {(event.get('forked_from') or {}).get('job_id')}"
    ),
    "execution_waiting": lambda *_: "waits for a person",
    "task_start": _task_start,
    "llm_call": _llm_call,
    "tool_call": lambda event, _: f"{event.get('action')} {event.get('result')}",
    "tool_result": _tool_result,
    "input_required": _question,
    "input_received": _answer,
    "answer_rejected": lambda event, _: f"again, {event.get('left')} left: {event.get('reason')}",
    "task_complete": lambda event, _: compact(event.get("result")),
    "task_skipped": lambda event, _: f"skipped: {event.get('message')}",
    "warning": lambda event, _: f"{event.get('code')}: {event.get('message')}",
    "error": lambda event, _: f"failed with {event.get('code')}: {event.get('message')}",
    "execution_complete": lambda _, view: f"complete in {_figures(view)}",
    "execution_stopped": lambda event, _: f"stopped ({event.get('reason')})",
}
