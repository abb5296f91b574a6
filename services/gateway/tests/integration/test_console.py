"""The console's files at the door.

Covers: gateway.routes.console, gateway.routes.console_files
"""

import gzip
from pathlib import Path

import pytest

from common.process.starting import CannotStart
from gateway.routes import console_files
from gateway.routes.console_files import read_console

PAGE = b"<!doctype html><title>Kasal</title>"
SCRIPT = b"export const answer = 42;\n" * 100
HASHED = "/console/assets/main-B6yX.js"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A console as a build leaves it: one script with its compressed siblings, a picture, a page."""
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_bytes(PAGE)
    (built / "icon.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    script = built / "assets" / "main-B6yX.js"
    script.write_bytes(SCRIPT)
    script.with_name(script.name + ".gz").write_bytes(gzip.compress(SCRIPT))
    script.with_name(script.name + ".br").write_bytes(b"as brotli would have it")
    return built


async def test_the_root_leads_to_the_console_with_its_query(gateway, folder):
    async with gateway(console_dir=folder) as door:
        for path in ("/", "/console"):
            async with door.http.get(f"{path}?next=/runs", allow_redirects=False) as answer:
                assert answer.status == 307
                assert answer.headers["Location"] == "/console/?next=/runs"


async def test_without_a_console_nothing_is_different(gateway):
    async with gateway() as door:
        for path in ("/", "/console", "/console/", "/console/runs"):
            async with door.http.get(path, allow_redirects=False) as answer:
                assert answer.status == 404
                assert (await answer.json())["error"]["message"] == "There is no such route."


async def test_every_path_leads_into_the_console(gateway, folder):
    within = ("", "index.html", "runs/job_1", "crews/", "a.b")
    async with gateway(console_dir=folder) as door:
        for path in within:
            async with door.http.get(f"/console/{path}") as answer:
                assert (answer.status, await answer.read()) == (200, PAGE)
                assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
                assert answer.headers["Cache-Control"] == "no-cache"


_NOT_THERE = (
    "/console/assets/main-gone.js",
    "/console/assets/",
    "/console/assets",
    "/console/../secret",
    "/console/%2e%2e/secret",
    "/console/%2E%2E%2Fsecret",
    "/console/assets/..%2f..%2fsecret",
    "/console/assets/../../secret",
    "/console//index.html",
    "/console/\\..\\secret",
    "/consolex",
    "/console/%00",
)


async def test_what_is_missing_or_outside_is_not_found(gateway, folder):
    (folder.parent / "secret").write_text("kept")
    async with gateway(console_dir=folder) as door:
        for path in _NOT_THERE:
            raw = await door.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert raw.startswith(b"HTTP/1.1 404 "), (path, raw[:200])
            assert b'"code":"NOT_FOUND"' in raw


async def test_hashed_files_are_kept_for_good_and_others_asked_for_again(gateway, folder):
    async with gateway(console_dir=folder) as door:
        async with door.http.get(HASHED, headers={"Accept-Encoding": ""}) as answer:
            assert await answer.read() == SCRIPT
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert "Content-Encoding" not in answer.headers
        async with door.http.get("/console/icon.svg") as answer:
            assert answer.headers["Cache-Control"] == "no-cache"
            assert answer.headers["Content-Type"] == "image/svg+xml"


_ACCEPTED = (
    ("gzip, deflate, br, zstd", "br"),
    ("gzip", "gzip"),
    ("br;q=0, gzip;q=0.5", "gzip"),
    ("br;q=0.0, *", "gzip"),
    ("*", "br"),
    ("*;q=0", None),
    ("identity", None),
    ("", None),
)


async def test_a_compressed_sibling_is_chosen_by_what_the_client_accepts(gateway, folder):
    async with gateway(console_dir=folder) as door:
        for accepted, coding in _ACCEPTED:
            told = {"Accept-Encoding": accepted}
            async with door.http.head(HASHED, headers=told, auto_decompress=False) as answer:
                assert answer.status == 200
                assert answer.headers.get("Content-Encoding") == coding, accepted
                assert answer.headers["Vary"] == "Accept-Encoding"
                sibling = {"br": ".br", "gzip": ".gz", None: ""}[coding]
                stored = folder / "assets" / ("main-B6yX.js" + sibling)
                assert int(answer.headers["Content-Length"]) == stored.stat().st_size


async def test_what_the_client_has_is_not_sent_again(gateway, folder):
    async with gateway(console_dir=folder) as door:
        async with door.http.get("/console/") as answer:
            etag = answer.headers["ETag"]
        for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            told = {"If-None-Match": known}
            async with door.http.get("/console/runs", headers=told) as answer:
                assert (answer.status, await answer.read()) == (304, b"")
                assert answer.headers["ETag"] == etag
        async with door.http.get("/console/", headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200


async def test_codings_of_one_file_have_etags_of_their_own(gateway, folder):
    async with gateway(console_dir=folder) as door:
        tags = set()
        for accepted in ("br", "gzip", ""):
            told = {"Accept-Encoding": accepted}
            async with door.http.head(HASHED, headers=told, auto_decompress=False) as answer:
                tags.add(answer.headers["ETag"])
    assert len(tags) == 3


async def test_pages_may_run_only_what_comes_from_here(gateway, folder):
    async with gateway(console_dir=folder) as door:
        for path in ("/console/", HASHED):
            async with door.http.get(path) as answer:
                policy = answer.headers["Content-Security-Policy"].split("; ")
                assert {"default-src 'self'", "script-src 'self'", "style-src 'self'"} <= set(
                    policy
                )
                assert {"object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(
                    policy
                )
                assert "unsafe" not in str(policy)
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "same-origin"
                assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_the_console_is_read_only_and_asks_for_no_token(gateway, folder, behind):
    async with gateway(console_dir=folder) as door:
        async with door.http.post("/console/", json={}) as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == "GET, HEAD"
        told = {"Authorization": "Bearer nonsense"}
        async with door.http.get("/console/", headers=told) as answer:
            assert answer.status == 200
    assert [service.requests for service in behind] == [[], [], [], []]


async def test_maintenance_and_foreign_hosts_concern_the_console_too(gateway, folder):
    for given, status in (({"maintenance": True}, 503), ({"allowed_hosts": "kasal.example"}, 400)):
        async with (
            gateway(console_dir=folder, **given) as door,
            door.http.get("/console/") as answer,
        ):
            assert answer.status == status


def test_links_out_of_the_folder_are_not_followed(folder):
    (folder.parent / "secret.txt").write_text("kept")
    (folder / "out.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "in.svg").symlink_to(folder / "icon.svg")
    (folder / "away").symlink_to(folder.parent)
    assert set(read_console(folder)) == {"index.html", "icon.svg", "in.svg", "assets/main-B6yX.js"}


def test_a_folder_that_is_itself_a_link_is_read(folder):
    link = folder.parent / "current"
    link.symlink_to(folder)
    assert "index.html" in read_console(link)


def test_what_is_no_console_is_refused_in_one_line(folder, monkeypatch):
    with pytest.raises(CannotStart, match=r"index\.html is missing"):
        read_console(folder / "assets")
    with pytest.raises(CannotStart, match=r"index\.html is missing"):
        read_console(folder / "nothing")
    monkeypatch.setattr(console_files, "_MOST_BYTES", 1_000)
    with pytest.raises(CannotStart, match="does not look like a build"):
        read_console(folder)


async def test_a_gateway_with_a_wrong_folder_does_not_start(gateway, tmp_path):
    with pytest.raises(SystemExit, match="KASAL_CONSOLE_DIR"):
        async with gateway(console_dir=tmp_path):
            pass
