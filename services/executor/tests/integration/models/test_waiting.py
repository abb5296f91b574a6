"""A provider that is away or refuses for now: waited for, told of, and given up when it is time."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.model import ModelFault, SilentListener
from executor.models.patience import ModelPatience


class Heard(SilentListener):
    def __init__(self):
        self.requests = 0
        self.waited = []
        self.waiting = asyncio.Event()

    def on_request(self):
        self.requests += 1

    def on_wait(self, why, seconds):
        self.waited.append((why, seconds))
        self.waiting.set()


def refused(status, message="Not now", **headers):
    return (status, {"error": {"message": message, "type": "x"}}, headers)


async def asked(server, talk, patience):
    models = Models(
        ModelSettings({"openai": Access(url=server.url)}, timeout=60, patience=patience)
    )
    heard = Heard()
    try:
        model = await models.resolve("openai:fake")
        return await model.request(talk(), [], heard), heard
    except ModelFault as fault:
        return fault, heard
    finally:
        await models.close()


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 529])
async def test_what_may_pass_is_asked_for_again_and_told(server, talk, kit, status):
    server.answers = [refused(status), kit.said("Hello")]
    reply, heard = await asked(server, talk, ModelPatience(longest=600, first=0.01))
    assert reply.text == "Hello"
    [(why, seconds)] = heard.waited
    assert "openai:fake" in why
    assert "Not now" in why
    assert 0 < seconds < 1
    assert heard.requests == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 451, 501])
async def test_what_will_not_pass_is_not(server, talk, status):
    server.answers = [refused(status)]
    fault, heard = await asked(server, talk, ModelPatience(longest=600, first=0.01))
    assert fault.code == "MODEL_ERROR"
    assert "Not now" in fault.message
    assert (heard.requests, heard.waited) == (1, [])


async def test_a_quota_that_is_used_up_is_not(server, talk):
    body = {"error": {"message": "Pay first", "code": "insufficient_quota"}}
    server.answers = [(429, body, {})]
    fault, heard = await asked(server, talk, ModelPatience(longest=600, first=0.01))
    assert fault.code == "RATE_LIMIT"
    assert "quota" in fault.message
    assert heard.requests == 1


def date(seconds):
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    "told", ["0", "-5", "nonsense", "nan", "inf", "1e999", "", "0.0", "in the past", "Thu, 99 Foo"]
)
async def test_no_word_of_a_provider_makes_us_ask_faster(server, talk, told):
    told = date(-100) if told == "in the past" else told
    server.answers = [refused(429, **{"Retry-After": told})]
    _, heard = await asked(server, talk, ModelPatience(tries=4, longest=600, first=0.05))
    pauses = [seconds for _, seconds in heard.waited]
    assert len(pauses) == 3
    assert all(
        own * 0.8 <= pause <= own * 1.2 for own, pause in zip((0.05, 0.1, 0.2), pauses, strict=True)
    )


@pytest.mark.parametrize(
    ("headers", "least"),
    [(lambda: {"Retry-After": "0.5"}, 0.5), (lambda: {"retry-after-ms": "400"}, 0.4),
     (lambda: {"Retry-After": date(2)}, 0.5),
     (lambda: {"x-ms-retry-after-ms": "400", "Retry-After": "0"}, 0.4)],
)  # fmt: skip
async def test_what_a_provider_asks_for_is_waited(server, talk, kit, headers, least):
    server.answers = [lambda _: refused(503, **headers()), kit.said("Hello")]
    begun = time.monotonic()
    reply, heard = await asked(server, talk, ModelPatience(longest=600, first=0.01))
    assert reply.text == "Hello"
    assert heard.waited[0][1] >= least
    assert time.monotonic() - begun >= least


async def test_more_than_the_patience_is_not_waited_and_said(server, talk):
    server.answers = [refused(429, **{"Retry-After": "31"})]
    fault, heard = await asked(server, talk, ModelPatience(longest=30, first=0.01))
    assert fault.code == "RATE_LIMIT"
    assert "31 s" in fault.message
    assert "KASAL_MODEL_PATIENCE" in fault.message
    assert heard.requests == 1


async def test_a_provider_that_comes_back_is_not_given_up(server, talk, kit):
    server.answers = [*[refused(503)] * 5, kit.said("Hello")]
    reply, heard = await asked(server, talk, ModelPatience(longest=600, first=0.02, most=0.05))
    assert reply.text == "Hello"
    assert len(heard.waited) == 5


async def test_patience_ends(server, talk):
    server.answers = [refused(503)]
    begun = time.monotonic()
    fault, _ = await asked(server, talk, ModelPatience(longest=0.5, first=0.05))
    assert fault.code == "MODEL_UNAVAILABLE"
    assert time.monotonic() - begun > 0.4


async def test_waiting_ends_at_once_when_it_is_cut_off(server, talk):
    server.answers = [refused(429, **{"Retry-After": "200"})]
    models = Models(ModelSettings({"openai": Access(url=server.url)}, timeout=60))
    heard = Heard()
    try:
        model = await models.resolve("openai:fake")
        task = asyncio.create_task(model.request(talk(), [], heard))
        await asyncio.wait_for(heard.waiting.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(task), 30)
    finally:
        await models.close()
    assert len(server.asked) == 1


async def test_an_address_where_nobody_is_is_told_without_its_credentials(talk):
    url = "http://user:secret@127.0.0.1:9/v1"
    settings = ModelSettings(
        {"openai": Access(url=url)}, patience=ModelPatience(longest=0.2, first=0.05)
    )
    models = Models(settings)
    try:
        with pytest.raises(ModelFault) as fault:
            await (await models.resolve("openai:fake")).request(talk(), [])
    finally:
        await models.close()
    assert fault.value.code == "MODEL_UNAVAILABLE"
    assert "127.0.0.1:9" in fault.value.message
    assert "secret" not in fault.value.message


def test_minutes_are_waited_by_default():
    assert ModelSettings().patience.longest >= 120
