"""The command over a real platform: in a pseudo-terminal, and with pipes.

Covers: kasal_client.command.live, kasal_client.command.watching, kasal_client.command.verbs.running
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from kasal_client import Agent, Crew, Kasal, Task
from kasal_client.testing import Gate, Platform, ScriptedModel

KASAL = [sys.executable, "-m", "kasal_client.command.main"]


@pytest.fixture(scope="module")
def home(kasal_platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of somebody who has logged in by the command."""
    email, password = kasal_platform.new_user()
    folder = tmp_path_factory.mktemp("home")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("KASAL_")},
        "XDG_CONFIG_HOME": str(folder),
        "HOME": str(folder),
        "TERM": "xterm-256color",
    }
    said = run_kasal(
        environment, "login", "--url", kasal_platform.url, "--email", email, "--password", password
    )
    assert email in said.stdout
    return environment


@pytest.fixture(scope="module")
def client(home: dict[str, str]) -> Iterator[Kasal]:
    with Kasal(profile=Path(home["XDG_CONFIG_HOME"]) / "kasal/profile-default.json") as made:
        yield made


@pytest.fixture(scope="module")
def till(client: Kasal) -> str:
    """The name of a crew that asks before it calculates."""
    agent = Agent(
        name="cashier",
        role="Cashier",
        goal="Calculate",
        model="offline",
        tools=["calculator"],
        approvals=["calculator"],
    )
    task = Task(name="sum", description="What is 12 * 2 for {topic}?", expected_output="A number")
    client.crews.apply(Crew(name="Till", agents=[agent], tasks=[task]))
    return "Till"


def run_kasal(
    home: dict[str, str], *arguments: str, code: int = 0, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*KASAL, *arguments],
        env=home,
        capture_output=True,
        text=True,
        timeout=60,
        input=text,
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def open_terminal(
    home: dict[str, str], *arguments: str, size: tuple[int, int] = (24, 80)
) -> pexpect.spawn:
    return pexpect.spawn(
        KASAL[0], [*KASAL[1:], *arguments], env=home, dimensions=size, encoding="utf-8", timeout=30
    )


def end(terminal: pexpect.spawn) -> int:
    """Read on to the end, and return the exit code."""
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus is not None
    return terminal.exitstatus


def writer(client: Kasal, model: ScriptedModel, **reply: Any) -> tuple[str, str]:
    """Make a crew whose model answers as it is told; return its name."""
    word = secrets.token_hex(4)
    model.reply("Tea is \x1b[2J old.", when=word, **reply)
    agent = Agent(role="Writer", goal="Write", model="gpt-4o")
    task = Task(name="text", description=f"{word}: write about tea", expected_output="A text")
    client.crews.apply(Crew(name=f"Crew {word}", agents=[agent], tasks=[task]))
    return f"Crew {word}", word


def test_a_call_is_approved_in_the_terminal_also_after_a_resize(home: Any, till: str) -> None:
    terminal = open_terminal(home, "run", till, "-i", "topic=tea")
    terminal.expect(r"\[a\] approve")
    terminal.setwinsize(14, 50)
    terminal.expect(r"\[a\] approve")
    terminal.send("e")
    terminal.expect("Arguments, as JSON")
    terminal.send('\x15{"expression": "0"}\x7f\x7f')  # typed wrongly, and mended
    terminal.send("\x15[]\r")
    terminal.expect("JSON object")
    terminal.send('\x15{"expression": "12 * 3"}\r')
    terminal.expect("complete in")
    terminal.expect("It returned: 36")
    assert end(terminal) == 0


def test_a_call_is_rejected_with_a_reason(home: Any, till: str) -> None:
    terminal = open_terminal(home, "run", till, "-i", "topic=tea")
    terminal.expect(r"\[r\] reject")
    terminal.send("r")
    terminal.expect("Why")
    terminal.send("Not today\r")
    terminal.expect(r"rejected \(Not today\)")
    assert end(terminal) == 0


def test_text_is_shown_while_it_is_written_and_no_order_of_a_model_is_obeyed(
    home: Any, client: Kasal, scripted_model: ScriptedModel
) -> None:
    crew, _ = writer(client, scripted_model)
    terminal = open_terminal(home, "run", crew)
    terminal.expect(r"Tea is ␛\[2J old")
    terminal.expect("complete in")
    assert end(terminal) == 0
    assert "\x1b[2J" not in (terminal.before or "")


def test_ctrl_c_asks_and_stops_or_leaves(
    home: Any, client: Kasal, scripted_model: ScriptedModel
) -> None:
    gate = Gate()
    crew, _ = writer(client, scripted_model, gate=gate)
    terminal = open_terminal(home, "run", crew)
    gate.wait()
    terminal.expect("running")
    terminal.sendintr()
    terminal.expect(r"\[s\] stop the run")
    terminal.sendintr()
    terminal.expect("The run goes on")
    assert end(terminal) == 130
    newest = client.executions.list().first()
    assert newest is not None
    assert newest.status == "running"

    again = open_terminal(home, "runs", "watch", "last")
    again.expect("running")
    again.sendintr()
    again.expect(r"\[s\] stop the run")
    again.send("s")
    again.expect("stopped")
    assert end(again) == 3
    gate.open()


def test_without_a_terminal_a_run_is_lines_and_waits_for_nobody(home: Any, till: str) -> None:
    done = run_kasal(home, "run", till, "-i", "topic=tea", code=4)
    assert "\x1b" not in done.stdout
    assert "cashier asks for approval of a call" in done.stdout
    assert "kasal approve job_" in done.stderr

    waiting = run_kasal(home, "inbox").stdout.splitlines()
    assert 'calculator {"expression": "12 * 2"}' in waiting[-1]
    job = waiting[-1].split("\t")[0]
    assert run_kasal(home, "approve", job[-8:], "-m", "fine").stdout.startswith("Approved.")
    lines = run_kasal(home, "runs", "watch", "last").stdout
    assert "approved (fine)" in lines
    assert run_kasal(home, "runs", "watch", job, "-q").stdout.startswith("[offline] cashier")
    shown = run_kasal(home, "runs", "show", job).stdout
    assert "status   completed" in shown


def test_json_is_exactly_the_events_and_one_line_may_be_enough(
    home: Any, client: Kasal, scripted_model: ScriptedModel
) -> None:
    crew, _ = writer(client, scripted_model)
    told = [json.loads(line) for line in run_kasal(home, "run", crew, "--json").stdout.splitlines()]
    job_id = told[0]["job_id"]
    path = f"/executions/{job_id}/events"
    sent = client._transport.send("GET", path, headers={"Accept": "text/event-stream"}).text
    assert told == [json.loads(one[6:]) for one in sent.splitlines() if one.startswith("data: ")]

    command = f"{' '.join(KASAL)} runs watch last --json | head -n 1; echo ${{PIPESTATUS[0]}}"
    piped = subprocess.run(
        ["bash", "-c", command], env=home, capture_output=True, text=True, check=True
    )
    first, code = piped.stdout.splitlines()
    assert json.loads(first) == told[0]
    assert code in ("0", "141")  # it may have written all before its reader left
    assert piped.stderr == ""


def test_exit_codes_say_how_a_run_ended(
    home: Any, client: Kasal, scripted_model: ScriptedModel, till: str
) -> None:
    agent = Agent(role="Clerk", goal="Invoice", model="offline")
    task = Task(
        description="Invoice {amount}",
        guardrail={"kind": "regex", "pattern": "[1-9]"},
        max_retries=0,
    )
    client.crews.apply(Crew(name="Invoice", agents=[agent], tasks=[task]))

    failed = run_kasal(home, "run", "Invoice", "-i", "amount=nothing", code=1)
    assert "kasal runs fork job_" in failed.stderr
    assert run_kasal(home, "runs", "retry", "last", "-i", "amount=12", "-q").stdout.strip() != ""
    job = run_kasal(home, "run", till, "-i", "topic=tea", "-d").stdout.strip()
    assert run_kasal(home, "runs", "stop", job).stdout == f"Stopped {job}.\n"
    run_kasal(home, "runs", "watch", job, code=3)
    run_kasal(home, "run", till, code=7)
    run_kasal(home, "run", "Tillll", code=7)
    run_kasal(home, "--url", "http://127.0.0.1:1", "login", "--api-key", "k", code=6)
    run_kasal({**home, "KASAL_API_KEY": "k", "KASAL_URL": client.url}, "whoami", code=5)


def test_a_run_that_is_interrupted_without_a_terminal_goes_on(
    home: Any, client: Kasal, scripted_model: ScriptedModel
) -> None:
    gate = Gate()
    crew, _ = writer(client, scripted_model, gate=gate)
    with subprocess.Popen(
        [*KASAL, "run", crew], env=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            gate.wait()
            assert process.stdout is not None
            assert "1 task" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "The run goes on" in said
    gate.open()
