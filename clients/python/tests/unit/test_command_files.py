"""Crew files, inputs and templates, without a platform."""

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from kasal_client import Crew
from kasal_client.command import main
from kasal_client.command.faults import CommandError
from kasal_client.command.files_of_crews import applying, change_lines, line_of
from kasal_client.command.options import inputs_of
from kasal_client.command.output import Output
from kasal_client.command.when import ago, duration, money

_FILE = """\
kasal: 1
name: Tea
agents:
  - name: writer
    role: Writer

    goal: Write
tasks:
- description: >
    Long
  agent: writer
"""


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("name", 2),
        ("agents.0.goal", 7),
        ("agents.writer.role", 5),
        ("agents[0].goal", 7),
        ("tasks.0.agent", 11),
        ("tasks.0.nothing.at.all", 9),
        ("nothing", None),
    ],
)
def test_a_field_of_a_file_has_a_line(field: str, line: int | None) -> None:
    assert line_of(_FILE, field) == line


def test_a_file_that_is_no_yaml_has_no_lines() -> None:
    assert line_of("a: [", "a") is None


def test_changes_are_shown_by_names_beside_what_was() -> None:
    current = {"tasks": [{"name": "facts", "description": "Old", "notes": "a\nb\nc"}]}
    patch = [
        {"op": "replace", "path": "/tasks/0/description", "value": "New"},
        {"op": "replace", "path": "/tasks/0/notes", "value": "a\nx\nc"},
        {"op": "remove", "path": "/tasks/0/name"},
        {"op": "add", "path": "/agents/-", "value": {"role": "R"}},
    ]
    told = [line.strip() for line in change_lines(patch, current)]

    assert told[:3] == ["tasks.facts.description", "- Old", "+ New"]
    assert {"-b", "+x", "- facts", '+   "role": "R"'} <= set(told)


def test_inputs_are_texts_json_or_files_of_them(tmp_path: Path) -> None:
    several = tmp_path / "more.json"
    several.write_text('{"deep": {"er": 1}}')
    given = ["topic=tea = good", "n:=5", "list:=[1]", f"@{several}"]
    kasal: Any = None

    assert inputs_of(kasal, given) == {
        "topic": "tea = good",
        "n": 5,
        "list": [1],
        "deep": {"er": 1},
    }


@pytest.mark.parametrize("wrong", ["topic", "=x", "n:=five", "@missing.json"])
def test_what_is_no_input_is_refused(wrong: str) -> None:
    kasal: Any = None
    with pytest.raises((CommandError, OSError)):
        inputs_of(kasal, [wrong])


def test_init_writes_a_crew_that_can_be_read_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    assert main.run(["init", str(folder)]) == 0
    crew = Crew.from_yaml(folder / "crew.yaml")
    assert [agent.name for agent in crew.agents] == ["researcher", "writer"]
    compile((folder / "tools.py").read_text(), "tools.py", "exec")

    (folder / "crew.yaml").write_text("mine")
    assert main.run(["init", str(folder)]) == 2
    assert (folder / "crew.yaml").read_text() == "mine"
    capsys.readouterr()


def test_completion_of_each_shell_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert main.run(["completion", shell]) == 0
        assert "_KASAL_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
        (None, ""),
    ],
)
def test_durations_are_short(seconds: float | None, told: str) -> None:
    assert duration(seconds) == told


def test_amounts_and_times() -> None:
    assert (money(0), money(0.00123), money(12.3456), money(None)) == (
        "$0",
        "$0.0012",
        "$12.35",
        "",
    )
    assert ago("nonsense") == ""


def test_no_file_of_a_profile_can_be_read_by_others(tmp_path: Path) -> None:
    from kasal_client.profile import Profile, save_profile

    path = save_profile(Profile("http://there", api_key="k"), tmp_path / "p.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["api_key"] == "k"


def test_a_file_in_another_encoding_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "inputs.json"
    path.write_bytes('{"topic": "café"}'.encode("latin-1"))
    kasal: Any = None
    with pytest.raises(CommandError, match=r"inputs\.json is no UTF-8 text"):
        inputs_of(kasal, [f"@{path}"])
    with pytest.raises(CommandError, match=r"inputs\.json is no UTF-8 text"), applying(path):
        path.read_text("utf-8")


def test_json_can_be_written_in_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    output = Output(is_json=True)
    output.json({"name": "café"})
    output.json_line({"name": "茶"})
    assert [json.loads(line)["name"] for line in written.getvalue().splitlines()] == ["café", "茶"]
