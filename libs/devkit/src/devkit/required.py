"""What a test needs and does not get makes it fail, never skip."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

import pytest

from kasal_platform.local.program import ProgramFailed

FoundT = TypeVar("FoundT")


@contextmanager
def require(found: AbstractContextManager[FoundT]) -> Iterator[FoundT]:
    """Yield the backend that was found; fail the test with one line if there is none."""
    with ExitStack() as stack:
        try:
            backend = stack.enter_context(found)
        except ProgramFailed as fault:
            pytest.fail(str(fault), pytrace=False)
        yield backend
