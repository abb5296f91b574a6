"""Auth and executor as far as the events service needs them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response

from common.bus import Message
from common.contracts.replay import EVENT_LINES, ReplayHead, join_lines
from common.errors import NotFound, Unauthorized, Unavailable
from common.security.tokens import TokenVerifier
from common.web.http import add_error_handlers
from devkit.identity import KEY_ID, LocalKeys, TokenMaker

SECRET = "a-secret-of-the-tests"


ENDS = {"execution_complete": "completed", "error": "failed", "execution_stopped": "stopped"}


def event(job_id: str, seq: int, kind: str = "progress", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "job_id": job_id,
        "seq": seq,
        "timestamp": "2024-01-15T14:00:00Z",
        "attempt": 1,
        **more,
    }


def frame(made: dict[str, Any]) -> bytes:
    """Return an event as it is stored: other bytes than parsing and writing it again would give."""
    return json.dumps(made).encode()


@dataclass
class Job:
    workspace_id: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return ENDS.get(self.events[-1]["type"], "running") if self.events else "queued"

    @property
    def head(self) -> dict[str, Any]:
        return {"status": self.status, "last_seq": len(self.events)}


class FakePlatform:
    """Auth and executor in one: tokens, keys, revocations, jobs. `away` makes routes answer 503."""

    def __init__(self, keys: LocalKeys, make_token: TokenMaker) -> None:
        self.jobs: dict[str, Job] = {}
        self.opaque: dict[str, Iterator[int]] = {}
        """The seconds that the JWTs live which an opaque token is exchanged for, one after another."""
        self.revocations: list[dict[str, Any]] = []
        self.away: set[str] = set()
        self.old = False
        """Whether the executor is one that answers replays in JSON only."""
        self.asked: list[str] = []
        self._keys = keys
        self._verifier = TokenVerifier(keys)
        self._make_token = make_token
        self.app = self._routes()

    def job(self, job_id: str, workspace_id: str = "ws_test", events: int = 0) -> Job:
        made = self.jobs[job_id] = Job(workspace_id)
        for _ in range(events):
            self.append(job_id)
        return made

    def append(self, job_id: str, kind: str = "progress", **more: Any) -> Message:
        """Store the job's next event and return its message for the bus."""
        job = self.jobs[job_id]
        made = event(job_id, len(job.events) + 1, kind, **more)
        job.events.append(made)
        return Message(
            type="trace.event.v1",
            body=frame(made),
            correlation_id=job_id,
            message_id=f"{job_id}:{made['seq']}",
            headers={"workspace_id": job.workspace_id},
        )

    def _found(self, job_id: str, workspace_id: str) -> Job:
        job = self.jobs.get(job_id)
        if job is None or job.workspace_id != workspace_id:
            raise NotFound("There is no such execution.")
        return job

    async def _workspace(self, request: Request, place: str) -> str:
        self.asked.append(place)
        if place in self.away:
            raise Unavailable(f"{place} is away")
        token = request.headers["authorization"].removeprefix("Bearer ")
        identity = await self._verifier.verify(token)
        assert identity.kind == "service"
        return identity.workspace_id

    def _routes(self) -> FastAPI:
        app = FastAPI()
        add_error_handlers(app)
        self._add_routes_of_auth(app)
        self._add_routes_of_executor(app)
        return app

    def _add_routes_of_auth(self, app: FastAPI) -> None:
        @app.get("/.well-known/jwks.json")
        async def jwks() -> Any:
            import jwt

            public = self._keys.private.public_key()
            told = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(public))
            return {"keys": [{**told, "kid": KEY_ID, "alg": "ES256", "use": "sig"}]}

        @app.post("/internal/tokens/service")
        async def service(request: Request) -> Any:
            assert request.headers["x-kasal-service-secret"] == SECRET
            asked = await request.json()
            assert asked["service"] == "events"
            token = self._make_token(workspace_id=asked["workspace_id"], kind="service")
            return {"access_token": token, "expires_in": 300}

        @app.post("/internal/tokens/exchange")
        async def exchange(request: Request) -> Any:
            assert request.headers["x-kasal-service-secret"] == SECRET
            self.asked.append("exchange")
            if "exchange" in self.away:
                raise Unavailable("auth is away")
            lives = self.opaque.get((await request.json())["token"], iter(()))
            seconds = next(lives, None)
            if seconds is None:
                raise Unauthorized("The token is not valid.")
            return {"access_token": self._make_token(expires_in=seconds), "expires_in": seconds}

        @app.get("/internal/revocations")
        async def revocations(request: Request) -> Any:
            assert await self._workspace(request, "revocations") == "*"
            return {"revocations": self.revocations}

    def _add_routes_of_executor(self, app: FastAPI) -> None:
        @app.get("/internal/executions/{job_id}/events")
        async def events(job_id: str, after_seq: int, limit: int, request: Request) -> Any:
            job = self._found(job_id, await self._workspace(request, "events"))
            found = job.events[after_seq : after_seq + limit]
            if self.old or request.headers["accept"] != EVENT_LINES:
                return {"events": found, **job.head}
            head = ReplayHead(
                **job.head, first_seq=after_seq + 1, types=[one["type"] for one in found]
            )
            return Response(join_lines(head, [frame(one) for one in found]), media_type=EVENT_LINES)

        @app.post("/internal/executions/heads")
        async def heads(request: Request) -> Any:
            assert await self._workspace(request, "heads") == "*"
            asked = (await request.json())["job_ids"]
            return {"heads": {j: self.jobs[j].head for j in asked if j in self.jobs}}
