"""The WebSocket at /ws."""

import asyncio
import time
from typing import Any

from fastapi import APIRouter
from starlette.websockets import WebSocket

from common.errors import InvalidRequest, KasalError, RateLimited, Unauthorized
from common.http import error_response
from common.identity import Identity
from common.logs import bind_workspace, get_logger
from common.queries import check_none
from common.requests import current_request_id
from events.domain import connections as codes
from events.domain.jobs import checked
from events.domain.ports import TooSlow
from events.domain.token_lifetime import TokenLifetime
from events.domain.watch import Watch
from events.routes import bodies as frames
from events.routes import caller
from events.routes.bodies import Authenticate, BadFrame, Ping, Subscribe, Unsubscribe
from events.routes.sinks import SocketSink, socket_sink
from events.routes.use_cases import UseCases

log = get_logger(__name__)

SUBPROTOCOL = "kasal.v1"
PATHS = ("/ws", "/v1/ws", "/api/v1/ws")
"""The gateway asks for the first; an ingress that leads straight here passes on what it got."""


def socket_routes(use_cases: UseCases) -> APIRouter:
    """Return the WebSocket's routes."""
    router = APIRouter()

    async def ws(websocket: WebSocket) -> None:
        await SocketSession(use_cases, websocket).run()

    for path in PATHS:
        router.add_websocket_route(path, ws)
    return router


class Closing(Exception):  # noqa: N818 - it says what is done
    """Ends the session with a code of the contract."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Gone(Exception):  # noqa: N818 - it says what the client is
    """The client has closed the socket."""


class SocketSession:
    """One client's socket: who it is, what it watches, and its end."""

    def __init__(self, use_cases: UseCases, websocket: WebSocket) -> None:
        self._use_cases = use_cases
        self._websocket = websocket
        self._sink: SocketSink
        self._lifetime: TokenLifetime | None = None
        self._watches: dict[str, Watch] = {}
        self._closing: asyncio.Task[None] | None = None
        self._allowance = codes.Allowance(use_cases.settings.client_message_limit, time.monotonic())

    @property
    def identity(self) -> Identity | None:
        return self._lifetime.identity if self._lifetime is not None else None

    def end(self, code: int, reason: str) -> None:
        """Close with `code`; what the client watches ends at once. Does not wait."""
        if self._closing is None:
            if code == codes.TOO_SLOW:
                self._use_cases.meters.slow_client_closed()
            self._leave_all()
            self._closing = asyncio.create_task(self._sink.close(code, reason))

    async def run(self) -> None:
        """Serve the client until either side closes."""
        await self._websocket.receive()
        try:
            check_none(self._websocket.scope["query_string"])
        except InvalidRequest as fault:
            response = error_response(fault, current_request_id())
            await self._websocket.send_denial_response(response)
            return
        await self._accept()
        try:
            await self._serve()
        except Gone:
            pass
        except Closing as closing:
            self.end(closing.code, closing.reason)
        except TooSlow as fault:
            self.end(codes.TOO_SLOW, str(fault))
        except Exception:
            log.exception("a socket failed with a bug")
            self.end(codes.BUG, "the server has a bug")
        finally:
            await self._clean_up()

    async def _accept(self) -> None:
        # Closing codes reach a browser only after the handshake, so all refusals come later.
        scope = self._websocket.scope
        chosen = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
        await self._websocket.accept(chosen)
        slow_after = self._use_cases.settings.slow_client_seconds
        self._sink = socket_sink(scope, self._websocket.send, slow_after)

    async def _clean_up(self) -> None:
        self._leave_all()
        if self._lifetime is not None:
            self._lifetime.close()
        self._use_cases.connections.remove(self)
        if self._closing is not None:
            await asyncio.wait({self._closing})
        self._sink.dispose()

    async def _serve(self) -> None:
        if self._use_cases.connections.stopping:
            raise Closing(codes.RESTART, "the server restarts; come back")
        if not caller.is_own_page(self._websocket.scope, self._use_cases.settings.origins):
            raise Closing(codes.FORBIDDEN_ORIGIN, "pages of this origin may not connect")
        self._counted(lambda: self._use_cases.connections.admit(self, "websocket"))
        await self._sign_in(await self._token())
        while self._closing is None:
            await self._answer(await self._receive())

    async def _token(self) -> str:
        try:
            token = caller.socket_token(self._websocket.scope)
        except Unauthorized as fault:
            raise Closing(codes.UNAUTHORIZED, fault.message) from None
        return await self._first_message() if token is None else token

    def _counted(self, count: Any) -> None:
        try:
            count()
        except RateLimited as fault:
            raise Closing(codes.TOO_MANY, fault.message) from fault

    async def _receive(self) -> str | None:
        """Return the next message; None for one that is binary."""
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            raise Gone
        self._counted(lambda: self._allowance.spend(time.monotonic()))
        text: str | None = message.get("text")
        return text

    async def _first_message(self) -> str:
        try:
            async with asyncio.timeout(self._use_cases.settings.authenticate_seconds):
                said = self._read(await self._receive())
        except TimeoutError:
            raise Closing(codes.AUTHENTICATED_TOO_LATE, "no token came in time") from None
        except BadFrame as fault:
            await self._sink.reply(frames.fault(fault, fault.job_id))
            raise Closing(codes.UNAUTHORIZED, "the first message must authenticate") from None
        if isinstance(said, Authenticate):
            return said.token
        await self._sink.reply(frames.fault(Unauthorized("The first message must authenticate.")))
        raise Closing(codes.UNAUTHORIZED, "the first message must authenticate")

    async def _sign_in(self, token: str) -> None:
        try:
            address = caller.client_address(self._websocket.scope)
            identity = await self._use_cases.authenticator.identify(token, address)
        except Unauthorized as fault:
            raise Closing(codes.UNAUTHORIZED, fault.message) from None
        except RateLimited as fault:
            raise Closing(codes.TOO_MANY, fault.message) from None
        except KasalError as fault:
            raise Closing(codes.RESTART, f"come back: {fault.message}"[:120]) from None
        if self._closing is not None:
            raise Gone
        self._counted(lambda: self._use_cases.connections.assign(self, identity.workspace_id))
        self._hold(token, identity)
        bind_workspace(identity.workspace_id)

    def _hold(self, token: str, identity: Identity) -> None:
        if self._lifetime is not None:
            self._lifetime.close()
        ended = (codes.UNAUTHORIZED, "the token has expired")
        self._lifetime = TokenLifetime(
            self._use_cases.authenticator, token, identity, lambda: self.end(*ended)
        )

    def _read(self, text: str | None) -> frames.ClientFrame:
        if text is None:
            raise BadFrame("The message is binary.", None, "It must be text", None)
        most = self._use_cases.settings.client_frame_bytes
        if len(text) > most:
            raise BadFrame(
                "The message is too long.", None, f"It must be at most {most} bytes", None
            )
        return frames.read(text)

    async def _answer(self, text: str | None) -> None:
        job_id = None
        try:
            said = self._read(text)
            job_id = getattr(said, "job_id", None)
            await self._do(said)
        except BadFrame as fault:
            await self._sink.reply(frames.fault(fault, fault.job_id))
        except KasalError as fault:
            await self._sink.reply(frames.fault(fault, job_id))

    async def _do(self, said: frames.ClientFrame) -> None:
        match said:
            case Ping():
                await self._sink.reply(frames.PONG)
            case Subscribe():
                await self._subscribe(said)
            case Unsubscribe():
                self._leave(said.job_id)
                await self._sink.reply(frames.unsubscribed(said.job_id))
            case Authenticate():
                await self._renew(said.token)

    async def _renew(self, token: str) -> None:
        """Go on with a new token of the same user, before the old one ends."""
        address = caller.client_address(self._websocket.scope)
        identity = await self._use_cases.authenticator.identify(token, address)
        held = self._known()
        if (identity.workspace_id, identity.user_id) != (held.workspace_id, held.user_id):
            raise InvalidRequest(
                "The token is another user's.", field="token", reason="Open another socket for it"
            )
        if self._closing is None:
            self._hold(token, identity)

    def _known(self) -> Identity:
        identity = self.identity
        if identity is None:
            raise Unauthorized
        return identity

    async def _subscribe(self, said: Subscribe) -> None:
        """Watch a job from `after_seq` on. One that is watched already is started anew from there."""
        job_id = checked(said.job_id)
        self._leave(job_id)
        if len(self._watches) >= self._use_cases.settings.subscription_limit:
            self._use_cases.meters.limit_hit("subscriptions")
            raise Closing(codes.TOO_MANY, "this socket watches too many jobs")
        workspace_id = self._known().workspace_id

        def ended(reason: Exception | None) -> None:
            self._watch_ended(job_id, reason)

        joined = await self._use_cases.relay.join(
            workspace_id, job_id, said.after_seq, self._sink, ended
        )
        self._watches[job_id] = joined.watch
        if self._closing is not None:
            self._leave(job_id)
            return
        head = joined.head
        await self._sink.reply(frames.subscribed(job_id, head.status, head.last_seq))
        joined.watch.start(joined.first)
        if joined.over:
            self._leave(job_id)

    def _watch_ended(self, job_id: str, reason: Exception | None) -> None:
        self._leave(job_id)
        if isinstance(reason, TooSlow):
            self.end(codes.TOO_SLOW, str(reason))
        elif reason is not None:
            log.warning("a subscription has failed", job_id=job_id, reason=str(reason))
            self.end(codes.RESTART, "come back: the subscription has failed")

    def _leave(self, job_id: str) -> None:
        watch = self._watches.pop(job_id, None)
        if watch is not None:
            self._use_cases.relay.leave(self._known().workspace_id, job_id, watch)

    def _leave_all(self) -> None:
        for job_id in tuple(self._watches):
            self._leave(job_id)
