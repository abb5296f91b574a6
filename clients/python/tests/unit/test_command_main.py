"""The command without a platform."""

import subprocess
import sys
from pathlib import Path

import pytest

from kasal_client.command import main
from kasal_client.command.exits import ExitCode
from kasal_client.command.faults import CommandError, fault_lines, fault_of
from kasal_client.errors import ConnectionFailedError, api_error


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody is logged in."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("KASAL_URL", "KASAL_API_KEY", "KASAL_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["whoami"], ExitCode.NOT_SIGNED_IN, "kasal login"),
        (["frobnicate"], ExitCode.USAGE, "kasal --help"),
        (["run"], ExitCode.USAGE, "kasal run --help"),
        (["dev", "nope.yaml"], ExitCode.USAGE, "nope.yaml"),
        (["run", "x", "--version", "new"], ExitCode.USAGE, "kasal run --help"),
        (["login", "--email", "a@b.c"], ExitCode.USAGE, "--password"),
        (["login", "--url", "nowhere", "--api-key", "k"], ExitCode.USAGE, "http://"),
    ],
)
def test_what_goes_wrong_is_two_lines_and_an_exit_code(
    arguments: list[str], code: ExitCode, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(arguments) == code

    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.rstrip("\n").split("\n")
    assert len(lines) == 2, told.err
    assert lines[0].startswith("Error: ")
    assert words in told.err


def test_help_and_version_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert main.run(["run", "-h"]) == 0
    assert capsys.readouterr().err == ""


def test_a_platform_that_is_away_is_told_from_one_that_refuses() -> None:
    fault = fault_of(ConnectionFailedError("Nobody answers at http://there."))
    assert (fault.code, "make run" in fault.advice) == (ExitCode.UNREACHABLE, True)


def test_a_refusal_shows_its_request_when_it_is_asked_for() -> None:
    body = {"error": {"code": "NOT_FOUND", "message": "No crew.", "request_id": "req_7"}}
    fault = fault_of(api_error(404, body))

    assert fault.code == ExitCode.REFUSED
    assert "req_7" not in "".join(fault_lines(fault, with_request=False))
    assert "req_7" in fault_lines(fault, with_request=True)[0]


def test_several_faults_are_listed_between_the_two_lines() -> None:
    fields = [{"field": f"agents.{n}", "reason": "Wrong"} for n in range(20)]
    details = {"field": "agents.0", "reason": "Wrong", "errors": fields}
    body = {"error": {"code": "VALIDATION_ERROR", "message": "Wrong.", "details": details}}

    lines = fault_lines(fault_of(api_error(400, body)), with_request=False)
    assert len(lines) == 13
    assert lines[-2].endswith("and 10 more")


def test_what_a_platform_says_is_not_obeyed_by_the_terminal() -> None:
    lines = fault_lines(fault_of(CommandError("a\x1b[2Jb", "c\nd")), with_request=False)
    assert lines == ["Error: a␛[2Jb", "  c d"]


def test_the_start_imports_neither_the_client_nor_what_draws() -> None:
    code = (
        "import sys; from kasal_client.command.app import build; build();"
        "print([one for one in ('pydantic', 'httpx2', 'yaml', 'rich.live') if one in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
