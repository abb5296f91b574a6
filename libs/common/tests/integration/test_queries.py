"""Query parameters that a route does not declare."""

from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, Header, Query

from common.telemetry import Telemetry
from common.web.http import create_app
from common.web.models import PageQuery
from devkit.serving import serve


async def _sorted(order: str = "asc") -> str:
    return order


@pytest.fixture
async def service():
    router = APIRouter(prefix="/things")

    @router.get("/{thing_id}")
    async def one(
        thing_id: str,
        order: Annotated[str, Depends(_sorted)],
        status: Annotated[str | None, Query(alias="state")] = None,
        x_a: Annotated[str | None, Header()] = None,
    ) -> dict[str, str | None]:
        return {"order": order, "status": status}

    @router.get("")
    async def many(page: Annotated[PageQuery, Query()]) -> dict[str, int]:
        return {"page": page.page}

    @router.post("")
    async def make() -> dict[str, str]:
        return {}

    @asynccontextmanager
    async def lifespan(_):
        yield

    telemetry = Telemetry("things")
    app = create_app("things", telemetry=telemetry, routers=[router], lifespan=lifespan, checks={})
    async with serve(app) as running:
        yield running
    telemetry.close()


@pytest.mark.parametrize(
    "target",
    ["/things/1?state=a&order=b", "/things?page=2&page_size=5", "/things?limit=3", "/healthz?x=1"],
)
async def test_what_is_declared_is_taken(service, target: str):
    async with service.http.get(target) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "target", "field", "told"),
    [
        ("GET", "/things?pagesize=2", "pagesize", "Did you mean page_size?"),
        ("GET", "/things?page=2&sort=a", "sort", "limit, page, page_size"),
        ("GET", "/things/1?status=a", "status", "Did you mean state?"),
        ("GET", "/things/1?thing_id=1", "thing_id", "order, state"),
        ("GET", "/things/1?x-a=1", "x-a", "order, state"),
        ("POST", "/things?force", "force", "no query parameters"),
        ("GET", "/things?%70age_=1", "page_", "Did you mean page?"),
        ("GET", "/things?=1", "", "limit, page"),
    ],
)
async def test_any_other_is_refused_and_named(service, method, target, field, told):
    async with service.http.request(method, target) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (400, "VALIDATION_ERROR")
    assert error["details"]["field"] == field
    assert told in error["details"]["reason"]


async def test_many_unknown_ones_are_told_together_but_not_without_end(service):
    async with service.http.get("/things?" + "&".join(f"a{n}=1" for n in range(300))) as answer:
        error = (await answer.json())["error"]
    assert answer.status == 400
    assert len(error["details"]["errors"]) == 20
