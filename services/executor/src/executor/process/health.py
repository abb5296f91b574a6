"""The small application that reports whether a worker is up and ready."""

from collections.abc import Collection, Mapping

from fastapi import FastAPI

from common.process.health import Check
from common.web.http import add_error_handlers, health_routes


def health_app(checks: Mapping[str, Check], needed: Collection[str]) -> FastAPI:
    """Return an application with `/healthz` and `/readyz` and nothing else."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(health_routes(checks, needed))
    add_error_handlers(app)
    return app
