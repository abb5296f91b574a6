"""The command line: every command has a module, says what it does, and refuses what it does not know."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from kasal_platform import commands
from kasal_platform.__main__ import COMMANDS, main

MODULES = {path.stem for path in Path(commands.__path__[0]).glob("[a-z]*.py")}


def test_every_module_of_a_command_can_be_called_and_no_other() -> None:
    assert {name.replace("-", "_") for name in COMMANDS} == MODULES


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(f"kasal_platform.commands.{name.replace('-', '_')}")
    with pytest.raises(SystemExit) as ended:
        module.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: kasal-platform {name} [-h]")
    assert module.__doc__.split(".")[0].split(":")[0] in " ".join(said.split())


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_the_overview_has_a_line_for_every_command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kasal-platform", *arguments])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if line.startswith("  ")} == set(COMMANDS)


def test_an_unknown_command_is_refused_by_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["kasal-platform", "fly"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert str(ended.value.code).startswith("There is no command 'fly'. The commands are: run, ")


@pytest.mark.parametrize(
    "program",
    [
        (sys.executable, "-m", "kasal_platform"),
        (str(Path(sys.executable).parent / "kasal-platform"),),
    ],
)
def test_both_ways_to_start_it_are_one(program: tuple[str, ...]) -> None:
    called = subprocess.run([*program, "--help"], capture_output=True, text=True, check=True)
    assert called.stdout.startswith("usage: kasal-platform COMMAND")
