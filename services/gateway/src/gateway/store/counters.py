"""Revocations and rate windows in Redis: one script call for every batch of requests."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

from opentelemetry.metrics import Meter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from common.backends import takes_writes
from common.contracts.revocations import LOADED_KEY, session_key, user_key
from common.door.windows import Window
from common.identity import Identity
from common.logs import get_logger
from gateway.domain.ports import Counted
from gateway.domain.windows import RateLimits, WindowUsage

log = get_logger(__name__)

_LARGEST_BATCH = 64
_TIMEOUT = 0.5
_PING_EVERY = 0.5
_NONE = "kasal:none"
"""A key that is never written, for requests that have no session to look up."""

# KEYS: loaded, then session, user and window of each request.
# ARGV: now in milliseconds (0: Redis' own clock), then issued_at, per_hour and per_minute of each
# request (-1: none). Answers now, loaded, then revoked, admitted and the six numbers of the windows
# of each request, as one text: that is read several times as fast as a list of numbers.
_SCRIPT = """
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function roll(window, length)
  local behind = now - window[1]
  if behind >= 2 * length or behind < 0 then
    window[2], window[3] = 0, 0
  elseif behind >= length then
    window[1], window[2], window[3] = window[1] + length, 0, window[2]
  end
  if window[2] == 0 and window[3] == 0 then window[1] = now end
end

local function admits(window, length, limit)
  if limit < 0 then return true end
  return window[3] * (1 - (now - window[1]) / length) + window[2] + 1 <= limit
end

local values = redis.call('MGET', unpack(KEYS))
local out = {now, values[1] and 1 or 0}
local usages = {}
for i = 2, #KEYS, 3 do
  local issued = tonumber(ARGV[i])
  local per_hour, per_minute = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local user = values[i + 1]
  local revoked = values[i] or (user and issued <= tonumber(user))
  local key = KEYS[i + 2]
  local usage = usages[key]
  if not usage then
    local n = {}
    for number in string.gmatch(values[i + 2] or '0 0 0 0 0 0', '%d+') do
      n[#n + 1] = tonumber(number)
    end
    usage = {hour = {n[1], n[2], n[3]}, minute = {n[4], n[5], n[6]}, changed = false}
    roll(usage.hour, 3600000)
    roll(usage.minute, 60000)
    usages[key] = usage
  end
  local hour, minute = usage.hour, usage.minute
  local admitted = false
  if not revoked then
    admitted = admits(hour, 3600000, per_hour) and admits(minute, 60000, per_minute)
    if admitted and (per_hour >= 0 or per_minute >= 0) then
      hour[2], minute[2], usage.changed = hour[2] + 1, minute[2] + 1, true
      usage.life = per_hour >= 0 and 7200000 or 120000
    end
  end
  out[#out + 1] = revoked and 1 or 0
  out[#out + 1] = admitted and 1 or 0
  for _, number in ipairs({hour[1], hour[2], hour[3], minute[1], minute[2], minute[3]}) do
    out[#out + 1] = number
  end
end
for key, usage in pairs(usages) do
  if usage.changed then
    local h, m = usage.hour, usage.minute
    local text = string.format('%d %d %d %d %d %d', h[1], h[2], h[3], m[1], m[2], m[3])
    redis.call('SET', key, text, 'PX', usage.life)
  end
end
for i, number in ipairs(out) do out[i] = string.format('%d', number) end
return table.concat(out, ' ')
"""


class _Request(NamedTuple):
    key: str
    limits: RateLimits
    identity: Identity | None
    answer: asyncio.Future[Counted | None]


class RedisCounters:
    """Counts in Redis. Requests that arrive during a call share the next one.

    When Redis does not answer or refuses writes, this is logged once and counted per request, and Redis is
    checked in the background; `on_change` is called when it is lost and when it is back. `run` must be running.
    """

    def __init__(self, redis: Redis, meter: Meter, clock: Callable[[], int] = lambda: 0) -> None:
        self._redis = redis
        self._script = redis.register_script(_SCRIPT)
        self._clock = clock
        self._waiting: list[_Request] = []
        self._wanted = asyncio.Event()
        self._away = False
        self.on_change: Callable[[], None] = lambda: None
        self._without = meter.create_counter(
            "kasal.gateway.requests_without_redis",
            description="Requests admitted by this process's own windows and revocations",
        )
        self._without.add(0)  # there from the start: an alert would not see a first count appear

    async def check(
        self, key: str, limits: RateLimits, identity: Identity | None
    ) -> Counted | None:
        """Look up and count one request; None while Redis is away."""
        counted = None
        if not self._away:
            answer: asyncio.Future[Counted | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(_Request(key, limits, identity, answer))
            self._wanted.set()
            counted = await answer
        if counted is None:
            self._without.add(1)
        return counted

    async def ping(self) -> None:
        """Return if Redis accepts writes; raises what its client raises otherwise."""
        async with asyncio.timeout(_TIMEOUT):
            await takes_writes(self._redis)

    async def run(self) -> None:
        """Answer requests, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._waiting:
                    await self._answer_next()
                if self._away:
                    await self._wait_for_redis()
        finally:
            self._away = True
            self._give_up(self._waiting)

    async def _answer_next(self) -> None:
        batch, self._waiting = self._waiting[:_LARGEST_BATCH], self._waiting[_LARGEST_BATCH:]
        try:
            async with asyncio.timeout(_TIMEOUT):
                numbers = await self._run_script(batch)
            self._resolve(batch, numbers)
        except Exception as fault:  # noqa: BLE001 - whatever it is, those who wait must be answered
            self._away = True
            log.warning("redis is away: counting and checking alone", reason=repr(fault))
            self._give_up(batch + self._waiting)
            self._waiting = []
            self.on_change()
        except BaseException:
            self._give_up(batch)
            raise

    async def _run_script(self, batch: list[_Request]) -> list[int]:
        keys = [LOADED_KEY]
        arguments: list[Any] = [self._clock()]
        for key, limits, identity, _ in batch:
            if identity is None:
                keys += (_NONE, _NONE, key)
                issued_at = 0
            else:
                session = session_key(identity.session_id)
                user = user_key(identity.workspace_id, identity.user_id)
                keys += (session, user, key)
                issued_at = identity.issued_at
            arguments += (issued_at, _number(limits.per_hour), _number(limits.per_minute))
        answer: str = await self._script(keys=keys, args=arguments)
        return [int(number) for number in answer.split()]

    @staticmethod
    def _resolve(batch: list[_Request], numbers: list[int]) -> None:
        now, loaded = numbers[0], numbers[1] == 1
        for index, request in enumerate(batch):
            if request.answer.done():  # its client went away
                continue
            at = 2 + index * 8
            revoked, admitted, hs, hc, hp, ms, mc, mp = numbers[at : at + 8]
            usage = WindowUsage(Window(hs, hc, hp), Window(ms, mc, mp), now)
            request.answer.set_result(Counted(revoked == 1, admitted == 1, usage, loaded))

    @staticmethod
    def _give_up(batch: list[_Request]) -> None:
        for request in batch:
            if not request.answer.done():
                request.answer.set_result(None)

    async def _wait_for_redis(self) -> None:
        """Wait until Redis takes counts again."""
        while self._away:
            await asyncio.sleep(_PING_EVERY)
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self.ping()
                self._away = False
        log.info("redis is back: counting and checking with the others")
        self.on_change()


def _number(limit: int | None) -> int:
    return -1 if limit is None else limit
