"""Secrets that rotate: one is current, all are accepted."""

import pytest

from common.idempotency.keys import GivenKey, IdempotencyKeys
from common.idempotency.once import at_most_once
from common.security.rotation import RotatingSecret
from common.security.sealing import CannotOpen, Sealer
from common.web.models import AnswerModel, RequestModel

OLD, NEW, OTHER = (
    "the old secret, without its comma".replace(",", ""),
    "new-secret-of-32",
    "another-one-of-32",
)


def test_the_first_is_current_and_all_are_accepted():
    secret = RotatingSecret.of(f" {NEW},\n{OLD}\n{NEW} ")
    assert (secret.current, secret.all) == (NEW, (NEW, OLD))
    assert secret.accepts(OLD)
    assert secret.accepts(NEW)
    assert not secret.accepts(OTHER)
    assert not secret.accepts(f"{NEW},{OLD}")
    assert not secret.accepts("")
    assert NEW not in repr(secret)


@pytest.mark.parametrize("nothing", ["", " , ", ",,", "\n"])
def test_a_setting_of_separators_is_no_secret(nothing):
    with pytest.raises(ValueError, match="no secret"):
        RotatingSecret.of(nothing)


def test_what_an_old_key_sealed_opens_and_is_sealed_anew_once():
    sealed = Sealer(OLD, "credentials").seal(b"hunter2", "tool_1")
    both = Sealer(f"{NEW},{OLD}", "credentials")
    assert both.open(sealed, "tool_1") == b"hunter2"
    anew = both.reseal(sealed, "tool_1")
    assert anew is not None
    assert both.reseal(anew, "tool_1") is None
    assert Sealer(NEW, "credentials").open(anew, "tool_1") == b"hunter2"
    with pytest.raises(CannotOpen, match="tool_1 was sealed under another KASAL_SECRET_KEY"):
        Sealer(OLD, "credentials").open(anew, "tool_1")


@pytest.mark.parametrize("broken", [b"", b"short", b"x" * 40])
def test_what_is_broken_opens_under_no_key(broken):
    with pytest.raises(CannotOpen):
        Sealer(f"{NEW},{OLD}", "credentials").open(broken, "tool_1")


def test_a_key_that_only_reads_does_not_seal():
    """The first of three steps: every process can read the new key before any writes with it."""
    sealed = Sealer(f"{OLD},{NEW}", "credentials").seal(b"hunter2", "tool_1")
    assert Sealer(OLD, "credentials").open(sealed, "tool_1") == b"hunter2"


class Body(RequestModel):
    name: str = "Ann"


class Answer(AnswerModel):
    id: str


class Kept:
    """Receipts in memory."""

    def __init__(self):
        self.held = {}

    async def receipt(self, key, now):
        return self.held.get(key)

    async def forget(self, now):
        raise AssertionError


@pytest.mark.parametrize("before", [OLD, f"{OLD},{NEW}", f"{NEW},{OLD}"])
@pytest.mark.parametrize("after", [f"{OLD},{NEW}", f"{NEW},{OLD}"])
@pytest.mark.parametrize("secret_answer", [False, True])
async def test_a_request_is_known_again_under_every_key_of_a_rotation(before, after, secret_answer):
    from common.idempotency.once import Replayed

    given, kept = GivenKey("POST /things", "a key"), Kept()

    def once(secret):
        keys = IdempotencyKeys(secret)

        def answer(made):
            return Answer(id=made)

        if secret_answer:
            return keys.once_for("usr_1", given, "ws_1", Body(), answer)
        return keys.once(given, "ws_1", Body(), answer)

    async def make():
        receipt = once(before).receipt("thing_1")
        kept.held[receipt.key] = receipt
        return "thing_1"

    assert await at_most_once(once(before), kept, make) == "thing_1"
    with pytest.raises(Replayed) as replayed:
        await at_most_once(once(after), kept, make)
    assert b"thing_1" in replayed.value.answer
