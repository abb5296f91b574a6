"""Which key signs when, and for how long its tokens can be checked."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.domain.logins.revocations import LONGEST_ACCESS
from auth.domain.tokens.signing import (
    KNOWN_BEFORE,
    READ_EVERY,
    KeyRing,
    SigningKey,
    outdated_keys,
    signer,
)
from common.errors import Unauthorized, Unavailable
from common.identity import Identity, Role
from common.security.tokens import TokenVerifier
from common.times import utc_now
from devkit.identity import LocalKeys

START = datetime(2024, 1, 15, tzinfo=UTC)
PRIVATE = LocalKeys().private


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def keys_of(gaps: list[int]) -> list[SigningKey]:
    made, when = [], 0
    for number, gap in enumerate(gaps, 1):
        when += gap
        made.append(SigningKey(f"sig_{number}", number, PRIVATE, at(when)))
    return made


@given(st.lists(st.integers(0, 4_000), min_size=1, max_size=6), st.integers(0, 20_000))
def test_a_key_is_told_until_its_last_token_has_expired(gaps, minute):
    keys = keys_of(gaps)
    signing = signer([key for key in keys if key.created_at <= at(minute)] or keys[:1], at(minute))
    late = at(minute) + READ_EVERY  # another process may sign with it until it reads again
    assert signing not in outdated_keys(keys, late + LONGEST_ACCESS)


def test_the_very_last_token_of_a_key_can_be_checked_until_it_expires():
    old, new = keys = keys_of([0, 1_000])
    handover = new.created_at + KNOWN_BEFORE
    assert signer(keys, handover - timedelta(seconds=1)) is old
    assert signer(keys, handover) is new
    # A process that reads late signs with the old key for so much longer.
    last_expires = handover + READ_EVERY + LONGEST_ACCESS
    assert outdated_keys(keys, last_expires) == []
    assert outdated_keys(keys, last_expires + timedelta(hours=1)) == [old]


@given(st.lists(st.integers(0, 4_000), min_size=1, max_size=6), st.integers(0, 20_000))
def test_a_key_signs_only_when_every_process_and_door_can_know_it(gaps, minute):
    keys = keys_of(gaps)
    signing = signer(keys, at(minute))
    assert signing is keys[0] or signing.created_at + KNOWN_BEFORE <= at(minute)
    assert KNOWN_BEFORE > 2 * READ_EVERY


class FakeKeys:
    """The stored keys. `reads` counts how often they were read."""

    def __init__(self) -> None:
        self.held: list[SigningKey] = []
        self.reads = 0

    async def all(self) -> list[SigningKey]:
        self.reads += 1
        return sorted(self.held, key=lambda key: key.number)

    async def add(self, key: SigningKey) -> bool:
        if any(known.number == key.number for known in self.held):
            return False
        self.held.append(key)
        return True

    async def remove(self, key_id: str) -> None:
        self.held = [key for key in self.held if key.id != key_id]


class Time:
    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now


def caller(now: datetime) -> Identity:
    issued = int(now.timestamp())
    return Identity("usr_1", "ws_1", Role.OWNER, "ses_1", issued, issued + 86_400)


async def test_rotation_loses_no_token_and_drops_old_keys_in_the_end():
    store, time = FakeKeys(), Time()
    ring = KeyRing(store, time)
    await ring.load()
    first = ring.mint(caller(time.now))

    await ring.rotate()
    still_first = ring.mint(caller(time.now))
    assert len(ring.public_keys()) == 2
    time.now += KNOWN_BEFORE
    second = ring.mint(caller(utc_now()))

    kids = [_kid(token) for token in (first, still_first, second)]
    assert kids[0] == kids[1] != kids[2]
    for token in (first, still_first, second):
        await TokenVerifier(ring).verify(token)

    time.now += timedelta(days=2)
    assert [key["kid"] for key in ring.public_keys()] == [kids[2]]
    await ring.keep(timedelta(days=90))
    await ring.load()
    assert [key.id for key in store.held] == [kids[2]]


async def test_two_processes_rotate_to_one_key():
    store, time = FakeKeys(), Time()
    one, other = KeyRing(store, time), KeyRing(store, time)
    await one.load()
    await other.load()
    time.now += timedelta(days=90)
    await one.keep(timedelta(days=90))
    await other.keep(timedelta(days=90))
    assert one.public_keys() == other.public_keys()
    assert [key.number for key in store.held] == [1, 2]


async def test_a_key_is_not_rotated_before_its_time():
    store, time = FakeKeys(), Time()
    ring = KeyRing(store, time)
    await ring.load()
    time.now += timedelta(days=89)
    await ring.keep(timedelta(days=90))
    assert len(store.held) == 1


async def test_forged_key_ids_do_not_read_the_store_each_time():
    store = FakeKeys()
    ring = KeyRing(store)
    await ring.load()
    before = store.reads
    for number in range(50):
        assert await ring.public_key(f"sig_forged_{number}") is None
    assert store.reads <= before + 1


async def test_nothing_is_signed_before_the_keys_are_read():
    with pytest.raises(Unavailable):
        KeyRing(FakeKeys()).mint(caller(utc_now()))


async def test_a_token_of_another_installation_is_refused():
    ours, theirs = KeyRing(FakeKeys()), KeyRing(FakeKeys())
    await ours.load()
    await theirs.load()
    with pytest.raises(Unauthorized):
        await TokenVerifier(ours).verify(theirs.mint(caller(utc_now())))


async def test_public_keys_hold_nothing_private():
    ring = KeyRing(FakeKeys())
    await ring.load()
    (key,) = ring.public_keys()
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


def _kid(token: str) -> str:
    import jwt

    return jwt.get_unverified_header(token)["kid"]
