"""What tools ask: a site on loopback, with a client that may ask it."""

import pytest
from aiohttp import web
from executor_testkit.sites import Site, Vault

from devkit.stores.files import memory_files
from executor.tools.built_in_tool import ToolSettings
from executor.tools.network import GuardedClient
from executor.tools.toolbox import Toolbox


@pytest.fixture
async def serve():
    runners = []

    async def start() -> Site:
        site = Site()
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", site.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        site.port = runner.addresses[0][1]
        return site

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def site(serve):
    return await serve()


@pytest.fixture
async def guarded():
    made = []

    def make(*allowed, **limits):
        made.append(GuardedClient(allowed, **limits))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@pytest.fixture
async def toolbox(site):
    settings = ToolSettings(memory_files(), allowed_hosts=[f"127.0.0.1:{site.port}"], timeout=5)
    made = Toolbox(settings, Vault({"token": "hush"}))
    yield made
    await made.close()
