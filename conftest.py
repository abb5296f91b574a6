"""Loads the fixtures that all tests share, and gives each of pytest's processes ports of its own."""

import os

from kasal_platform.local.program import share_ports

pytest_plugins = [
    "devkit.plugin",
    "devkit.databases",
    "devkit.commands",
    "devkit.scheduling",
    "devkit.left_open",
    "devkit.hung_database",
]

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if _WORKER:
    share_ports(int(_WORKER.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
