"""The WebSocket at /ws."""

from fastapi import APIRouter
from starlette.websockets import WebSocket

from events.routes.socket_session import SocketSession
from events.routes.use_cases import UseCases

PATHS = ("/ws", "/v1/ws", "/api/v1/ws")
"""The gateway uses the first; an ingress that leads straight here passes the path on as it came."""


def socket_routes(use_cases: UseCases) -> APIRouter:
    """Return the WebSocket's routes."""
    router = APIRouter()

    async def ws(websocket: WebSocket) -> None:
        await SocketSession(use_cases, websocket).run()

    for path in PATHS:
        router.add_websocket_route(path, ws)
    return router
