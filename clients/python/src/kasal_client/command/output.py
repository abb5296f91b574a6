"""What commands print: tables for people, JSON for programs, notes beside both."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .cleaning import compact, json_text, one_line, visible

if TYPE_CHECKING:
    from rich.console import Console

Row = Sequence[Any]


class Output:
    """Where a command prints. On a terminal tables are aligned; elsewhere columns are tabs, without a head."""

    def __init__(self, *, is_json: bool = False) -> None:
        self.is_json = is_json

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads the output."""
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    @cached_property
    def console(self) -> Console:
        """The terminal, for what is drawn."""
        return plain_console()

    def line(self, text: str = "") -> None:
        """Print a text."""
        sys.stdout.write(f"{_writable(visible(text))}\n")

    def note(self, text: str) -> None:
        """Print something beside the output, on the standard error output."""
        sys.stdout.flush()
        sys.stderr.write(f"{visible(text)}\n")
        sys.stderr.flush()

    def json(self, value: Any) -> None:
        """Print a value as JSON: in several lines on a terminal, on one elsewhere."""
        indent = 2 if self.is_terminal else None
        sys.stdout.write(f"{_writable_json(value, indent=indent)}\n")

    def json_line(self, value: Any) -> None:
        """Print a value as one line of JSON, at once."""
        sys.stdout.write(f"{_writable_json(value)}\n")
        sys.stdout.flush()

    def rows(self, head: Sequence[str], rows: Iterable[Row], *, empty: str = "") -> None:
        """Print a table. `empty` is what people are told if it has no rows."""
        if self.is_terminal:
            self._table(head, list(rows), empty)
            return
        for row in rows:
            self.line("\t".join(one_line(_cell(value)) for value in row))

    def fields(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Print names and values, one pair a line; empty ones are left out."""
        kept = [(name, _cell(value)) for name, value in pairs if value not in (None, "", [], {})]
        width = max((len(name) for name, _ in kept), default=0)
        for name, value in kept:
            first, *more = visible(value).splitlines() or [""]
            self.line(f"{name:<{width}}  {first}")
            for following in more:
                self.line(f"{'':<{width}}  {following}")

    def _table(self, head: Sequence[str], rows: list[Row], empty: str) -> None:
        from rich.table import Table
        from rich.text import Text

        if not rows:
            self.line(empty or "There is nothing here yet.")
            return
        table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
        for name in head:
            table.add_column(name, overflow="ellipsis", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(one_line(_cell(value), 200)) for value in row))
        self.console.print(table)


def plain_console(*, width: int | None = None) -> Console:
    """Return a console that takes no text for markup, for an emoji, or for something to colour."""
    from rich.console import Console

    class _Console(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return _Console(markup=False, emoji=False, highlight=False, width=width)


def as_json(value: Any) -> Any:
    """Return a model of the API as JSON: just the fields that the platform sent."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return compact(value)


def _writable_json(value: Any, *, indent: int | None = None) -> str:
    """Return `value` as JSON that the output can write: what its encoding lacks is escaped."""
    text = json_text(value, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


def _writable(text: str) -> str:
    """Return `text` as the output can write it, whatever its encoding."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
