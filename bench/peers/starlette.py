"""Bare Starlette handlers beside the relay, on the same server settings; prints its port, then serves.

`/ws` answers each text with another. `/log/<job>/<after>/<count>` reads so many of a job's events from
the store that `KASAL_MONGO_URL` names, in one query, and sends each; nothing live is joined to them.
"""

import os
from contextlib import AsyncExitStack

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bench.harness import fan_out_servers
from common.settings import MongoSettings
from common.storage.mongo import connect, database


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while await websocket.receive_text():
            await websocket.send_text('{"type":"pong"}')
    except WebSocketDisconnect:
        return


async def log(websocket: WebSocket) -> None:
    await websocket.accept()
    asked = websocket.path_params
    after = int(asked["after"])
    window = {"job_id": asked["job"], "seq": {"$gt": after, "$lte": after + int(asked["count"])}}
    traces = websocket.app.state.store["traces"]
    async for row in traces.find(window, {"frame": 1}).sort("seq", 1):
        await websocket.send_text(row["frame"].decode())
    await websocket.close()


async def main() -> None:
    routes = [
        WebSocketRoute("/ws", echo),
        WebSocketRoute("/log/{job}/{after:int}/{count:int}", log),
    ]
    app = Starlette(routes=routes)
    async with AsyncExitStack() as stack:
        if os.environ.get("KASAL_MONGO_URL"):
            settings = MongoSettings()
            client = connect(settings)
            stack.push_async_callback(client.close)
            app.state.store = database(client, settings, "executor")
        bound = fan_out_servers.listening()
        await fan_out_servers.serve_app(app, bound, stack)
        print(bound.getsockname()[1], flush=True)
        async for _ in fan_out_servers.commands():
            pass


if __name__ == "__main__":
    fan_out_servers.run(main())
