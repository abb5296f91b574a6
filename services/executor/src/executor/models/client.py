"""The HTTP client behind the providers' libraries: what a provider answers is bounded here.

Their libraries read an answer whole, whatever its size, and parse it on the event loop.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

from executor.models.completions import Mended, mended, refusal, revealed

LARGEST = 2 * 1024 * 1024
"""Bytes of one answer."""
_LARGEST_STREAM = 32 * LARGEST
_LARGEST_ERROR = 64 * 1024
_AT_ONCE = 32 * 1024
"""What is larger is mended on a thread."""
_CONNECTIONS = httpx2.Limits(max_connections=1_000, max_keepalive_connections=100)
_LONGEST = 4.0
"""Times the timeout that an answer may take in all, however slowly it drips."""


class BoundedClient(httpx2.AsyncClient):
    """Reads answers up to `LARGEST` bytes; a longer one becomes a 413 that says so.

    `mends` has answers of OpenAI's chat protocol mended. `timeout` is seconds between two bytes.
    """

    def __init__(self, timeout: float, *, mends: bool = False) -> None:
        super().__init__(
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0)),
            limits=_CONNECTIONS,
            follow_redirects=True,
            headers={"Accept-Encoding": "identity"},
        )
        self._mends = mends
        self._longest = _LONGEST * timeout

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        """Send `request` and return its answer, read but for a `stream`; see `AsyncClient.send`."""
        answer = await super().send(request, stream=True, **options)
        if stream and answer.status_code < 400:
            if isinstance(answer.stream, httpx2.AsyncByteStream):
                answer.stream = _BoundedStream(answer.stream)
            return answer
        try:
            async with asyncio.timeout(self._longest):
                body = await _read(answer)
        except TimeoutError:
            raise httpx2.ReadTimeout("The answer does not end.", request=request) from None
        finally:
            await answer.aclose()
        if body is None:
            return _made(answer, Mended(413, _too_large(), json=True))
        if answer.status_code != 200:
            return _made(answer, Mended(answer.status_code, body))
        if not self._mends:
            return _made(answer, revealed(body))
        if len(body) > _AT_ONCE:
            return _made(answer, await asyncio.to_thread(mended, body))
        return _made(answer, mended(body))


class _BoundedStream(httpx2.AsyncByteStream):
    """The bytes of a stream up to `_LARGEST_STREAM`: each word of a reply is an event of its own."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream
        self._read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._read += len(chunk)
            if self._read > _LARGEST_STREAM:
                raise httpx2.ReadError("The answer does not end.")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _read(answer: httpx2.Response) -> bytes | None:
    """Return an answer's body, of a refusal its beginning, or None for one that is too large."""
    refused = answer.status_code >= 400
    most = _LARGEST_ERROR if refused else LARGEST
    unpacked = _unpacker(answer.headers.get("content-encoding", ""))
    body = bytearray()
    async for chunk in answer.aiter_raw(64 * 1024):
        body += unpacked(chunk, most + 1 - len(body))
        if len(body) > most:
            return bytes(body[:most]) if refused else None
    return bytes(body)


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes]:
    """Return what unpacks the next bytes to at most so many: no small answer may become a large one."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return lambda chunk, most: chunk[:most]
    if name not in {"gzip", "deflate", "x-gzip"}:
        raise httpx2.DecodingError(
            f"It answers in the encoding {name[:20]}, which was not asked for."
        )
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def unpacked(chunk: bytes, most: int) -> bytes:
        try:
            return unpacker.decompress(chunk, most)
        except zlib.error as fault:
            raise httpx2.DecodingError(str(fault)) from fault

    return unpacked


def _made(answer: httpx2.Response, as_it_should_be: Mended) -> httpx2.Response:
    left_out = {b"content-encoding", b"content-length", b"transfer-encoding"}
    # As bytes: a header may hold any, and as texts not all of them can be sent on.
    headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in left_out]
    return httpx2.Response(
        as_it_should_be.status,
        headers=headers,
        content=as_it_should_be.body,
        request=answer.request,
        history=answer.history,
    )


def _too_large() -> bytes:
    return refusal(f"Its answer has more than {LARGEST // 1024 // 1024} MB.")
