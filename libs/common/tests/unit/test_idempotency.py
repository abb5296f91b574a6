"""Idempotency keys: what a key may be, what is kept of a request, and that it takes effect once."""

import json
from datetime import timedelta

import pytest
from pydantic import BaseModel

from common.errors import Conflict, IdempotencyKeyReused, InvalidRequest, Unavailable
from common.idempotency.keys import PATTERN, GivenKey, IdempotencyKeys, parse
from common.idempotency.once import KEPT_FOR, KeyTaken, Replayed, at_most_once, receipt_of
from common.security.sealing import CannotOpen
from common.times import utc_now
from devkit.stores.receipts import MemoryReceipts


class Body(BaseModel):
    name: str
    password: str = "none"
    inputs: dict[str, int] = {}


class Answer(BaseModel):
    id: str


def answer(made: str) -> Answer:
    return Answer(id=made)


GIVEN = GivenKey("POST /things", "a key")
KEYS = IdempotencyKeys("a secret of the tests")


def once(body: Body | None = None, given: GivenKey = GIVEN, scope: str = "ws_1", keys=KEYS):
    return keys.once(given, scope, body or Body(name="Ann"), answer)


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ('"8e03978e-40d5-43e8-bc93-6894a57f9324"', "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        ("job_1:task_1:3", "job_1:task_1:3"),
        ("a+b/c==", "a+b/c=="),
        ('"with a space, a \\" and a \\\\"', 'with a space, a " and a \\'),
        ("x" * 255, "x" * 255),
        (f'"{"x" * 255}"', "x" * 255),
    ],
)
def test_a_key_is_a_string_in_quotes_or_the_same_without(sent, key):
    assert parse(sent) == key


@pytest.mark.parametrize(
    "sent",
    [
        "",
        '""',
        '"',
        "x" * 256,
        f'"{"x" * 256}"',
        "two words",
        '"one", "two"',
        "one,two",
        '"key";a=1',
        '"a\\b"',
        'a"b',
        '"a"b"',
        "sch\xf6n",
        '"sch\xf6n"',
        "tab\tin it",
        "line\n",
        '"line\n"',
    ],
)
def test_anything_else_is_refused(sent):
    with pytest.raises(InvalidRequest) as refused:
        parse(sent)
    assert refused.value.details["field"] == "Idempotency-Key"
    assert refused.value.details["reason"]


def test_the_documented_pattern_is_one_of_json_schema():
    assert json.loads(json.dumps(PATTERN)) == PATTERN
    assert "(?" not in PATTERN  # ECMA 262 has groups of its own kinds


def test_a_key_counts_in_its_scope_and_route_only():
    elsewhere = [
        once(scope="ws_2"),
        once(given=GivenKey("POST /others", "a key")),
        once(given=GivenKey("POST /things", "another key")),
        once(keys=IdempotencyKeys("another secret")),
    ]
    assert len({one.key for one in [once(), *elsewhere]}) == 5
    assert once().key == once(Body(name="Bea")).key


def test_a_body_is_what_was_sent_whatever_the_order_of_its_fields():
    one = Body.model_validate_json('{"name": "Ann", "inputs": {"a": 1, "b": 2}}')
    same = Body.model_validate_json('{"inputs": {"b": 2, "a": 1}, "name": "Ann"}')
    other = Body.model_validate_json('{"name": "Ann", "inputs": {"a": 1, "b": 3}}')
    assert once(one).body == once(same).body != once(other).body


def test_nothing_that_was_sent_is_kept_in_a_readable_form():
    request = once(Body(name="Ann", password="a password"))
    kept = repr(request.receipt("made"))
    assert "a key" not in kept
    assert "Ann" not in kept
    assert "a password" not in kept
    assert once(Body(name="Ann", password="a password"), keys=IdempotencyKeys("x")).body not in kept


def test_a_secret_answer_opens_only_with_the_clients_own_key():
    def made(given, user="usr_1"):
        return KEYS.once_for(user, given, "ws_1", Body(name="Ann"), answer)

    receipt = made(GIVEN).receipt("the secret")
    assert b"the secret" not in receipt.answer
    assert json.loads(made(GIVEN).replay(receipt).answer) == {"id": "the secret"}
    with pytest.raises(CannotOpen):
        made(GivenKey("POST /things", "a guess")).replay(receipt)
    with pytest.raises(IdempotencyKeyReused):
        made(GIVEN, "usr_2").replay(receipt)


class Things(MemoryReceipts):
    """A store; `fault` is raised by the next call, before or after it has taken effect."""

    def __init__(self):
        super().__init__()
        self.made = []
        self.before = self.after = None

    async def add(self, thing, receipt):
        if self.before is not None:
            fault, self.before = self.before, None
            raise fault
        self.check_free(receipt)
        self.made.append(thing)
        self.keep(receipt)
        if self.after is not None:
            fault, self.after = self.after, None
            raise fault

    async def request(self, one, thing="made"):
        async def make():
            await self.add(thing, receipt_of(one, thing))
            return thing

        return await at_most_once(one, self, make)


@pytest.fixture
def things():
    return Things()


async def test_without_a_key_each_request_takes_effect(things):
    assert KEYS.once(None, "ws_1", Body(name="Ann"), answer) is None
    await things.request(None)
    await things.request(None)
    assert things.made == ["made", "made"]


async def test_a_repeated_request_is_answered_with_the_first_answer(things):
    assert await things.request(once(), "first") == "first"
    for _ in range(2):
        with pytest.raises(Replayed) as replayed:
            await things.request(once(), "second")
        assert json.loads(replayed.value.answer) == {"id": "first"}
    assert things.made == ["first"]


async def test_a_key_with_another_body_is_refused(things):
    await things.request(once())
    with pytest.raises(IdempotencyKeyReused):
        await things.request(once(Body(name="Bea")))
    assert things.made == ["made"]


async def test_a_refusal_is_not_kept(things):
    things.before = InvalidRequest("No.")
    with pytest.raises(InvalidRequest):
        await things.request(once())
    assert await things.request(once(Body(name="Bea"))) == "made"


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_request_whose_process_died_is_finished_by_its_repetition(things, moment):
    setattr(things, moment, Unavailable())
    with pytest.raises(Unavailable):
        await things.request(once())
    if moment == "before":
        await things.request(once())
    else:
        with pytest.raises(Replayed):
            await things.request(once())
    assert things.made == ["made"]


async def test_who_is_refused_for_what_its_twin_did_gets_the_twins_answer(things):
    async def make():
        await things.request(once(), "the twin's")
        raise Conflict("There is one of that name already.")

    with pytest.raises(Replayed) as replayed:
        await at_most_once(once(), things, make)
    assert json.loads(replayed.value.answer) == {"id": "the twin's"}


async def test_who_loses_to_a_twin_that_cannot_be_found_is_told_to_come_again(things):
    things.before = KeyTaken()
    with pytest.raises(KeyTaken) as told:
        await things.request(once())
    assert (told.value.status, told.value.code) == (409, "CONFLICT")


async def test_after_a_day_a_key_is_as_good_as_new(things):
    now = utc_now()
    keys = IdempotencyKeys(clock=lambda: now)
    await things.request(once(keys=keys), "first")
    now += KEPT_FOR - timedelta(seconds=1)
    with pytest.raises(Replayed):
        await things.request(once(keys=keys), "too early")
    now += timedelta(seconds=1)
    assert await things.request(once(Body(name="Bea"), keys=keys), "next day") == "next day"
    assert things.made == ["first", "next day"]
