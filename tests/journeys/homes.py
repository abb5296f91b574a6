"""Platforms of one process that a journey starts, kills and starts again."""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
from journeys.model import ScriptedModel
from journeys.platforms import PATIENT, Platform, printed
from journeys.users import User


class Home:
    """A data folder, a port and a model, on which the platform is started again and again."""

    def __init__(self, folder: Path, port: int, model: ScriptedModel) -> None:
        self.folder = folder
        self.port = port
        self.model = model
        self._started: list[asyncio.subprocess.Process] = []

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **PATIENT,
            "KASAL_DATA_DIR": str(self.folder / "data"),
            "KASAL_PORT": str(self.port),
            "KASAL_OPENAI_BASE_URL": self.model.url,
            "KASAL_LOG_FORMAT": "json",
        }

    async def start(self, **settings: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "kasal_platform",
            "run",
            env={**self.environment, **settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._started.append(process)
        return process

    async def up(self, **settings: str) -> asyncio.subprocess.Process:
        """Start it, and return when it is up."""
        process = await self.start(**settings)
        await printed(process, "Kasal is up")
        return process

    async def kill(self) -> None:
        """Kill -9 what still runs."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    async def user(self, http: aiohttp.ClientSession) -> User:
        base = f"http://127.0.0.1:{self.port}/api/v1"
        platform = Platform("embedded", base, self.folder, self.model)
        person = User(platform, http, "user@example.com", "secure_password")
        await person.login()
        return person

    async def refused(self, **settings: str) -> str:
        """Start it, and return the one line with which it refuses."""
        process = await self.start(**settings)
        _, said = await asyncio.wait_for(process.communicate(), timeout=60)
        assert process.returncode == 1
        assert said.decode().count("\n") == 1, said.decode()
        return said.decode()
