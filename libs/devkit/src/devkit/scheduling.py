"""How `make test` distributes the tests over parallel processes (pytest-xdist)."""

import os
import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from kasal_platform.local import finding

_PROCESSES = 4
"""Tests mostly wait for programs to start and leases to expire, so there can be more than cores."""
_IN_ONE_BROWSER = "tests/console/"
_ON_A_FORM = re.compile(r"(.+)/[^/]+::.*[\[-](embedded|stack)[\]-].*")


class Scheduling(LoadScopeScheduling):
    """Gives each process the next piece of work as soon as it has finished the last.

    The last process starts from the other end, so that tests that keep the CPU busy (journeys, which
    come first) run beside tests that mostly wait.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is self.nodes[-1]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def scope(nodeid: str) -> str:
    """Return the name of the piece of work that a test belongs to.

    That is its file. All tests of a folder on the same form of the whole platform are one piece, since the
    platform is started once for them; so are those of the console, which share a browser as well. (Not `xdist_group` marks: pytest-xdist 3.8 can't read them under pytest 9.)
    """
    if nodeid.startswith(_IN_ONE_BROWSER):
        return _IN_ONE_BROWSER
    tried = _ON_A_FORM.fullmatch(nodeid)
    return f"{tried[1]} on {tried[2]}" if tried else nodeid.partition("::")[0]


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Replace the scheduler of `--dist loadscope`, which would start a platform for each file."""
    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.hookimpl
def pytest_xdist_auto_num_workers() -> int:
    """Return the number for `-n auto`. A given broker or Redis, which tests empty, can't be shared."""
    return 0 if finding.GIVEN_BY & os.environ.keys() else _PROCESSES
