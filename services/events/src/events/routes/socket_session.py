"""One client's WebSocket: who it is, what it says, and its end."""

import asyncio
import time
from collections.abc import Callable

from starlette.websockets import WebSocket

from common.errors import InvalidRequest, KasalError, RateLimited, Unauthorized
from common.identity import Identity
from common.logs import bind_workspace, get_logger
from common.web.http import error_response
from common.web.queries import check_none
from common.web.requests import current_request_id
from events.domain import connections as codes
from events.domain.ports import TooSlow
from events.domain.token_lifetime import TokenLifetime
from events.routes import bodies, caller
from events.routes.bodies import Authenticate, BadMessage, Ping, Subscribe, Unsubscribe
from events.routes.sinks import SocketSink, socket_sink
from events.routes.subscriptions import SocketClosing, Subscriptions
from events.routes.use_cases import UseCases

log = get_logger(__name__)

SUBPROTOCOL = "kasal.v1"


class ClientLeft(Exception):  # noqa: N818 - it says what happened
    """The client has closed the socket."""


class SocketSession:
    """One client's socket: who it is, what it watches, and its end."""

    def __init__(self, use_cases: UseCases, websocket: WebSocket) -> None:
        self._use_cases = use_cases
        self._websocket = websocket
        self._sink: SocketSink
        self._lifetime: TokenLifetime | None = None
        self._subscriptions: Subscriptions
        self._closing: asyncio.Task[None] | None = None
        self._allowance = codes.Allowance(use_cases.settings.client_message_limit, time.monotonic())

    @property
    def identity(self) -> Identity | None:
        return self._lifetime.identity if self._lifetime is not None else None

    def end(self, code: int, reason: str) -> None:
        """Close with `code`; what the client watches ends at once. Does not wait."""
        if self._closing is None:
            if code == codes.TOO_SLOW:
                self._use_cases.meters.count_slow_client()
            self._subscriptions.stop_all()
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
        except ClientLeft:
            pass
        except SocketClosing as closing:
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
        self._subscriptions = Subscriptions(self._use_cases, self._sink, self.end)

    async def _clean_up(self) -> None:
        self._subscriptions.stop_all()
        if self._lifetime is not None:
            self._lifetime.close()
        self._use_cases.connections.remove(self)
        if self._closing is not None:
            await asyncio.wait({self._closing})
        self._sink.dispose()

    async def _serve(self) -> None:
        if self._use_cases.connections.stopping:
            raise SocketClosing(codes.RESTART, "the server is restarting; reconnect")
        if not caller.is_own_page(self._websocket.scope, self._use_cases.settings.origins):
            raise SocketClosing(codes.FORBIDDEN_ORIGIN, "pages of this origin may not connect")
        self._limit(lambda: self._use_cases.connections.admit(self, "websocket"))
        await self._sign_in(await self._token())
        while self._closing is None:
            await self._answer(await self._receive())

    async def _token(self) -> str:
        try:
            token = caller.socket_token(self._websocket.scope)
        except Unauthorized as fault:
            raise SocketClosing(codes.UNAUTHORIZED, fault.message) from None
        return await self._first_message() if token is None else token

    def _limit(self, count: Callable[[], None]) -> None:
        try:
            count()
        except RateLimited as fault:
            raise SocketClosing(codes.TOO_MANY, fault.message) from fault

    async def _receive(self) -> str | None:
        """Return the next message; None for one that is binary."""
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            raise ClientLeft
        self._limit(lambda: self._allowance.spend(time.monotonic()))
        text: str | None = message.get("text")
        return text

    async def _first_message(self) -> str:
        try:
            async with asyncio.timeout(self._use_cases.settings.authenticate_seconds):
                message = self._parse(await self._receive())
        except TimeoutError:
            raise SocketClosing(codes.AUTHENTICATED_TOO_LATE, "no token came in time") from None
        except BadMessage as fault:
            await self._sink.reply(bodies.error_message(fault, fault.job_id))
            raise SocketClosing(codes.UNAUTHORIZED, "the first message must authenticate") from None
        if isinstance(message, Authenticate):
            return message.token
        await self._sink.reply(
            bodies.error_message(Unauthorized("The first message must authenticate."))
        )
        raise SocketClosing(codes.UNAUTHORIZED, "the first message must authenticate")

    async def _sign_in(self, token: str) -> None:
        try:
            address = caller.client_address(self._websocket.scope)
            identity = await self._use_cases.authenticator.identify(token, address)
        except Unauthorized as fault:
            raise SocketClosing(codes.UNAUTHORIZED, fault.message) from None
        except RateLimited as fault:
            raise SocketClosing(codes.TOO_MANY, fault.message) from None
        except KasalError as fault:
            raise SocketClosing(codes.RESTART, f"come back: {fault.message}"[:120]) from None
        if self._closing is not None:
            raise ClientLeft
        self._limit(lambda: self._use_cases.connections.assign(self, identity.workspace_id))
        self._hold(token, identity)
        bind_workspace(identity.workspace_id)

    def _hold(self, token: str, identity: Identity) -> None:
        if self._lifetime is not None:
            self._lifetime.close()
        ended = (codes.UNAUTHORIZED, "the token has expired")
        self._lifetime = TokenLifetime(
            self._use_cases.authenticator, token, identity, lambda: self.end(*ended)
        )

    def _parse(self, text: str | None) -> bodies.ClientMessage:
        if text is None:
            raise BadMessage("The message is binary.", None, "It must be text", None)
        most = self._use_cases.settings.client_frame_bytes
        if len(text) > most:
            raise BadMessage(
                "The message is too long.", None, f"It must be at most {most} bytes", None
            )
        return bodies.parse_message(text)

    async def _answer(self, text: str | None) -> None:
        job_id = None
        try:
            message = self._parse(text)
            job_id = getattr(message, "job_id", None)
            await self._handle(message)
        except BadMessage as fault:
            await self._sink.reply(bodies.error_message(fault, fault.job_id))
        except KasalError as fault:
            await self._sink.reply(bodies.error_message(fault, job_id))

    async def _handle(self, message: bodies.ClientMessage) -> None:
        match message:
            case Ping():
                await self._sink.reply(bodies.PONG)
            case Subscribe():
                await self._subscriptions.start(self._known_identity().workspace_id, message)
            case Unsubscribe():
                self._subscriptions.stop(message.job_id)
                await self._sink.reply(bodies.unsubscribed_message(message.job_id))
            case Authenticate():
                await self._renew(message.token)

    async def _renew(self, token: str) -> None:
        """Go on with a new token of the same user, before the old one ends."""
        address = caller.client_address(self._websocket.scope)
        identity = await self._use_cases.authenticator.identify(token, address)
        held = self._known_identity()
        if (identity.workspace_id, identity.user_id) != (held.workspace_id, held.user_id):
            raise InvalidRequest(
                "The token is another user's.", field="token", reason="Open another socket for it"
            )
        if self._closing is None:
            self._hold(token, identity)

    def _known_identity(self) -> Identity:
        identity = self.identity
        if identity is None:
            raise Unauthorized
        return identity
