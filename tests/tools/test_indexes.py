"""Nobody changes an index of a database without a step that has every database get it."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from common.storage.migrations import MigrationStep, Schema
from common.storage.mongo import ensure_index
from common.storage.ports import Database

ROOT = Path(__file__).parents[2]
NAMES = {"keys": "name", "name": "names", "unique": True}
COLOURS = {"keys": [("colour", 1), ("size", -1)]}


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("indexes")


def schema(steps: int, *made: dict[str, Any]) -> Schema:
    async def indexes(database: Database) -> None:
        for options in made:
            await ensure_index(database["things"], **options)

    return Schema("things", indexes, tuple(MigrationStep(f"step {n}") for n in range(steps)))


def test_what_is_recorded_is_what_the_code_makes(tool):
    assert tool.of(schema(2, NAMES, COLOURS)) == {
        "version": 2,
        "indexes": {
            "things.colour_1_size_-1": {"key": "colour 1, size -1"},
            "things.names": {"key": "name 1", "unique": True},
        },
    }


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (schema(1, NAMES), schema(1, NAMES), None),
        (schema(1, NAMES), schema(2, NAMES), None),
        (schema(1, NAMES), schema(2, NAMES, COLOURS), None),
        (schema(1, NAMES, COLOURS), schema(2, NAMES), None),
        (schema(1, NAMES), schema(1, NAMES, COLOURS), "things.colour_1_size_-1 .* add one to the"),
        (schema(1, NAMES, COLOURS), schema(1, NAMES), "changed without a MigrationStep"),
        (schema(1, NAMES), schema(2, NAMES | {"unique": False}), "things.names .* another name"),
        (schema(2, NAMES), schema(1, NAMES), "never taken away"),
    ],
)
def test_a_change_without_its_step_is_refused_with_what_to_do(tool, before, after, told):
    said = tool.fault("things", tool.of(before), tool.of(after))
    assert said is None if told is None else re.search(told, said)


def test_every_service_that_keeps_data_has_its_indexes_recorded(tool):
    recorded = json.loads(tool.TARGET.read_text())
    keeping = {path.parts[-3] for path in ROOT.glob("services/*/src/*/store/migrations.py")}
    assert keeping == set(tool.SERVICES) == recorded.keys()
    for service, now in tool.current().items():
        assert tool.fault(service, recorded[service], now) is None
        assert recorded[service] == now, "run `make docs`"


def test_the_tool_records_nothing_that_it_refuses(tool, tmp_path, monkeypatch):
    target = tmp_path / "indexes.json"
    monkeypatch.setattr(tool, "TARGET", target)
    monkeypatch.setattr("sys.argv", ["indexes.py"])
    monkeypatch.setattr(tool, "SERVICES", ("things",))
    monkeypatch.setattr(tool, "current", lambda: {"things": tool.of(schema(1, NAMES))})
    tool.main()
    kept = target.read_text()
    monkeypatch.setattr(tool, "current", lambda: {"things": tool.of(schema(1, NAMES, COLOURS))})
    with pytest.raises(
        SystemExit,
        match=r"changed without a MigrationStep: add one to the end of SCHEMA in services/",
    ):
        tool.main()
    assert target.read_text() == kept
