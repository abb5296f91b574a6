"""Bounds the work of a piece of code that does no I/O, for tests with hostile input.

    with cpu_limit(0.05):
        the_rule_under_test(hostile)

It measures the thread's own CPU time, so that a busy machine makes no difference. Objects made before are
excluded from garbage collection meanwhile: to look through all that other tests have left may take longer than
the limit.
"""

import contextlib
import gc
import time
from collections.abc import Iterator


@contextlib.contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Fail if the block works for longer. Raises `AssertionError`."""
    gc.freeze()
    began = time.thread_time()
    try:
        yield
        took = time.thread_time() - began
    finally:
        gc.unfreeze()
    assert took <= seconds, f"It took {took:.3f} s of CPU, and may take {seconds} s."
