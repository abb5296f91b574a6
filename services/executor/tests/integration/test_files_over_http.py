"""Files over HTTP: uploads of every form, downloads of any part, and what is refused.

Covers: executor.routes.file_bodies, executor.routes.files, executor.routes.uploads,
common.contracts.uploads
"""

import asyncio
import hashlib
import io
from types import SimpleNamespace

import pytest

from executor.wiring import build_app

pytestmark = pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)

MB = 1_000_000
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n'
    b"Content-Type: text/csv\r\n\r\n%s\r\n--b--\r\n"
)


@pytest.fixture
def limits():
    return {"max_file_mb": 2, "workspace_files_mb": 3, "workspace_files": 20}


@pytest.fixture
async def api(settings, limits, backends, verifier, served, make_token):
    app = build_app(settings.model_copy(update=limits), backends)
    app.state.verifier = verifier
    async with served(app) as running:

        async def ask(method, path, *, data=None, headers=None, **token):
            given = {"Authorization": f"Bearer {make_token(**token)}", **(headers or {})}
            if isinstance(data, bytes):
                data = io.BytesIO(data)
            async with running.http.request(method, path, data=data, headers=given) as answer:
                body = await answer.read()
                known = await answer.json() if answer.content_type == "application/json" else None
                return SimpleNamespace(
                    status=answer.status, headers=answer.headers, body=body, json=known
                )

        async def upload(content=b"name,n\ntea,1\n", name="sales.csv", kind="text/csv", **given):
            headers = {
                "Content-Type": kind,
                "Content-Disposition": f'attachment; filename="{name}"',
                **given.pop("headers", {}),
            }
            return await ask("POST", "/files", data=content, headers=headers, **given)

        yield SimpleNamespace(ask=ask, upload=upload)


async def test_a_file_goes_up_is_seen_comes_down_and_goes(api):
    made = await api.upload()
    assert made.status == 201
    file_id = made.json["file_id"]
    assert made.json == {
        "file_id": file_id,
        "name": "sales.csv",
        "size": 13,
        "media_type": "text/csv",
        "sha256": hashlib.sha256(b"name,n\ntea,1\n").hexdigest(),
        "kind": "upload",
        "created_at": made.json["created_at"],
        "created_by": "usr_test",
        "job_id": None,
        "task_id": None,
    }
    assert (await api.ask("GET", f"/files/{file_id}")).json == made.json
    listed = (await api.ask("GET", "/files")).json
    assert (listed["files"], listed["total"]) == ([made.json], 1)
    assert (await api.ask("GET", "/files?kind=artifact")).json["files"] == []
    found = await api.ask("GET", f"/files/{file_id}/content")
    assert (found.status, found.body) == (200, b"name,n\ntea,1\n")
    assert found.headers["Content-Type"] == "text/csv"
    assert found.headers["Content-Disposition"] == 'attachment; filename="sales.csv"'
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert found.headers["ETag"] == f'"{made.json["sha256"]}"'
    for path in ("", "/content"):
        assert (await api.ask("GET", f"/files/{file_id}{path}", workspace_id="ws_2")).status == 404
    assert (await api.ask("DELETE", f"/files/{file_id}", workspace_id="ws_2")).status == 404
    assert (await api.ask("DELETE", f"/files/{file_id}", role="viewer")).status == 403
    assert (await api.ask("DELETE", f"/files/{file_id}")).status == 204
    assert (await api.ask("GET", f"/files/{file_id}/content")).status == 404


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ({"Range": "bytes=2-4"}, 206, b"me,", "bytes 2-4/13"),
        ({"Range": "bytes=10-"}, 206, b",1\n", "bytes 10-12/13"),
        ({"Range": "bytes=-2"}, 206, b"1\n", "bytes 11-12/13"),
        ({"Range": "bytes=5-900"}, 206, b"n\ntea,1\n", "bytes 5-12/13"),
        ({"Range": "bytes=13-"}, 416, None, "bytes */13"),
        ({"Range": "bytes=-0"}, 416, None, "bytes */13"),
        ({"Range": "bytes=0-1,4-5"}, 200, b"name,n\ntea,1\n", None),
        ({"Range": "bytes=4-2"}, 200, b"name,n\ntea,1\n", None),
        ({"Range": "lines=1-2"}, 200, b"name,n\ntea,1\n", None),
        ({"Range": "bytes=0-1", "If-Range": '"other"'}, 200, b"name,n\ntea,1\n", None),
        ({"If-None-Match": "*"}, 304, b"", None),
        ({"If-None-Match": '"other"'}, 200, b"name,n\ntea,1\n", None),
    ],
)
async def test_the_part_that_is_asked_for_comes(api, asked, status, body, told):
    file_id = (await api.upload()).json["file_id"]
    found = await api.ask("GET", f"/files/{file_id}/content", headers=asked)
    assert (found.status, found.headers.get("Content-Range")) == (status, told)
    if body is None:
        assert found.json["error"]["code"] == "RANGE_NOT_SATISFIABLE"
    else:
        assert found.body == body


async def test_a_form_has_one_file_in_pieces_of_any_size(api):
    body = FORM % ("Übersicht Q3.csv".encode(), b"a\r\n--b\r\nx--" * 3)

    async def slowly():
        for byte in body:
            yield bytes([byte])

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    made = await api.ask("POST", "/files", data=slowly(), headers=kind)
    assert made.status == 400, "a boundary in the middle begins another part"
    body = FORM % ("Übersicht Q3.csv".encode(), b"a\r\n--c\r\nx--" * 3)
    made = await api.ask("POST", "/files", data=slowly(), headers=kind)
    assert (made.status, made.json["name"], made.json["size"]) == (201, "Übersicht Q3.csv", 33)
    found = await api.ask("GET", f"/files/{made.json['file_id']}/content")
    assert found.body == b"a\r\n--c\r\nx--" * 3
    assert found.headers["Content-Disposition"].endswith("filename*=UTF-8''%C3%9Cbersicht%20Q3.csv")
    nameless = body.replace(b"; filename=", b"; nameless=")
    assert (await api.ask("POST", "/files", data=nameless, headers=kind)).status == 400


@pytest.mark.parametrize(
    ("headers", "body", "field"),
    [
        ({}, b"x", "Content-Disposition"),
        ({"Content-Disposition": "attachment"}, b"x", "Content-Disposition"),
        ({"Content-Disposition": 'attachment; filename="../x"'}, b"x", "filename"),
        ({"Content-Disposition": 'attachment; filename="a//b"'}, b"x", "filename"),
        ({"Content-Disposition": f'attachment; filename="{"x" * 256}"'}, b"x", "filename"),
        (
            {"Content-Disposition": "attachment; filename*=undefined''a"},
            b"x",
            "Content-Disposition",
        ),
        ({"Content-Disposition": "attachment" + ";" * 20_000}, b"x", "Content-Disposition"),
        ({"Content-Type": "multipart/form-data"}, b"x", "body"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"x", "body"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b--\r\n", "body"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, FORM[:-9] % (b"a", b"x"), "body"),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            FORM[:-4] % (b"a", b"x") + FORM[3:] % (b"b", b"y"),
            "body",
        ),
    ],
)
async def test_what_is_no_upload_is_refused_with_advice(api, headers, body, field):
    headers = {"Content-Type": "application/octet-stream", **headers}
    told = await api.ask("POST", "/files", data=body, headers=headers)
    assert (told.status, told.json["error"]["details"]["field"]) == (400, field)
    assert (await api.ask("GET", "/files")).json["total"] == 0
    assert (await api.upload(role="viewer")).status == 403


async def test_limits_hold_for_one_file_and_for_all_together(api):
    async def endless():
        while True:
            yield b"x" * 100_000

    assert (await api.upload(b"x" * (2 * MB + 100_000))).status == 413
    assert (await api.upload(endless())).status == 413
    assert (await api.upload(b"x" * (2 * MB + 1))).status == 413
    done = await asyncio.gather(*(api.upload(b"x" * 900_000) for _ in range(6)))
    assert sorted(one.status for one in done) == [201] * 3 + [409] * 3
    refused = next(one for one in done if one.status == 409)
    assert refused.json["error"]["details"]["setting"] == "KASAL_WORKSPACE_FILES_MB"
    assert (await api.ask("POST", "/executions", data=b"x" * 2 * MB)).status == 413
    assert (await api.ask("POST", "/executions", data=b"x")).status == 415


async def test_an_upload_sent_again_with_its_key_is_one_file(api):
    key = {"Idempotency-Key": '"one"'}
    first = await api.upload(headers=key)
    again = await api.upload(headers=key)
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await api.upload(b"other", headers=key)).status == 422
    assert (await api.ask("GET", "/files")).json["total"] == 1


async def test_artifacts_belong_to_their_job(api):
    started = await api.ask(
        "POST",
        "/executions",
        data=b'{"crew_id": "crew_abc123", "inputs": {"topic": "bees"}}',
        headers={"Content-Type": "application/json"},
    )
    job_id = started.json["job_id"]
    found = await api.ask("GET", f"/executions/{job_id}/artifacts")
    assert (found.status, found.json["artifacts"], found.json["total"]) == (200, [], 0)
    file_id = (await api.upload()).json["file_id"]
    path = f"/executions/{job_id}/artifacts/{file_id}/content"
    assert (await api.ask("GET", path)).status == 404, "it is none of the job's"
    assert (await api.ask("GET", "/executions/job_none/artifacts")).status == 404
    foreign = await api.ask("GET", f"/executions/{job_id}/artifacts", workspace_id="ws_2")
    assert foreign.status == 404
