"""Files through the whole system: streamed up and down in bounded memory, given to a job, written by one."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytestmark = [
    pytest.mark.alike_in_every_form,
    pytest.mark.asyncio(loop_scope="session"),
]

_PART = b"0123456789abcdef" * 4_096
_PARTS = 400
"""26 MB: many times what any of the buffers on the way may hold."""


async def _many_parts() -> AsyncIterator[bytes]:
    for _ in range(_PARTS):
        yield _PART


async def test_a_large_file_goes_up_and_comes_down_as_it_was(user: Any) -> None:
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
