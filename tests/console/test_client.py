"""The TypeScript client on Node, against the platform: what its README shows, and a job watched from its middle."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from console.looking import ROOT
from journeys.platforms import Platform
from journeys.users import User

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]

_CLIENT = ROOT / "clients" / "typescript"
_TYPESCRIPT = ROOT / "console" / "node_modules" / "typescript-7" / "bin" / "tsc"
_PATIENCE = 60.0

_MIDDLE = """
import { Kasal, isEnd } from "@kasal/client";

const kasal = new Kasal({ baseUrl: process.env.KASAL_URL, token: () => process.env.KASAL_API_KEY });
const { executions } = await kasal.get("/executions", { query: { page_size: 1 } });
const job = executions[0].job_id;
const all = [];
for await (const event of kasal.watch(job)) all.push(event);
const rest = [];
for await (const event of kasal.watch(job, { afterSeq: 3, deltas: true })) rest.push(event);
const none = [];
for await (const event of kasal.watch(job, { afterSeq: all.length })) none.push(event);
const ends = all.filter(isEnd).length;
const seqs = (events) => events.map(({ seq }) => seq).filter(Boolean);
console.log(JSON.stringify({ all: seqs(all), rest: seqs(rest), none: none.length, ends }));
"""


async def _run_node(*arguments: str, **env: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *("sh", "tools/console.sh", "node", *arguments),
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
    assert process.returncode == 0, said.decode()
    return said.decode()


async def _install(folder: Path) -> None:
    """Build the package as it would be published, and put it where Node looks for it."""
    package = folder / "node_modules" / "@kasal" / "client"
    package.mkdir(parents=True)
    shutil.copy(_CLIENT / "package.json", package)
    build = _CLIENT / "tsconfig.build.json"
    await _run_node(str(_TYPESCRIPT), "-p", str(build), "--outDir", str(package / "dist"))


async def test_the_example_of_the_readme_runs_on_node(
    built: None, platform: Platform, user: User, tmp_path: Path
) -> None:
    await _install(tmp_path)
    found = re.search(r"```js\n(.*?)```", (_CLIENT / "README.md").read_text(), re.DOTALL)
    assert found
    named = {"name": "node", "role": "editor"}
    key = await user.call("POST", "/auth/api-keys", named, expect=201)
    example, middle = tmp_path / "example.mjs", tmp_path / "middle.mjs"
    example.write_text(found[1])
    middle.write_text(_MIDDLE)
    env = {"KASAL_URL": platform.root, "KASAL_API_KEY": key["key"]}

    said = await _run_node(str(example), **env)

    lines = said.splitlines()
    assert lines[0] == "1 execution_start"
    assert any(line.endswith(" execution_complete") for line in lines)
    assert any(line.startswith("completed ") for line in lines)
    assert re.fullmatch(r"404 NOT_FOUND req_\w+", lines[-1])

    told = json.loads(await _run_node(str(middle), **env))
    assert told["all"] == list(range(1, len(told["all"]) + 1))
    assert told["rest"] == told["all"][3:]
    assert (told["none"], told["ends"]) == (0, 1)
