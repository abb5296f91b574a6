"""Tests of devkit's measure of CPU time."""

import gc
import time

import pytest

from devkit.cpu_time import cpu_limit


def _work(seconds: float) -> None:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


def test_work_beyond_the_limit_fails_and_waiting_does_not() -> None:
    with cpu_limit(5):
        _work(0.01)
    with cpu_limit(0.05):
        time.sleep(0.1)
    with pytest.raises(AssertionError, match=r"may take 0\.01 s"), cpu_limit(0.01):
        _work(0.02)


def test_what_was_there_before_is_no_garbage_meanwhile() -> None:
    with cpu_limit(5):
        assert gc.get_freeze_count() > 0
    with pytest.raises(ValueError, match="a fault"), cpu_limit(5):
        raise ValueError("a fault")
    assert gc.get_freeze_count() == 0
