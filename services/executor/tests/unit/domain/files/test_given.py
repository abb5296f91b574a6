"""Files as inputs: checked with their paths, and known by their names."""

import pytest
from executor_testkit.files import kept

from common.errors import InvalidRequest
from devkit.stores.files import memory_files
from executor.domain.files.given import GivenFiles, given_files
from executor.domain.inputs.placeholders import fill_placeholders


@pytest.fixture
def files():
    return memory_files()


async def test_a_file_is_told_of_where_it_is_an_input(files):
    file = await kept(files, "a.csv", b"a,b")
    asked = {"one": {"file": file.file_id}, "many": [{"file": file.file_id}, 7], "text": "x"}
    told = await GivenFiles(files).resolve("ws_1", asked)
    known = {"file": file.file_id, "name": "a.csv", "media_type": "text/csv", "size": 3}
    assert told == {"one": known, "many": [known, 7], "text": "x"}
    assert await GivenFiles(files).resolve("ws_1", told) == told, "what was told is accepted again"
    assert given_files(told) == {file.file_id: file.file_id, "a.csv": file.file_id}
    assert (
        fill_placeholders("Read {one}", told)
        == f"Read a.csv (the file {file.file_id}, text/csv, 3 bytes)"
    )


async def test_every_file_that_is_not_there_is_named(files):
    theirs = await kept(files, "a.csv", b"a,b", "ws_2")
    asked = {"one": {"file": theirs.file_id}, "many": [1, {"file": "sales.csv"}]}
    with pytest.raises(InvalidRequest) as fault:
        await GivenFiles(files).resolve("ws_1", asked)
    paths = [one["field"] for one in fault.value.details["errors"]]
    assert paths == ["inputs.one.file", "inputs.many.1.file"]
    with pytest.raises(InvalidRequest, match="at most 100"):
        await GivenFiles(files).resolve("ws_1", {"many": [{"file": "x"}] * 101})


async def test_other_values_stay_as_they_are(files):
    asked = {"a": {"file": 7}, "b": {"file": "x", "other": 1}, "c": [[{"file": "x"}]], "d": None}
    assert await GivenFiles(files).resolve("ws_1", asked) is asked
    assert given_files(asked) == {}


def test_a_file_of_a_job_from_the_bus_is_known_by_its_id():
    assert given_files({"a": {"file": "file_1"}}) == {"file_1": "file_1"}
