"""The HTTP client behind the providers' libraries, which bounds what a provider may answer.

Those libraries read an answer whole, whatever its size, and parse it on the event loop.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx2

from executor.models.completions import MendedAnswer, error_body, mend, reveal_error
from executor.models.streams import Assembly, Lines, UnusableStream, streaming_request, writing_to

LARGEST = 2 * 1024 * 1024
"""The most bytes of one answer."""
_LARGEST_STREAM = 32 * LARGEST
_LARGEST_ERROR = 64 * 1024
_PIECE = 16 * 1024
"""Bytes of a stream that are looked at before others run."""
_AT_ONCE = 32 * 1024
"""Answers with more bytes are mended on a thread."""
CONNECTIONS = httpx2.Limits(max_connections=1_000, max_keepalive_connections=100)
_LONGEST = 4.0
"""How many times the timeout an answer may take in all, however slowly it arrives."""


_UNSUPPORTED = frozenset({400, 404, 415, 422, 501})
"""How servers refuse to stream, or the usage that is asked for with it."""


class BoundedClient(httpx2.AsyncClient):
    """Reads answers of up to `LARGEST` bytes; a longer one becomes a 413 that says so.

    With `mends`, answers in OpenAI's chat protocol are mended. `timeout` is in seconds and limits
    the wait for the next bytes. With a `transport`, which says where requests may go, nothing of this
    process gets into them: no proxy, no cookie of an earlier answer, and no redirect is followed.
    """

    def __init__(
        self,
        timeout: float,
        *,
        mends: bool = False,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0)),
            limits=CONNECTIONS,
            follow_redirects=transport is None,
            headers={"Accept-Encoding": "identity"},
            transport=transport,
            trust_env=transport is None,
        )
        if transport is not None:
            self.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._mends = mends
        self._longest = _LONGEST * timeout

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        """Send `request` and return its answer, unread only if `stream`; see `AsyncClient.send`."""
        on_text = writing_to()
        if on_text is not None and self._mends and not stream:
            answer = await self._send_streamed(request, on_text, **options)
            if answer is not None:
                return answer
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
        return await self._whole(answer, body)

    async def _send_streamed(
        self, request: httpx2.Request, on_text: Callable[[str], None], **options: Any
    ) -> httpx2.Response | None:
        """Ask for an answer in pieces and return it whole, or None if the server does not stream."""
        body = streaming_request(request.content)
        if body is None:
            return None
        headers = [one for one in request.headers.raw if one[0].lower() != b"content-length"]
        asked = httpx2.Request(
            request.method,
            request.url,
            headers=headers,
            content=body,
            extensions=dict(request.extensions),
        )
        answer = await super().send(asked, stream=True, **options)
        try:
            async with asyncio.timeout(self._longest):
                if answer.status_code in _UNSUPPORTED:
                    return None
                if "event-stream" in answer.headers.get("content-type", ""):
                    return _rebuild(answer, await _assemble(answer, on_text))
                whole = await _read(answer)
        except TimeoutError:
            raise httpx2.ReadTimeout("The answer does not end.", request=request) from None
        finally:
            await answer.aclose()
        return await self._whole(answer, whole)

    async def _whole(self, answer: httpx2.Response, body: bytes | None) -> httpx2.Response:
        """Return the answer with `body`, which is None if it is too large."""
        if body is None:
            return _rebuild(answer, MendedAnswer(413, _too_large(), json=True))
        if 300 <= answer.status_code < 400:
            told = error_body("Its address redirects to another one: set that one.")
            return _rebuild(answer, MendedAnswer(400, told, json=True))
        if answer.status_code != 200:
            return _rebuild(answer, MendedAnswer(answer.status_code, body))
        if not self._mends:
            return _rebuild(answer, reveal_error(body))
        if len(body) > _AT_ONCE:
            return _rebuild(answer, await asyncio.to_thread(mend, body))
        return _rebuild(answer, mend(body))


async def _assemble(answer: httpx2.Response, on_text: Callable[[str], None]) -> MendedAnswer:
    """Return the answer that arrives in pieces, mended as one."""
    lines, made = Lines(), Assembly(on_text)
    try:
        async for piece in _pieces(answer):
            for data in lines.feed(piece):
                made.add(data)
            if made.done:
                break
        else:
            for data in lines.rest():
                made.add(data)
    except UnusableStream as fault:
        return MendedAnswer(413, error_body(f"Its answer is too large: {fault}."), json=True)
    if not made.ended:
        raise httpx2.RemoteProtocolError("The answer breaks off.", request=answer.request)
    body = made.body()
    return await asyncio.to_thread(mend, body) if len(body) > _AT_ONCE else mend(body)


async def _pieces(answer: httpx2.Response) -> AsyncIterator[bytes]:
    """Yield a stream as it arrives, `_PIECE` bytes at a time. Raises `UnusableStream`."""
    unpack = _unpacker(answer.headers.get("content-encoding", ""))
    size = 0
    async for chunk in answer.aiter_raw():
        plain = unpack(chunk, LARGEST)
        size += len(plain)
        if size > _LARGEST_STREAM or len(plain) >= LARGEST:
            raise UnusableStream("it does not end")
        for start in range(0, len(plain), _PIECE):
            yield plain[start : start + _PIECE]
            if len(plain) > _PIECE:
                await asyncio.sleep(0)


class _BoundedStream(httpx2.AsyncByteStream):
    """A stream of up to `_LARGEST_STREAM` bytes: each word of a reply is an event of its own."""

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
    """Return an answer's body, or None if it is too large; of an error, at least its beginning."""
    refused = answer.status_code >= 400
    most = _LARGEST_ERROR if refused else LARGEST
    unpack = _unpacker(answer.headers.get("content-encoding", ""))
    body = bytearray()
    async for chunk in answer.aiter_raw(64 * 1024):
        body += unpack(chunk, most + 1 - len(body))
        if len(body) > most:
            return bytes(body[:most]) if refused else None
    return bytes(body)


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes]:
    """Return a function that unpacks a chunk to at most so many bytes: small answers must stay small."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return lambda chunk, most: chunk[:most]
    if name not in {"gzip", "deflate", "x-gzip"}:
        raise httpx2.DecodingError(
            f"It answers in the encoding {name[:20]}, which was not asked for."
        )
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def unpack(chunk: bytes, most: int) -> bytes:
        try:
            return unpacker.decompress(chunk, most)
        except zlib.error as fault:
            raise httpx2.DecodingError(str(fault)) from fault

    return unpack


def _rebuild(answer: httpx2.Response, mended: MendedAnswer) -> httpx2.Response:
    left_out = {b"content-encoding", b"content-length", b"transfer-encoding"}
    # As bytes: a header may hold any byte, and not every one survives as text.
    headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in left_out]
    if mended.json:
        headers = [one for one in headers if one[0].lower() != b"content-type"]
        headers.append((b"content-type", b"application/json"))
    return httpx2.Response(
        mended.status,
        headers=headers,
        content=mended.body,
        request=answer.request,
        history=answer.history,
    )


def _too_large() -> bytes:
    return error_body(f"Its answer has more than {LARGEST // 1024 // 1024} MB.")
