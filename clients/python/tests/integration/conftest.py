"""A client of each surface, of a user of its own."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from client_testkit.cutting import CuttingProxy
from client_testkit.surfaces import Surface

from kasal_client import AsyncKasal, Kasal
from kasal_client.testing import Platform


@pytest.fixture(scope="session")
def user(kasal_platform: Platform) -> tuple[str, str]:
    """The e-mail and password of a user whom these tests share."""
    return kasal_platform.new_user()


@pytest.fixture(params=["asyncio", "threads"])
async def client(
    request: pytest.FixtureRequest, kasal_platform: Platform, user: tuple[str, str]
) -> AsyncIterator[Any]:
    """A client, used as that for asyncio is."""
    async with opened(request.param, kasal_platform.url, user) as made:
        yield made


@pytest.fixture(params=["asyncio", "threads"])
async def shaky(
    request: pytest.FixtureRequest, proxy: CuttingProxy, user: tuple[str, str]
) -> AsyncIterator[Any]:
    """A client whose connections go through `proxy`."""
    async with opened(request.param, proxy.url, user) as made:
        yield made


@pytest.fixture
def proxy(kasal_platform: Platform) -> Iterator[CuttingProxy]:
    with CuttingProxy(int(kasal_platform.url.rpartition(":")[2])) as running:
        yield running


def opened(surface: str, url: str, user: tuple[str, str]) -> Any:
    email, password = user
    if surface == "asyncio":
        return AsyncKasal(url, email=email, password=password)
    return Surface(Kasal(url, email=email, password=password))
