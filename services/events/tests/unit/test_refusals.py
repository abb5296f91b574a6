"""Refused tokens, counted by address."""

from events.domain.refusals import Refusals


def test_an_address_is_spent_until_its_minute_is_over():
    now = [100.0]
    refusals = Refusals(2, lambda: now[0])
    refusals.add("a")
    assert not refusals.spent("a")
    refusals.add("a")
    assert refusals.spent("a")
    assert not refusals.spent("b")
    now[0] += 61
    assert not refusals.spent("a")
    refusals.add("a")
    assert not refusals.spent("a")


def test_no_number_of_addresses_takes_memory_without_end():
    refusals = Refusals(1, lambda: 1.0)
    for number in range(12_000):
        refusals.add(str(number))
    assert not refusals.spent("0")
    assert refusals.spent("11999")
