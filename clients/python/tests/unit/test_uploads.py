"""What is uploaded.

Covers: kasal_client.uploads
"""

import io
import os
from pathlib import Path

import httpx2
import pytest

from kasal_client import ApiError, Kasal, UsageError
from kasal_client.uploads import upload_of


def test_a_path_has_its_name_its_type_and_its_size(tmp_path: Path):
    path = tmp_path / "täglich.csv"
    path.write_bytes(b"a,b\n")
    upload = upload_of(path, None, None)
    assert upload.headers == {
        "Content-Type": "text/csv",
        "Content-Disposition": "attachment; filename*=UTF-8''t%C3%A4glich.csv",
        "Content-Length": "4",
    }
    assert upload.can_repeat


def test_bytes_need_a_name():
    with pytest.raises(UsageError, match="name="):
        upload_of(b"abc", None, None)
    assert upload_of(b"abc", "notes/a.bin", None).name == "notes/a.bin"


def test_an_open_file_is_sent_from_where_it_is():
    file = io.BytesIO(b"header;rest")
    file.read(7)
    upload = upload_of(file, "rest.txt", "text/plain")
    assert upload.headers["Content-Length"] == "4"
    assert [upload.open().read() for _ in range(2)] == [b"rest", b"rest"]
    assert not file.closed


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_what_can_be_read_once_is_sent_once():
    sent = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.read())
        raise httpx2.ReadError("broken")

    with (
        Kasal("http://there", "key", transport=httpx2.MockTransport(answer)) as kasal,
        pytest.raises(Exception, match="broken"),
    ):
        kasal.files.upload(Pipe(b"once"), name="pipe.txt")
    assert sent == [b"once"]


@pytest.mark.parametrize("status", [401, 429])
def test_what_is_spent_is_not_sent_again_without_its_content(status: int):
    sent = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/login") or request.url.path.endswith("/refresh"):
            return httpx2.Response(200, json={"access_token": "t", "refresh_token": "r"})
        sent.append(request.read())
        return httpx2.Response(status if len(sent) == 1 else 201, json={"file_id": "file_1"})

    transport = httpx2.MockTransport(answer)
    with (
        Kasal("http://there", email="a@b.c", password="p", transport=transport) as kasal,
        pytest.raises(ApiError),
    ):
        kasal.files.upload(Pipe(b"once"), name="pipe.txt")
    assert sent == [b"once"]


def test_a_path_that_leads_to_a_pipe_has_no_size_and_is_read_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    upload = upload_of(tmp_path / "pipe", None, None)
    assert "Content-Length" not in upload.headers
    assert not upload.can_repeat
