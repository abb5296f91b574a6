"""Runs a test again whose stand-in for MongoDB has hung: SecantusDB does so once in several thousand index creations.

Only a server that takes no writes any more counts as hung; `mongo_url` then starts another one.
"""

from collections.abc import Generator, Sequence

import pytest
from _pytest.runner import runtestprotocol

from devkit.databases import stand_in_hangs

_HUNG = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at the stand-in when a test has failed, while it is there."""
    report = yield
    if report.failed and report.when != "teardown":
        item.stash[_HUNG] = stand_in_hangs()
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test, and run it again if it has failed and the stand-in hangs."""
    if not isinstance(item, pytest.Function):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports: Sequence[pytest.TestReport] = runtestprotocol(item, log=False, nextitem=nextitem)
    if item.stash.get(_HUNG, False):
        item._initrequest()  # noqa: SLF001 - as pytest-rerunfailures does
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
