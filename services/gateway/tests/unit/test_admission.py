"""Credentials, plans, revocations and addresses, over made-up sources."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from common.addresses import counted_as
from common.contracts.messages import SessionRevoked
from common.errors import Unauthorized, Unavailable
from common.identity import Identity, Role
from common.tokens import sign
from devkit.identity import KEY_ID
from gateway.domain.addresses import LOCAL, asked_host, client_address
from gateway.domain.admission import Doorkeeper
from gateway.domain.credentials import Credentials
from gateway.domain.plans import Plans
from gateway.domain.ports import Counted
from gateway.domain.revocations import Revocations
from gateway.domain.windows import TIERS, Limits, Usage


class Exchange:
    def __init__(self, make_token) -> None:
        self.make_token = make_token
        self.asked = 0
        self.fault: Exception | None = None
        self.expires_in = 60

    async def exchange(self, token: str) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        return self.make_token(session_id="key_1", expires_in=self.expires_in)


@pytest.fixture
def exchange(make_token) -> Exchange:
    return Exchange(make_token)


async def test_many_callers_with_one_key_cost_one_exchange(verifier, exchange):
    credentials = Credentials(verifier, exchange)
    found = await asyncio.gather(*(credentials.check("kasal_k") for _ in range(10)))
    assert exchange.asked == 1
    assert {one.identity.session_id for one in found} == {"key_1"}
    assert all(one.jwt for one in found)


async def test_an_exchanged_token_is_replaced_before_it_ends(verifier, exchange):
    exchange.expires_in = 9
    credentials = Credentials(verifier, exchange)
    await credentials.check("kasal_k")
    await credentials.check("kasal_k")
    assert exchange.asked == 2


async def test_a_key_is_refused_without_asking_again_but_not_when_auth_is_away(verifier, exchange):
    credentials = Credentials(verifier, exchange)
    exchange.fault = Unavailable("away")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await credentials.check("kasal_k")
    exchange.fault = Unauthorized("no")
    for _ in range(2):
        with pytest.raises(Unauthorized):
            await credentials.check("kasal_k")
    assert exchange.asked == 3


class PlanSource:
    def __init__(self) -> None:
        self.found: Limits | None = Limits(5, 1)
        self.asked = 0

    async def limits(self, workspace_id: str) -> Limits:
        self.asked += 1
        await asyncio.sleep(0)
        if self.found is None:
            raise Unavailable("away")
        return self.found


async def test_a_plan_is_asked_for_once_and_kept_while_auth_is_away(monkeypatch):
    source = PlanSource()
    plans = Plans(source)
    assert set(await asyncio.gather(*(plans.limits("ws") for _ in range(5)))) == {Limits(5, 1)}
    assert source.asked == 1
    now = time.monotonic()
    monkeypatch.setattr("gateway.domain.plans.time.monotonic", lambda: now + 61)
    source.found = None
    assert await plans.limits("ws") == Limits(5, 1)
    assert await plans.limits("other") == TIERS["free"]
    assert source.asked == 3


async def test_a_look_up_under_way_while_the_plan_changes_is_not_kept():
    class Slow(PlanSource):
        async def limits(self, workspace_id: str) -> Limits:
            found = self.found
            self.asked += 1
            asked.set()
            await answer.wait()
            return found

    asked, answer = asyncio.Event(), asyncio.Event()
    source = Slow()
    plans = Plans(source)
    early = asyncio.create_task(plans.limits("ws"))
    await asked.wait()
    asked.clear()
    source.found = Limits(50, 10)
    plans.forget("ws")
    late = asyncio.create_task(plans.limits("ws"))
    await asked.wait()
    answer.set()
    assert (await early, await late) == (Limits(5, 1), Limits(50, 10))
    assert plans.held("ws") == Limits(50, 10)
    assert source.asked == 2


class RevocationList:
    def __init__(self, *revoked: SessionRevoked) -> None:
        self.revoked = list(revoked)
        self.faults: list[Exception] = []
        self.loaded = asyncio.Event()

    async def revocations(self) -> list[SessionRevoked]:
        if self.faults:
            raise self.faults.pop()
        self.loaded.set()
        return self.revoked


def _identity(**given) -> Identity:
    known = {"user_id": "usr", "workspace_id": "ws", "role": Role.OWNER, "session_id": "ses"}
    return Identity(**{**known, "issued_at": 1_000, "expires_at": 2_000, **given})


def _revoked(at: int, **who: str) -> SessionRevoked:
    moment = datetime.fromtimestamp(at, UTC)
    return SessionRevoked(revoked_at=moment, expires_at=moment + timedelta(days=40_000), **who)


async def test_loading_goes_on_until_it_succeeds():
    source = RevocationList(_revoked(1_000, session_id="ses"))
    source.faults = [Unavailable("away"), RuntimeError("a bug")]
    copy = Revocations(source)
    running = asyncio.create_task(copy.keep_loaded(pause=0.001))
    async with asyncio.timeout(5):
        await source.loaded.wait()
    assert copy.covers(_identity())
    running.cancel()


PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (None, [], LOCAL),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, rubbish"], "10.0.0.1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["198.51.100.1:50312"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1:1, 10.0.0.2:443"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:50312"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:DB8:0::1]"], "2001:db8::1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:192.0.2.1", ["198.51.100.1"], "::ffff:192.0.2.1"),
        ("10.0.0.1", ["198.51.100.1:"], "10.0.0.1"),
        ("10.0.0.1", ["[198.51.100.1"], "10.0.0.1"),
    ],
)
def test_whose_address_counts(peer, forwarded, address):
    assert client_address(peer, forwarded, PROXIES) == address


@pytest.mark.parametrize(
    ("peer", "forwarded", "host"),
    [
        (None, "app.example", "gateway:8000"),
        ("192.0.2.1", "app.example", "gateway:8000"),
        ("10.0.0.1", "", "gateway:8000"),
        ("10.0.0.1", "app.example", "app.example"),
    ],
)
def test_which_host_was_asked(peer, forwarded, host):
    assert asked_host(peer, "gateway:8000", forwarded, PROXIES) == host


def test_an_ipv6_client_cannot_change_its_address():
    assert counted_as("2001:db8:1:2::1") == counted_as("2001:db8:1:2:ffff::9")
    assert counted_as("2001:db8:1:2::1") != counted_as("2001:db8:1:3::1")
    assert counted_as("::ffff:192.0.2.1") == counted_as("192.0.2.1") == "192.0.2.1"
    assert counted_as(LOCAL) == LOCAL


class NoRedis:
    """Counters that are away, or that have lost what they knew of revocations."""

    def __init__(self, counted: Counted | None) -> None:
        self.counted = counted

    async def check(self, key, limits, identity):
        return self.counted


EMPTIED = Counted(revoked=False, admitted=True, usage=Usage(), complete=False)


@pytest.mark.parametrize("counted", [None, EMPTIED])
async def test_nobody_is_let_in_on_a_copy_that_was_never_loaded(
    verifier, exchange, make_token, counted, monkeypatch
):
    monkeypatch.setattr("gateway.domain.revocations._LOADED_WITHIN", 0.01)
    source = RevocationList(_revoked(1_000, session_id="ses_out"))
    source.faults = [Unavailable("away")]
    copy = Revocations(source)
    plans = PlanSource()
    plans.found = Limits(100, 100)
    keeper = Doorkeeper(Credentials(verifier, exchange), Plans(plans), copy, NoRedis(counted))
    header = f"Bearer {make_token(session_id='ses_out')}"
    with pytest.raises(Unavailable):
        await keeper.caller(header, "192.0.2.1")
    running = asyncio.create_task(copy.keep_loaded(pause=0.001))
    async with asyncio.timeout(5):
        await source.loaded.wait()
    with pytest.raises(Unauthorized, match="revoked"):
        await keeper.caller(header, "192.0.2.1")
    other = f"Bearer {make_token(session_id='ses_in')}"
    assert (await keeper.caller(other, "192.0.2.1")).admitted
    running.cancel()


async def test_an_api_key_works_at_once_after_its_makers_role_changed_and_ends_when_revoked(
    verifier, signing_keys
):
    now = int(time.time())

    class Auth:
        asked, issued_at, holds = 0, now - 5, True

        async def exchange(self, token: str) -> str:
            self.asked += 1
            await asyncio.sleep(0)
            if not self.holds:
                raise Unauthorized("no")
            who = Identity("usr_1", "ws_1", Role.EDITOR, "key_1", self.issued_at, now + 60)
            return sign(who, KEY_ID, signing_keys.private)

    auth, plans, copy = Auth(), PlanSource(), Revocations(RevocationList())
    plans.found = Limits(1_000, 1_000)
    complete = Counted(revoked=False, admitted=True, usage=Usage(), complete=True)
    keeper = Doorkeeper(Credentials(verifier, auth), Plans(plans), copy, NoRedis(complete))

    def until(**who):
        expires = datetime.now(UTC) + timedelta(hours=1)
        at = datetime.fromtimestamp(now, UTC)
        return SessionRevoked(revoked_at=at, expires_at=expires, **who)

    async def calls():
        return await asyncio.gather(
            *(keeper.caller("Bearer kasal_k", "192.0.2.1") for _ in range(5)),
            return_exceptions=True,
        )

    await calls()
    copy.add(until(user_id="usr_1", workspace_id="ws_1"))
    auth.issued_at = now + 1
    assert all(one.identity.issued_at == now + 1 for one in await calls())
    assert auth.asked == 2
    stale = sign(
        Identity("usr_1", "ws_1", Role.EDITOR, "ses_1", now - 5, now + 60),
        KEY_ID,
        signing_keys.private,
    )
    with pytest.raises(Unauthorized, match="revoked"):
        await keeper.caller(f"Bearer {stale}", "192.0.2.1")
    auth.holds = False
    copy.add(until(session_id="key_1"))
    for _ in range(3):
        assert {type(one) for one in await calls()} == {Unauthorized}
    assert auth.asked == 3
