"""Lets processes that journeys start hash passwords in a fraction of the time that each takes in earnest.

Every journey makes people of its own: without this, their passwords would take a sixth of a second of CPU each time.
What hashes in earnest are like is tried by the tests of auth.
"""

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher


def _recommended() -> PasswordHash:
    return PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


PasswordHash.recommended = staticmethod(_recommended)  # type: ignore[method-assign]
