"""Auth as the gateway knows it."""

import json
from typing import Any

from gateway_testkit.services import Service
from jwt.algorithms import ECAlgorithm

from devkit.identity import KEY_ID, LocalKeys, TokenMaker


class AuthService(Service):
    """Auth as the gateway knows it."""

    def __init__(self, keys: LocalKeys, make_token: TokenMaker) -> None:
        super().__init__("auth")
        self.limits: dict[str, Any] | None = {"per_hour": 10_000, "per_minute": 1_000}
        self.opaque = {"kasal_key": "ws_test", "SANDBOX_TOKEN": "ws_sandbox"}
        self.revocations: list[dict[str, Any]] = []
        self.asked: list[str] = []
        jwk = json.loads(ECAlgorithm.to_jwk(keys.private.public_key()))
        jwk.update(kid=KEY_ID, alg="ES256", use="sig")
        self._make_token = make_token
        self.fixed = {
            "/.well-known/jwks.json": {"keys": [jwk]},
            "/internal/tokens/service": {
                "access_token": make_token(kind="service", workspace_id="*"),
                "expires_in": 300,
            },
        }

    async def _http(self, scope, receive, send) -> None:
        path = scope["raw_path"].decode()
        self.asked.append(path)
        if path in self.fixed:
            self.answers[path] = lambda told: (200, self.fixed[path])
        elif path == "/internal/revocations":
            self.answers[path] = lambda told: (200, {"revocations": self.revocations})
        elif path == "/internal/tokens/exchange":
            self.answers[path] = self._exchanged
        elif path.startswith("/internal/workspaces/"):
            plan = {"workspace_id": path.split("/")[3], "tier": "pro", "limits": self.limits}
            self.answers[path] = lambda told: (200, plan)
        await super()._http(scope, receive, send)

    def _exchanged(self, told: dict[str, Any]) -> tuple[int, Any]:
        workspace = self.opaque.get(json.loads(told["body"])["token"])
        if workspace is None:
            return 401, {"error": {"code": "UNAUTHORIZED", "message": "no", "details": {}}}
        token = self._make_token(workspace_id=workspace, session_id="key_1", expires_in=60)
        return 200, {"access_token": token, "expires_in": 60}
