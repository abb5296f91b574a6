"""The documents that describe the API, read when first asked for and then served from memory."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

import orjson

from gateway.domain.routing import public_path

_FOLDER = files("gateway") / "documents"
_METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it is served: its headers, its body, its ETag."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: bytes


class Documents:
    """The committed OpenAPI document, its rendering and the Postman collection, by path."""

    def find(self, path: str) -> Document | None:
        """Return the document at `path`."""
        match path:
            case "/openapi.json":
                return self._openapi
            case "/docs":
                return self._page
            case "/postman/kasal-api-v1.json":
                return self._postman
        return None

    def methods(self, path: str) -> list[str]:
        """Return the methods that the OpenAPI document knows for a clean `path`."""
        inner = public_path(path) or path
        found = [
            m for pattern, methods in self._methods if pattern.fullmatch(inner) for m in methods
        ]
        listed = dict.fromkeys(found)
        if "GET" in listed:
            listed["HEAD"] = None
        return sorted(listed)

    @cached_property
    def _openapi(self) -> Document:
        return _document(_read("openapi.json"), b"application/json")

    @cached_property
    def _page(self) -> Document:
        page = _read("docs.html")
        return _document(page, b"text/html; charset=utf-8", _page_policy(page))

    @cached_property
    def _postman(self) -> Document:
        return _document(_read("postman.json"), b"application/json")

    @cached_property
    def _methods(self) -> Sequence[tuple[re.Pattern[str], Sequence[str]]]:
        return [
            (_pattern(path), [method.upper() for method in _METHODS if method in described])
            for path, described in orjson.loads(_read("openapi.json"))["paths"].items()
        ]


def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


def _pattern(path: str) -> re.Pattern[str]:
    inner = path.removeprefix("/api/v1")
    return re.compile(re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(inner)))


def _document(body: bytes, kind: bytes, policy: tuple[tuple[bytes, bytes], ...] = ()) -> Document:
    etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:20].encode()
    headers = (
        (b"content-type", kind),
        (b"etag", etag),
        (b"cache-control", b"public, max-age=60"),
        (b"x-content-type-options", b"nosniff"),
        *policy,
    )
    return Document(headers, body, etag)


def _page_policy(page: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return headers that let the page run its own script and style and call this origin alone."""
    script = _only(rb"<script>(.*?)</script>", page)
    style = _only(rb"<style>(.*?)</style>", page)
    policy = (
        b"default-src 'none'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        b"form-action 'none'; img-src data:; script-src '%s'; style-src '%s'" % (script, style)
    )
    return (
        (b"content-security-policy", policy),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
    )


def _only(pattern: bytes, page: bytes) -> bytes:
    (found,) = re.findall(pattern, page, re.DOTALL)
    return b"sha256-" + base64.b64encode(hashlib.sha256(found).digest())
