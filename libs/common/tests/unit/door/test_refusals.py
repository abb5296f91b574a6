"""Refused tokens, counted by address."""

from common.door.refusals import Refusals
from common.door.windows import MINUTE


class Clock:
    def __init__(self) -> None:
        self.now = 1_764_000_000_000

    def __call__(self) -> int:
        return self.now


def test_an_address_is_exhausted_until_enough_of_its_minute_has_passed():
    clock = Clock()
    refusals = Refusals(2, clock)
    refusals.add("192.0.2.1")
    assert not refusals.exhausted("192.0.2.1")
    refusals.add("192.0.2.1")
    assert refusals.exhausted("192.0.2.1")
    assert not refusals.exhausted("192.0.2.2")
    clock.now += MINUTE + MINUTE // 2
    assert not refusals.exhausted("192.0.2.1")
    refusals.add("192.0.2.1")
    assert refusals.exhausted("192.0.2.1"), "half of the minute before still counts"


def test_who_goes_on_trying_is_not_shut_out_for_longer():
    clock = Clock()
    refusals = Refusals(2, clock)
    for _ in range(1_000):
        refusals.add("192.0.2.1")
    clock.now += 2 * MINUTE
    assert not refusals.exhausted("192.0.2.1")


def test_an_ipv6_client_cannot_change_its_address():
    refusals = Refusals(1, Clock())
    refusals.add("2001:db8:1:2::1")
    assert refusals.exhausted("2001:db8:1:2:ffff::9")
    assert not refusals.exhausted("2001:db8:1:3::1")


def test_any_number_of_addresses_takes_bounded_memory():
    refusals = Refusals(1, Clock(), remembered=100)
    for number in range(150):
        refusals.add(f"address {number}")
    assert not refusals.exhausted("address 49")
    assert refusals.exhausted("address 50")
