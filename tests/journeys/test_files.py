"""Files through the whole system: streamed up and down in bounded memory, given to a job, written by one."""

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from journeys.platforms import Platform

pytestmark = [
    pytest.mark.alike_in_every_form,
    pytest.mark.asyncio(loop_scope="session"),
]

_PART = b"0123456789abcdef" * 4_096
_PARTS = 1_600
"""105 MB: many times what any of the buffers on the way may hold."""
_GROWTH_MB = 32
"""What a platform may take beside what it had, for as long as such a file goes through it."""


async def _many_parts() -> AsyncIterator[bytes]:
    for _ in range(_PARTS):
        yield _PART


def _status_mb(process: asyncio.subprocess.Process, field: str) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1_024


@contextlib.contextmanager
def _in_little_memory(process: asyncio.subprocess.Process | None) -> Iterator[None]:
    """Check, where Linux tells it, that the process never grows much during the block."""
    if process is None or sys.platform != "linux":
        yield
        return
    before = _status_mb(process, "VmRSS")
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # what it had at most so far
    yield
    assert _status_mb(process, "VmHWM") - before < _GROWTH_MB


async def test_a_large_file_goes_up_and_comes_down_as_it_was(user: Any, platform: Platform) -> None:
    with _in_little_memory(platform.process):
        await _up_and_down(user)


async def _up_and_down(user: Any) -> None:
    wanted = hashlib.sha256(_PART * _PARTS).hexdigest()
    file = await user.upload("large.bin", _many_parts())
    assert (file["size"], file["sha256"]) == (len(_PART) * _PARTS, wanted)
    path = f"{user.base}/files/{file['file_id']}/content"
    digest = hashlib.sha256()
    async with user.http.get(path, headers=user.headers) as answer:
        assert answer.headers["ETag"] == f'"{wanted}"'
        async for part in answer.content.iter_any():
            digest.update(part)
    assert digest.hexdigest() == wanted
    asked = {**user.headers, "Range": f"bytes={len(_PART) - 3}-{len(_PART) + 2}"}
    async with user.http.get(path, headers=asked) as answer:
        assert (answer.status, await answer.read()) == (206, b"def012")
    async with user.http.head(path, headers=user.headers) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(file["size"]))
    await user.call("DELETE", f"/files/{file['file_id']}", expect=204)
    await user.call("GET", f"/files/{file['file_id']}", expect=404)


async def test_a_job_reads_what_it_is_given_and_its_artifact_is_given_to_another(user: Any) -> None:
    file = await user.upload("sales.csv", b"city,shops\nLeeds,12\n")
    crew_id = await user.crew(
        "Read {report} and write a summary to summary.md", tools=["file_writer"]
    )
    told = await user.call(
        "POST",
        "/executions",
        {"crew_id": crew_id, "inputs": {"report": {"file": "file_none"}}},
        expect=400,
    )
    assert told["error"]["details"]["field"] == "inputs.report.file"
    job_id = await user.start(crew_id, report={"file": file["file_id"]})
    events = await user.watch(job_id)
    results = [event for event in events if event["type"] == "tool_result"]
    assert any("Leeds,12" in event["result"] for event in results)
    (artifact,) = [one for event in results for one in event.get("artifacts", ())]
    job = await user.call("GET", f"/executions/{job_id}", expect=200)
    assert job["artifacts"] == [artifact]
    listed = await user.call("GET", f"/executions/{job_id}/artifacts", expect=200)
    assert [one["file_id"] for one in listed["artifacts"]] == [artifact["file_id"]]
    second = await user.start(crew_id, report={"file": artifact["file_id"]})
    again = [e for e in await user.watch(second) if e["type"] == "tool_result"]
    assert any("Written by the offline model" in event["result"] for event in again)


async def test_a_fork_has_what_its_copied_history_made(user: Any) -> None:
    writing = 'Write call:file_writer:{"name": "tea.md", "content": "Tea sells"}'
    crew_id = await user.crew(
        writing, "Then {order}", model="gpt-4", tools=["file_writer", "file_reader"]
    )
    job = await user.finished(await user.start(crew_id, order="rest"))
    (made,) = job["artifacts"]
    await user.upload("tea.md", b"of somebody else, and newer")
    read = {
        "from_task": job["tasks"][1]["task_id"],
        "inputs": {"order": 'call:file_reader:{"path": "tea.md"}'},
    }
    fork = await user.call("POST", f"/executions/{job['job_id']}/fork", read, expect=202)
    path = f"/executions/{fork['job_id']}"
    events = await user.watch(fork["job_id"])
    assert [e["result"] for e in events if e["type"] == "tool_result"][-1] == "Tea sells"
    listed = await user.call("GET", f"{path}/artifacts", expect=200)
    assert ([one["file_id"] for one in listed["artifacts"]], listed["total"]) == (
        [made["file_id"]],
        1,
    )
    content = f"{user.base}{path}/artifacts/{made['file_id']}/content"
    async with user.http.get(content, headers=user.headers) as answer:
        assert (answer.status, await answer.read()) == (200, b"Tea sells")
    await user.call("DELETE", f"/files/{made['file_id']}", expect=204)
    listed = await user.call("GET", f"{path}/artifacts", expect=200)
    assert (listed["artifacts"], listed["total"]) == ([], 0)
    async with user.http.get(content, headers=user.headers) as answer:
        assert answer.status == 404
