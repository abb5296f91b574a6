"""Plans, admission and addresses, over made-up sources."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from common.addresses import counted_as
from common.contracts.messages import SessionRevoked
from common.door.credentials import CredentialCheck
from common.door.doorkeeper import Doorkeeper
from common.door.refusals import Refusals
from common.door.revocations import RevocationCopy
from common.errors import Unauthorized, Unavailable
from gateway.domain.addresses import LOCAL, client_address, requested_host, requested_scheme
from gateway.domain.admission import AdmissionControl
from gateway.domain.plans import KnownPlans
from gateway.domain.ports import Counted
from gateway.domain.windows import TIERS, RateLimits, WindowUsage


class PlanSource:
    def __init__(self) -> None:
        self.found: RateLimits | None = RateLimits(5, 1)
        self.asked = 0

    async def limits(self, workspace_id: str) -> RateLimits:
        self.asked += 1
        await asyncio.sleep(0)
        if self.found is None:
            raise Unavailable("away")
        return self.found


async def test_a_plan_is_asked_for_once_and_kept_while_auth_is_away(monkeypatch):
    source = PlanSource()
    plans = KnownPlans(source)
    assert set(await asyncio.gather(*(plans.limits("ws") for _ in range(5)))) == {RateLimits(5, 1)}
    assert source.asked == 1
    now = time.monotonic()
    monkeypatch.setattr("gateway.domain.plans.time.monotonic", lambda: now + 61)
    source.found = None
    assert await plans.limits("ws") == RateLimits(5, 1)
    assert await plans.limits("other") == TIERS["free"]
    assert source.asked == 3


async def test_a_look_up_under_way_while_the_plan_changes_is_not_kept():
    class Slow(PlanSource):
        async def limits(self, workspace_id: str) -> RateLimits:
            found = self.found
            self.asked += 1
            asked.set()
            await answer.wait()
            return found

    asked, answer = asyncio.Event(), asyncio.Event()
    source = Slow()
    plans = KnownPlans(source)
    early = asyncio.create_task(plans.limits("ws"))
    await asked.wait()
    asked.clear()
    source.found = RateLimits(50, 10)
    plans.forget("ws")
    late = asyncio.create_task(plans.limits("ws"))
    await asked.wait()
    answer.set()
    assert (await early, await late) == (RateLimits(5, 1), RateLimits(50, 10))
    assert plans.known_limits("ws") == RateLimits(50, 10)
    assert source.asked == 2


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
def test_which_host_was_requested(peer, forwarded, host):
    assert requested_host(peer, "gateway:8000", forwarded, PROXIES) == host


@pytest.mark.parametrize(
    ("peer", "forwarded", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "HTTPS, http", "https"),
        ("10.0.0.1", "", "http"),
        ("10.0.0.1", "ftp", "http"),
        ("192.0.2.1", "https", "http"),
        (None, "https", "http"),
    ],
)
def test_which_scheme_was_used(peer, forwarded, scheme):
    assert requested_scheme(peer, "http", forwarded, PROXIES) == scheme


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


class RevocationList:
    """Auth's list, which is away at first."""

    def __init__(self, *listed: SessionRevoked) -> None:
        self.listed = list(listed)
        self.faults: list[Exception] = [Unavailable("away")]

    async def revocations(self) -> list[SessionRevoked]:
        if self.faults:
            raise self.faults.pop()
        return self.listed


EMPTIED = Counted(revoked=False, admitted=True, usage=WindowUsage(), complete=False)


@pytest.mark.parametrize("counted", [None, EMPTIED])
async def test_nobody_is_let_in_on_a_copy_that_was_never_loaded(
    verifier, make_token, counted, monkeypatch
):
    monkeypatch.setattr("common.door.revocations._LOADED_WITHIN", 0.01)
    moment = datetime.now(UTC)
    ended = SessionRevoked(
        session_id="ses_out", revoked_at=moment, expires_at=moment + timedelta(hours=1)
    )
    copy, loaded = RevocationCopy(RevocationList(ended)), asyncio.Event()
    copy.on_change = loaded.set
    plans = PlanSource()
    plans.found = RateLimits(100, 100)
    keeper = Doorkeeper(CredentialCheck(verifier, NoExchange(), Refusals(1)))
    control = AdmissionControl(keeper, KnownPlans(plans), copy, NoRedis(counted))
    token = make_token(session_id="ses_out")
    with pytest.raises(Unavailable):
        await control.admit_caller(token, "192.0.2.1")
    running = asyncio.create_task(copy.keep_loaded(pause=0.001))
    async with asyncio.timeout(60):
        await loaded.wait()
    with pytest.raises(Unauthorized, match="revoked"):
        await control.admit_caller(token, "192.0.2.1")
    other = make_token(session_id="ses_in")
    assert (await control.admit_caller(other, "192.0.2.1")).admitted
    running.cancel()


class NoExchange:
    async def exchange(self, token: str) -> str:
        raise AssertionError("a JWT is not exchanged")


class Door:
    """Redis that finds a session revoked; auth that gives the key's holder another."""

    def __init__(self, make_token) -> None:
        self.make_token = make_token
        self.exchanged = 0

    async def exchange(self, token: str) -> str:
        self.exchanged += 1
        return self.make_token(session_id=f"key_{self.exchanged}", expires_in=60)

    async def check(self, key, limits, identity):
        revoked = identity.session_id == "key_1"
        return Counted(revoked=revoked, admitted=True, usage=WindowUsage(), complete=True)


async def test_a_key_that_redis_finds_revoked_is_exchanged_once_more(verifier, make_token):
    door, plans = Door(make_token), PlanSource()
    keeper = Doorkeeper(CredentialCheck(verifier, door, Refusals(1)))
    copy = RevocationCopy(RevocationList())
    control = AdmissionControl(keeper, KnownPlans(plans), copy, door)
    for _ in range(2):
        admission = await control.admit_caller("kasal_k", "192.0.2.1")
        assert admission.identity.session_id == "key_2"
        assert admission.jwt
    assert door.exchanged == 2
