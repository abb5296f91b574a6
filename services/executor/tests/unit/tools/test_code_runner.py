"""Code that a model wrote, run by the operator's command.

Covers: executor.tools.built_in.code_runner
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from common.contracts.crew import ToolSnapshot
from executor.tools.built_in.code_runner import CodeRunner
from executor.tools.call import Call
from executor.tools.tool import ToolFault

CALL = Call("ws_1", "job_1", "task_1", 1)
PYTHON = (sys.executable, "-")


async def _run(code: str, command=PYTHON, **settings) -> str:
    return await CodeRunner(command, **settings).run({"code": code}, CALL)


async def test_it_returns_what_the_code_printed():
    assert await _run("print(6 * 7)") == "42\n"
    assert await _run("pass") == "The code printed nothing."


async def test_code_that_fails_says_how():
    with pytest.raises(ToolFault, match=r"status 1: [\s\S]*ZeroDivisionError"):
        await _run("1 / 0")


async def test_it_gets_no_variable_of_the_platform_and_a_folder_of_its_own(monkeypatch):
    monkeypatch.setenv("KASAL_SECRET_KEY", "hush")
    said = await _run("import os; print(sorted(os.environ)); print(os.getcwd())")
    assert "KASAL_SECRET_KEY" not in said
    folder = said.splitlines()[1]
    assert "kasal-code-" in folder
    assert not Path(folder).exists()


async def test_long_output_is_cut_and_read_to_its_end():
    said = await _run("print('x' * 3_000_000)")
    assert len(said) == 1_000_000


async def test_a_command_that_does_not_read_is_no_fault():
    assert await _run("#" * 100_000, command=("true",)) == "The code printed nothing."


async def test_a_command_that_is_not_there_is_named():
    with pytest.raises(ToolFault, match="/nowhere/sandbox"):
        await _run("pass", command=("/nowhere/sandbox",))


async def test_code_that_is_out_of_time_ends_with_all_that_it_started(tmp_path):
    marks = tmp_path / "marks"
    os.mkfifo(marks)
    code = f"import os, time\nos.fork()\nmark = open({str(marks)!r}, 'w')\ntime.sleep(3600)\n"
    opening = asyncio.create_task(asyncio.to_thread(marks.open, "rb"))
    running = asyncio.create_task(_run(code))
    reader = await opening
    running.cancel()
    await asyncio.wait([running])
    with reader:  # it ends when no process has the other end open any more
        assert await asyncio.to_thread(reader.read) == b""
    with pytest.raises(ToolFault, match=r"longer than 0\.2 s"):
        await _run("import time; time.sleep(3600)", patience=0.2)


async def test_the_tool_is_there_only_with_a_command(shop):
    asked = ToolSnapshot(name="code_runner")
    assert shop.toolbox().tool(asked) is None
    assert shop.toolbox(code_runner=PYTHON).tool(asked).timeout == 70
