"""Files go up and come down in pieces, through both surfaces.

Covers: kasal_client.aio.files, kasal_client.uploads
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from client_testkit.cutting import CuttingProxy

from kasal_client import Agent, Crew, NotFoundError, Task

CONTENT = bytes(range(256)) * 8_000
"""Two megabytes."""


async def test_a_file_goes_up_and_comes_down(client: Any, tmp_path: Path):
    path = tmp_path / "täglich.bin"
    path.write_bytes(CONTENT)
    kept = await client.files.upload(path)
    assert (kept.name, kept.size) == ("täglich.bin", len(CONTENT))
    assert kept.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (await client.files.get(kept.file_id)).sha256 == kept.sha256

    folder = tmp_path / "down"
    folder.mkdir()
    assert await client.files.download(kept.file_id, folder) == len(CONTENT)
    assert [one.name for one in folder.iterdir()] == ["täglich.bin"]
    assert (folder / "täglich.bin").read_bytes() == CONTENT
    target = io.BytesIO()
    await client.files.download(kept.file_id, target)
    assert target.getvalue() == CONTENT
    assert await client.files.read(kept.file_id, start=250, end=260) == CONTENT[250:260]
    assert await client.files.read(kept.file_id, start=len(CONTENT) - 3) == CONTENT[-3:]
    assert kept.file_id in [one.file_id async for one in client.files.list(kind="upload")]

    await client.files.delete(kept.file_id)
    with pytest.raises(NotFoundError):
        await client.files.download(kept.file_id, folder / "gone")
    assert len(list(folder.iterdir())) == 1


async def test_a_download_goes_on_where_it_was_cut(shaky: Any, proxy: CuttingProxy):
    kept = await shaky.files.upload(io.BytesIO(CONTENT), name="long.bin")
    proxy.limit = 900_000
    proxy.cut()
    before = proxy.connections

    assert await shaky.files.read(kept.file_id) == CONTENT

    assert proxy.connections - before >= 3


async def test_a_run_reads_a_file_and_makes_one(client: Any):
    kept = await client.files.upload(b"city,shops\nLeeds,12\n", name="sales.csv")
    crew = await client.crews.apply(
        Crew(
            name="Reporter",
            agents=[Agent(role="Analyst", goal="Report", model="offline", tools=["file_writer"])],
            tasks=[Task(description="Read {report} and write a summary to summary.md")],
        )
    )
    run = await crew.start({"report": kept})
    await run.result(timeout=60)
    artifacts = await run.artifacts().to_list()
    assert [one.name for one in artifacts] == ["summary.md"]
    assert await client.files.read(artifacts[0].file_id)
