"""How `make test` deals the tests out to processes that run beside one another (pytest-xdist)."""

import os
import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from kasal_platform.local import finding

_PROCESSES = 3
"""Tests mostly wait for programs to start and for leases to run out: there may be more than cores."""
_ON_A_FORM = re.compile(r"(.+)/[^/]+::.*[\[-](embedded|stack)\]")


class Scheduling(LoadScopeScheduling):
    """Gives each process one piece of work after the other, as soon as it has done the last.

    The last process begins from the other end, so that what keeps the processor busy (journeys, which
    come first) runs beside what mostly waits.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is self.nodes[-1]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def scope(nodeid: str) -> str:
    """Return the name of the piece of work that a test belongs to.

    That is its file, but all tests of a folder on the same form of the whole platform are one: it is
    started once for them. (Not `xdist_group` marks: pytest-xdist 3.8 can't read them under pytest 9.)
    """
    tried = _ON_A_FORM.fullmatch(nodeid)
    return f"{tried[1]} on {tried[2]}" if tried else nodeid.partition("::")[0]


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Replace what `--dist loadscope` means: alone, it would start a platform for each file."""
    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.hookimpl
def pytest_xdist_auto_num_workers() -> int:
    """Say what `-n auto` means; a given broker or Redis, which tests empty, can't be shared."""
    return 0 if finding.GIVEN_BY & os.environ.keys() else _PROCESSES
