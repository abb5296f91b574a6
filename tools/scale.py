"""Make the tables of docs/how-to/scale.md out of `bench/costs.json` (`make docs`).

`python tools/scale.py` writes them; with `--check` it only says whether they are up to date.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence

from openapi import ROOT, write_or_check
from scale_model import Model, Plan

TARGET = ROOT / "docs/how-to/scale.md"
_BLOCK = re.compile(r"(<!-- scale: (\w+) -->\n).*?(<!-- /scale -->)", re.DOTALL)


def _number(value: float) -> str:
    """Return two significant digits, or whole thousands: more is not known."""
    if value < 0.01:
        return "under 0.01"
    if value >= 100:
        digits = 10 ** max(0, len(str(int(value))) - 3)
        return f"{round(value / digits) * digits:,.0f}"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _plan_rows() -> list[tuple[str, Callable[[Plan], str]]]:
    return [
        ("**cells**", lambda p: str(p.cells)),
        ("*in each cell:* jobs/s; at once", lambda p: f"{_number(p.rate)}; {_number(p.at_once)}"),
        ("sockets", lambda p: _number(p.sockets)),
        ("gateway", lambda p: str(p.gateways)),
        ("crews", lambda p: str(p.crews)),
        ("executor api", lambda p: str(p.apis)),
        ("executor worker", lambda p: f"{p.workers} of {p.level.slots:,} slots"),
        ("a worker's memory", lambda p: f"{_number(p.worker_mib)} MiB"),
        ("events (relays)", lambda p: str(p.relays)),
        ("a relay's memory", lambda p: f"{_number(p.relay_mib)} MiB"),
        ("RabbitMQ, cores", lambda p: _number(p.rabbitmq_cores)),
        ("messages/s to crews", lambda p: _number(p.crews_messages)),
        ("bindings changed/s", lambda p: _number(p.binding_changes)),
        ("MongoDB, documents written/s", lambda p: _number(p.writes)),
        ("MongoDB, shards", lambda p: str(p.shards)),
        ("MongoDB, GiB a day", lambda p: _number(p.gib_per_day)),
        ("Redis, cores", lambda p: _number(p.redis_cores)),
        ("workers' beats/s", lambda p: _number(p.beats)),
        ("workers' looks/s", lambda p: _number(p.looks)),
    ]


def _plans(model: Model) -> str:
    plans = [model.plan(level) for level in model.levels]
    rows = [[what, *(told(plan) for plan in plans)] for what, told in _plan_rows()]
    return _table(["", *(level.name for level in model.levels)], rows)


def _limits(model: Model) -> str:
    rows = [
        [what, _number(rate), _number(rate * model["headroom"] * 60)]
        for what, rate in sorted(model.limits.items(), key=lambda one: one[1])
    ]
    return _table(["what gives way", "jobs/s, all of it", "jobs/min, planned"], rows)


def _looks(model: Model) -> str:
    head = ["workers", "beats/s", "leases read/s", "looks/s if all looked", "looks/s"]
    rows = []
    for level in model.levels:
        plan = model.plan(level)
        told = (plan.beats, plan.leases_read, plan.looks_by_all, plan.looks)
        rows.append([str(plan.workers), *map(_number, told)])
    return _table(head, rows)


def _figures(part: str) -> Callable[[Model], str]:
    def figures(model: Model) -> str:
        rows = [
            [f"`{name}`", f"{value:,g} {unit}".strip(), source]
            for name, (value, unit, source) in model.told[part].items()
        ]
        return _table(["figure", "value", "from" if part == "measured" else "why"], rows)

    return figures


BLOCKS: dict[str, Callable[[Model], str]] = {
    "plans": _plans,
    "limits": _limits,
    "looks": _looks,
    "measured": _figures("measured"),
    "assumed": _figures("assumed"),
}


def with_tables(document: str, model: Model) -> str:
    """Return `document` with all tables between their markers."""
    found = {match[1] for match in _BLOCK.findall(document)}
    if found != BLOCKS.keys():
        sys.exit(f"{TARGET.name} has the tables {sorted(found)}, not {sorted(BLOCKS)}")
    return _BLOCK.sub(lambda m: f"{m[1]}{BLOCKS[m[2]](model)}{m[3]}", document)


def main() -> None:
    """Write the tables, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether they are up to date")
    arguments = parser.parse_args()
    text = with_tables(TARGET.read_text(), Model.read())
    write_or_check(TARGET, text, check=arguments.check, command="python tools/scale.py")


if __name__ == "__main__":
    main()
