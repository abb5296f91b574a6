"""What a bench found: medians with their spread, and each target beside what was measured."""

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def three_digits(value: float) -> str:
    """Return three significant digits, or whole numbers from 100."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


@dataclass(frozen=True)
class Row:
    """One figure with all of its measurements."""

    what: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def cells(self) -> tuple[str, ...]:
        spread = f"{three_digits(min(self.values))} - {three_digits(max(self.values))}"
        return self.what, three_digits(self.median), self.unit, spread, str(len(self.values))


@dataclass(frozen=True)
class Target:
    """The bound that a figure must keep; for a ratio, the median of the runs' ratios."""

    what: str
    wanted: float
    values: tuple[float, ...]
    at_least: bool = False
    unit: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool:
        return self.median >= self.wanted if self.at_least else self.median <= self.wanted

    def line(self) -> str:
        bound = "at least" if self.at_least else "at most"
        unit = f" {self.unit}" if self.unit else ""
        verdict = "met" if self.met else "MISSED"
        return (
            f"{verdict}: {self.what}: target {bound} {three_digits(self.wanted)}{unit}, "
            f"measured {three_digits(self.median)}{unit} "
            f"({three_digits(min(self.values))} - {three_digits(max(self.values))})"
        )


@dataclass
class Report:
    """One bench's table."""

    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def row(self, what: str, unit: str, *values: float) -> None:
        self.rows.append(Row(what, unit, values))

    def at_most(self, what: str, wanted: float, *values: float, unit: str = "") -> None:
        self.targets.append(Target(what, wanted, values, unit=unit))

    def at_least(self, what: str, wanted: float, *values: float, unit: str = "") -> None:
        self.targets.append(Target(what, wanted, values, at_least=True, unit=unit))

    def text(self) -> str:
        heads = ("", "median", "", "low - high", "runs")
        table = [heads, *(row.cells() for row in self.rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(heads))]
        lines = [f"\n{self.name}: {self.title}"]
        for line in table:
            first, median, unit, spread, runs = (
                cell.ljust(width) if column in {0, 2} else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            lines.append(f"  {first}  {median} {unit}  {spread}  {runs}".rstrip())
        lines += [f"  {target.line()}" for target in self.targets]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)

    def save(self, folder: Path, circumstances: dict[str, Any]) -> None:
        """Write `<folder>/<name>.json`."""
        folder.mkdir(exist_ok=True)
        told = {
            "name": self.name,
            "title": self.title,
            **circumstances,
            "rows": [
                {"what": r.what, "unit": r.unit, "median": r.median, "values": r.values}
                for r in self.rows
            ],
            "targets": [
                {
                    "what": t.what,
                    "wanted": t.wanted,
                    "at_least": t.at_least,
                    "measured": t.median,
                    "met": t.met,
                    "values": t.values,
                }
                for t in self.targets
            ],
            "notes": self.notes,
        }
        (folder / f"{self.name}.json").write_text(json.dumps(told, indent=2) + "\n")
