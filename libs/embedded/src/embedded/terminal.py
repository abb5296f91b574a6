"""What `make run` shows: one line an event, a progress bar on a terminal, and where to go next."""

from collections.abc import AsyncIterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

_MARKS = {
    "execution_start": "[bold]▶[/]",
    "execution_resumed": "[bold]▶[/]",
    "task_start": "[cyan]●[/]",
    "llm_call": "[magenta]◆[/]",
    "tool_call": "[yellow]→[/]",
    "tool_result": "[yellow]←[/]",
    "task_complete": "[green]✔[/]",
    "execution_complete": "[bold green]■[/]",
    "execution_stopped": "[bold yellow]■[/]",
    "warning": "[yellow]![/]",
    "error": "[bold red]✘[/]",
}


async def show_run(console: Console, events: AsyncIterator[dict[str, Any]]) -> None:
    """Print each event of a run as it happens."""
    columns = (TextColumn("  "), BarColumn(40), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("run", total=100)
        async for event in events:
            if event["type"] == "progress":
                bar.update(task, completed=event["progress"])
            else:
                bar.console.print(
                    event_line(event), highlight=False, no_wrap=True, overflow="ellipsis"
                )


def event_line(event: dict[str, Any]) -> str:
    """Return an event as one line of text: its number, what it is, who did it, and what came of it."""
    kind = event["type"]
    who = event.get("agent") or event.get("crew") or ""
    what = next(
        (str(event[name]) for name in ("message", "result", "reason") if event.get(name)), ""
    )
    action = event.get("action") or ""
    parts = [part for part in (who, action, " ".join(what.split())) if part]
    return f"  {event['seq']:>3} {_MARKS.get(kind, '·')} [bold]{kind:<19}[/] {escape(' · '.join(parts))}"


def show_addresses(console: Console, base: str, email: str, password: str, folder: str) -> None:
    """Print where everything is, and a first thing to try."""
    root = base.removesuffix("/api/v1")
    sockets = base.replace("http", "ws", 1)
    console.print(
        f"""
[bold]Kasal is up.[/]
  API        {base}
  Docs       {root}/docs
  WebSocket  {sockets}/ws
  Data       {folder}

[bold]Try it:[/]
  TOKEN=$(curl -s -X POST {base}/auth/login -H 'Content-Type: application/json' \\
    -d '{{"email": "{email}", "password": "{password}"}}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s -X POST {base}/executions -H "Authorization: Bearer $TOKEN" \\
    -H 'Content-Type: application/json' \\
    -d '{{"crew_id": "crew_abc123", "inputs": {{"topic": "Q4 Marketing Strategy", "deadline": "2024-12-31"}}}}'

Press Ctrl-C to stop.""",
        highlight=False,
        soft_wrap=True,
    )
