"""The command line: every command has a module, says what it does, and refuses what it does not know.

Covers: kasal_platform.console, kasal_platform.faults
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kasal_platform import commands
from kasal_platform.__main__ import COMMANDS, main
from kasal_platform.commands import migrate

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


def test_ctrl_c_ends_a_command_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_arguments: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(migrate, "main", interrupt)
    monkeypatch.setattr(sys, "argv", ["kasal-platform", "migrate"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "said"),
    [
        ("run", {"KASAL_DATA_DIR": "{file}/data"}, 1, "cannot be written (Not a directory): "),
        ("stack", {"KASAL_DATA_DIR": "{file}/data"}, 1, "Not a directory: '{file}/data'"),
        ("stack", {"KASAL_METRICS_PORT": "many"}, 1, "KASAL_METRICS_PORT is wrong: "),
        ("migrate", {"KASAL_DATA_DIR": "{file}/data"}, 1, "cannot be written (Not a directory): "),
        ("migrate", {"KASAL_MONGO_URL": "mongodb://127.0.0.1:x"}, 1, "KASAL_MONGO_URL is wrong: "),
        ("migrate", {"KASAL_SECRETS_DIR": "{folder}"}, 1, "KASAL_MONGO_URL is wrong: "),
        ("backup {file}", {"KASAL_MONGO_URL": "mongodb://x"}, 1, "{file} exists already: name a"),
        ("backup {folder}/a", {"KASAL_MONGO_URL": "mongodb://x"}, 1, "{folder}/a.partial exists: "),
        ("restore {folder}", {"KASAL_MONGO_URL": "mongodb://x"}, 1, "must hold one folder of the"),
        ("dead-letters", {"KASAL_AMQP_URL": "amqp://127.0.0.1:1/"}, 1, "The broker of KASAL_AMQP_"),
        ("dead-letters", {"KASAL_AMQP_URL": "amqp://127.0.0.1:x/"}, 1, "KASAL_AMQP_URL is wrong: "),
        ("dead-letters", {}, 1, "KASAL_AMQP_URL is not set"),
        ("demo http://127.0.0.1:1", {}, 1, "The demo cannot be shown on http://127.0.0.1:1: "),
    ],
)
def test_a_fault_that_an_operator_can_mend_is_one_line(
    arguments: str, settings: dict[str, str], code: int, said: str, tmp_path: Path
) -> None:
    places = {"file": str(tmp_path / "file"), "folder": str(tmp_path)}
    Path(places["file"]).touch()
    (tmp_path / "a.partial").mkdir()
    (tmp_path / "kasal_mongo_url").write_text("mysql://db")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KASAL_")}
    called = subprocess.run(
        [sys.executable, "-m", "kasal_platform", *arguments.format(**places).split()],
        env=kept | {name: value.format(**places) for name, value in settings.items()},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (called.returncode, called.stdout) == (code, "")
    assert said.format(**places) in called.stderr
    assert called.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "localhost"], "'localhost' does not start with http:// or https://"),
        (["dead-letters", "list", "msg_1"], "ids are for replay"),
        (["backup"], "the following arguments are required: folder"),
        (["run", "--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_wrong_arguments_are_refused_with_the_usage(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["kasal-platform", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"{said}\n")


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
