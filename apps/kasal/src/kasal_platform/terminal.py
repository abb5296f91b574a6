"""What `make run` shows: one line per event, a progress bar on a terminal, and where to go next."""

import json
from collections.abc import AsyncIterator
from typing import IO

from msgspec import UnsetType
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from common.contracts.events import (
    Event,
    EventBody,
    ExecutionComplete,
    ExecutionResumed,
    ExecutionStart,
    ExecutionStop,
    ExecutionWaiting,
    InputReceived,
    InputRequired,
    LlmCall,
    ProgressUpdate,
    RunError,
    RunWarning,
    TaskComplete,
    TaskStart,
    ToolCall,
    ToolResult,
)

_MARKS = {
    "execution_start": "[bold cyan]▶[/]",
    "execution_resumed": "[bold cyan]▶[/]",
    "task_start": "[cyan]●[/]",
    "llm_call": "[magenta]◆[/]",
    "tool_call": "[yellow]→[/]",
    "tool_result": "[yellow]←[/]",
    "task_complete": "[green]✔[/]",
    "progress": "[dim]·[/]",
    "execution_complete": "[bold green]■[/]",
    "execution_stopped": "[bold yellow]■[/]",
    "input_required": "[bold yellow]?[/]",
    "input_received": "[bold yellow]✎[/]",
    "execution_waiting": "[bold yellow]…[/]",
    "execution_forked": "[bold cyan]⑂[/]",
    "warning": "[yellow]![/]",
    "error": "[bold red]✘[/]",
}
_BAR = 20
"""Cells of the bar for a `progress` event."""


class Terminal(Console):
    """A console whose reader may close it (`make run | head`) without ending the platform.

    It shows what models write as they write it: `:smile:` is no emoji.
    """

    def __init__(self, file: IO[str] | None = None, width: int | None = None) -> None:
        super().__init__(file=file, width=width, emoji=False)

    def on_broken_pipe(self) -> None:
        """Stop printing; rich would end the process."""
        self.quiet = True


async def show_run(console: Console, events: AsyncIterator[Event]) -> None:
    """Print each event of a run as it happens; on a terminal, a bar below shows the progress."""
    columns = (
        SpinnerColumn(),
        BarColumn(40),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("run", total=100)
        async for event in events:
            if isinstance(event.body, ProgressUpdate):
                bar.update(task, completed=event.body.progress)
            bar.console.print(event_line(event), highlight=False, no_wrap=True, overflow="ellipsis")


def event_line(event: Event) -> str:
    """Return an event as a line of rich's markup: its number, its type, and what happened."""
    text = " ".join(_words(event.body).split())
    mark = _MARKS.get(event.type, "·")
    return f"  {event.seq:>3} {mark} [dim]{event.type:<18}[/] {escape(text)}"


def _words(body: EventBody) -> str:
    """Return the event in words, an empty string for types of newer versions."""
    match body:
        case ExecutionStart(crew=crew, tasks_count=count):
            return f"{crew} begins: {_quantity(count, 'task')}"
        case TaskStart(agent=agent, description=description):
            return f"{agent}: {description}"
        case LlmCall(action=model, result=result):
            return f"{model} {result if result.startswith('calls ') else 'answers'}"
        case ToolCall(action=tool, result=arguments):
            return f"{tool}({_arguments(arguments)})"
        case ToolResult(action=tool, result=result):
            return f"{tool} = {result}"
    return _other_words(body)


def _other_words(body: EventBody) -> str:
    match body:
        case ProgressUpdate(progress=percent):
            done = _BAR * percent // 100
            return f"{'━' * done}{'╌' * (_BAR - done)} {percent} %"
        case RunWarning(message=text) | RunError(message=text):
            return text
        case ExecutionResumed(reason=text) | ExecutionStop(reason=text):
            return text
        case TaskComplete(result=result) | ExecutionComplete(result=result):
            return str(result)
    return _words_with_people(body)


def _words_with_people(body: EventBody) -> str:
    match body:
        case InputRequired(agent=agent, prompt=prompt):
            return f"{agent} asks: {_question(body, prompt)}"
        case InputReceived(outcome=outcome):
            return _decision(body, str(outcome or "answered"))
        case ExecutionWaiting(questions=questions):
            return f"waits for a person: {_quantity(len(questions), 'question')}"
    return ""


def _question(asked: InputRequired, prompt: str) -> str:
    """Return what is asked, in a call as the call itself."""
    if isinstance(asked.tool_call, UnsetType):
        return prompt
    call = asked.tool_call
    return f"may it call {call.tool}({_arguments(json.dumps(call.arguments))})?"


def _decision(answer: InputReceived, outcome: str) -> str:
    """Return what was decided, by whom and with what."""
    who = "nobody answered in time" if answer.expired is True else answer.by or "a person"
    parts = [f"{who}: {outcome}"]
    if not isinstance(answer.input, UnsetType):
        parts.append(str(answer.input))
    if not isinstance(answer.arguments, UnsetType):
        parts.append(f"with {_arguments(json.dumps(answer.arguments))}")
    if not isinstance(answer.comment, UnsetType):
        parts.append(f"({answer.comment})")
    return " ".join(parts)


def _quantity(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _arguments(text: str) -> str:
    """Return a tool call's JSON object as arguments of a call; anything else unchanged."""
    try:
        given = json.loads(text)
    except ValueError:
        return text
    if not isinstance(given, dict):
        return text
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in given.items())


def show_addresses(
    console: Console, base: str, email: str, password: str, folder: str, *, page: bool = False
) -> None:
    """Print where everything is, and something to try, in lines that fit a narrow terminal.

    `page` says that the platform serves its console.
    """
    root = base.removesuffix("/api/v1")
    sockets = base.replace("http", "ws", 1)
    first = f"\n  Console    {root}/console/" if page else ""
    console.print(
        f"""
[bold green]Kasal is up.[/]
{first}
  API        {base}
  Docs       {root}/docs
  WebSocket  {sockets}/ws
  User       {email}, password {password}
  Data       {folder}

[bold]Try it in another terminal:[/]

  API={base}
  TOKEN=$(curl -s $API/auth/login -H 'Content-Type: application/json' \\
    -d '{{"email": "{email}", "password": "{password}"}}' \\
    | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  JOB=$(curl -s $API/executions -H "Authorization: Bearer $TOKEN" \\
    -H 'Content-Type: application/json' -d '{{"crew_id": "crew_abc123",
      "inputs": {{"topic": "Tea in 12 * 2 shops", "deadline": "Friday"}}}}' \\
    | sed 's/.*"job_id":"\\([^"]*\\)".*/\\1/')
  curl -sN $API/executions/$JOB/events -H "Authorization: Bearer $TOKEN"

KASAL_LOG_LEVEL=INFO shows every request here. Press Ctrl-C to stop.""",
        highlight=False,
        soft_wrap=True,
    )
