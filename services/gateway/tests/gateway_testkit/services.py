"""The services behind the gateway, which answer with what they were asked."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any


class Service:
    """A service that answers with what it was asked, and does what a path's last part tells it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.receiving = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.go_on = asyncio.Event()
        self.answers: dict[str, Callable[[dict[str, Any]], tuple[int, Any]]] = {}
        self.sockets: list[dict[str, Any]] = []
        self.closed: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent = 0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope, receive, send) -> None:
        told = {
            "service": self.name,
            "method": scope["method"],
            "path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": {k.decode(): v.decode() for k, v in scope["headers"]},
            "body": "",
        }
        if not told["path"].startswith(("/internal", "/readyz", "/.well-known")):
            self.requests.append(told)
        last = told["path"].rpartition("/")[2]
        if last == "hangs":
            await self._hang(receive)
        elif last == "events":
            await self._stream(receive, send)
        else:
            await self._tell(told, receive, send)

    async def _tell(self, told, receive, send) -> None:
        last = told["path"].rpartition("/")[2]
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cancelled.set()
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
            self.receiving.set()
        told["body"] = body[:2000].decode()
        told["length"] = len(body)
        status, answer = self.answers.get(told["path"], lambda _: (200, told))(told)
        if last == "large":
            answer = "x" * 300_000
        headers = [
            (b"content-type", b"application/json"),
            (b"etag", b'"1"'),
            (b"connection", b"x-private"),
            (b"x-private", b"not for the client"),
            (b"x-request-id", b"one of the service's own"),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            *([(b"allow", b"GET")] if status == 405 else []),
        ]
        text = json.dumps(answer).encode() if status != 204 else b""
        if last != "large" and status != 204:
            headers.append((b"content-length", b"%d" % len(text)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _hang(self, receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.cancelled.set()

    async def _stream(self, receive, send) -> None:
        kind = (b"content-type", b"text/event-stream")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        await send({"type": "http.response.body", "body": b"id: 1\n\n", "more_body": True})
        gone = asyncio.create_task(self._hang(receive))
        waiting = asyncio.create_task(self.go_on.wait())
        await asyncio.wait((gone, waiting), return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        waiting.cancel()
        await send({"type": "http.response.body", "body": b"id: 2\n\n"})

    async def _socket(self, scope, receive, send) -> None:
        self.sockets.append({k.decode(): v.decode() for k, v in scope["headers"]})
        await receive()
        if b"refuse" in scope["query_string"]:
            await send({"type": "websocket.close", "code": 4403})
            return
        offered = scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
        with contextlib.suppress(OSError):
            while (message := await receive())["type"] == "websocket.receive":
                await self._react(message, send)
            self.closed.put_nowait(message)

    async def _react(self, message, send) -> None:
        text = message.get("text")
        if text is not None and text.startswith("close "):
            code, _, reason = text[6:].partition(" ")
            await send({"type": "websocket.close", "code": int(code), "reason": reason})
        elif text == "flood":
            for _ in range(2_000):
                await send({"type": "websocket.send", "text": "x" * 50_000})
                self.sent += 1
        elif text is not None:
            await send({"type": "websocket.send", "text": f"{self.name}: {text}"})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
