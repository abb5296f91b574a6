"""`kasal dev` and `kasal tools serve`, with a platform that dev starts itself.

Covers: kasal_client.command.development, kasal_client.command.serving
"""

import os
import socket
import sys
from pathlib import Path

import pexpect

_CREW = """\
kasal: 1
name: Shop
agents:
  - name: clerk
    role: Clerk
    goal: Tell prices
    model: offline
    tools: [tools__*]
tasks:
  - name: price
    agent: clerk
    description: What is the price of {drink}?
    expected_output: A number
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def dev(tmp_path: Path, port: int, tools_port: int) -> "pexpect.spawn[str]":
    """Begin `kasal dev` on a terminal, with the tools that `kasal init` writes."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("KASAL_")},
        "XDG_CONFIG_HOME": str(tmp_path),
        "TERM": "xterm",
        "KASAL_URL": f"http://127.0.0.1:{port}",
        "KASAL_DATA_DIR": str(tmp_path / "data"),
    }
    program = [sys.executable, "-m", "kasal_client.command.main"]
    pexpect.run(f"{' '.join(program)} init {tmp_path}", env=environment)
    crew, tools = tmp_path / "shop.yaml", tmp_path / "tools.py"
    crew.write_text(_CREW)
    arguments = ["dev", str(crew), "--tools", str(tools), "--tools-port", str(tools_port)]
    return pexpect.spawn(
        program[0],
        [*program[1:], *arguments, "-i", "drink=tea"],
        env=environment,
        dimensions=(30, 120),
        encoding="utf-8",
        timeout=120,
    )


def test_dev_starts_a_platform_and_runs_a_crew_with_ones_own_tools_on_each_save(
    tmp_path: Path,
) -> None:
    port, tools_port = free_port(), free_port()
    crew, tools = tmp_path / "shop.yaml", tmp_path / "tools.py"
    terminal = dev(tmp_path, port, tools_port)
    terminal.expect("Starting the platform")
    terminal.expect("From tools__price_of: 0.21")
    terminal.expect("Waiting for")

    crew.write_text(_CREW.replace("goal:", "gaol:"))
    terminal.expect(r"shop.yaml:6: agents.0.gaol")
    terminal.expect("Waiting for")

    crew.write_text(_CREW.replace("Tell prices", "Tell all prices"))
    tools.write_text(tools.read_text().replace("0.21", "0.25"))
    terminal.expect("version 2")
    terminal.expect("Waiting for")

    crew.write_text(_CREW)
    terminal.expect("From tools__price_of: 0.25")
    terminal.expect("Waiting for")
    terminal.sendintr()
    terminal.expect("Ended")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert not is_open(port)
    assert not is_open(tools_port)
