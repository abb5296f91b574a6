"""A provider's model behind `pydantic_ai.direct`: translation and retries."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from common.contracts.model_access import TokenPrice
from common.logs import get_logger
from common.times import utc_now
from executor.domain.meters import Meters
from executor.models import declared, translation
from executor.models.conventions import provider_name
from executor.models.dialogue import Dialogue, Finish, Reply, Tokens
from executor.models.draft import Draft
from executor.models.masking import address
from executor.models.model import Listener, ModelFault, SilentListener
from executor.models.patience import ModelPatience
from executor.models.prices import cost, price
from executor.models.refusals import ModelAddress, Refusal, refusal
from executor.models.sent_settings import sent_settings
from executor.models.streams import stream_to
from executor.models.traits import Traits
from executor.models.writing import Writing, streamed_response
from executor.tools.spec import ToolSpec

log = get_logger(__name__)

_USELESS = 2
"""How often to repeat a request whose reply was empty or broke off: replies cost money."""
_REFUSED = 20
"""How many refused schemas are remembered; a model that refuses that many gets no more."""
_LARGE = 50_000
"""Replies with more characters are translated on a thread: the event loop serves other runs."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a workspace has set for a model of its own: the price, and headers for each request."""

    price: TokenPrice | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class RemoteModel:
    """Implements `Model`. `native` is pydantic-ai's model."""

    stands_for: str | None = None

    def __init__(
        self,
        label: str,
        native: Any,
        patience: ModelPatience,
        meters: Meters,
        traits: Traits,
        asked: ModelAddress | None = None,
        terms: Terms | None = None,
    ) -> None:
        self.label = label
        self.provider = provider_name(str(native.system))
        self._native = native
        self._patience = patience
        self._meters = meters
        self._traits = traits
        self._address = asked or ModelAddress(label, str(getattr(native, "base_url", "") or ""))
        self.server = address(self._address.url)
        self._terms = terms or Terms()
        self._refused: set[bytes] = set()

    def price(self, tokens: Tokens) -> float | None:
        """Return what `tokens` cost in US dollars, or None if no price is known."""
        if self._terms.price is not None:
            return cost(self._terms.price, tokens)
        return price(self._native, tokens) if self._traits.priced else None

    async def request(
        self, dialogue: Dialogue, tools: Sequence[ToolSpec], listener: Listener | None = None
    ) -> Reply:
        """Return the next reply. Raises `ModelFault`.

        Temporary failures are retried first: rate limits, 5xx, lost connections, empty answers.
        """
        listener = listener or SilentListener()
        longest = min(self._patience.longest, listener.patience or self._patience.longest)
        loop = asyncio.get_running_loop()
        tries, useless, until = 0, 0, 0.0
        while True:
            try:
                reply = await self._ask_with_shape(dialogue, tools, listener)
                broken = reply.finish is Finish.FAILED
                if not _is_empty(reply) or (useless >= _USELESS and not broken):
                    return reply
                useless += 1
                listener.on_waste(reply.tokens)
                failed = Refusal(self._empty_reply_fault(reply), passing=useless <= _USELESS)
            except _RequestFailed as fault:
                failed = fault.refusal
            tries += 1
            until = until or loop.time() + longest
            pause = self._patience.pause(tries, until - loop.time(), failed.retry_after)
            if pause is None or not failed.passing:
                raise _last_fault(failed, tries, longest)
            listener.on_wait(failed.fault.message, pause)
            log.info("a model is asked again", model=self.label, code=failed.fault.code)
            self._meters.count_retry(self.provider, failed.fault.code)
            await asyncio.sleep(pause)

    async def check(self) -> None:
        """Ask for one token, once. Raises `ModelFault` unless the model answers, with whatever."""
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UserError
        from pydantic_ai.messages import ModelRequest

        settings = self._settings({})
        # OpenAI's Responses API takes no fewer than 16.
        least = 16 if type(self._native).__name__ == "OpenAIResponsesModel" else 1
        prompt = ModelRequest.user_text_prompt("Say yes.")
        try:
            await model_request(
                self._native, [prompt], model_settings=settings | {"max_tokens": least}
            )
        except ModelAPIError as fault:
            raise refusal(fault, self._address, utc_now()).fault from fault
        except UnexpectedModelBehavior as fault:
            if "token limit" not in str(fault):  # one token may not be enough for any text
                raise self._protocol_refusal(fault).fault from fault
        except UserError as fault:
            raise self._protocol_refusal(fault).fault from fault
        except Exception as fault:
            raise self._library_fault(fault) from fault

    def _settings(self, given: Mapping[str, Any]) -> Any:
        settings = sent_settings(given, self._native)
        if self._terms.headers:
            settings["extra_headers"] = dict(self._terms.headers)
        return settings

    def _empty_reply_fault(self, reply: Reply) -> ModelFault:
        reason = f" ({reply.reason})" if reply.reason else ""
        return ModelFault(
            "MODEL_UNAVAILABLE", f"{self._address.name} answered with nothing{reason}."
        )

    async def _ask_with_shape(
        self, dialogue: Dialogue, tools: Sequence[ToolSpec], listener: Listener
    ) -> Reply:
        """Ask with the answer's schema if the model may accept it; without it otherwise."""
        shape = self._shape(dialogue, tools)
        key = b"" if shape is None else self._key(shape)
        if shape is None or key in self._refused or len(self._refused) >= _REFUSED:
            return await self._ask(dialogue, tools, None, listener)
        try:
            return await self._ask(dialogue, tools, shape, listener)
        except (ModelFault, _RequestFailed) as fault:
            if not isinstance(fault, _RequestFailed) or not fault.refusal.shape:
                raise
        reply = await self._ask(dialogue, tools, None, listener)
        log.info("a model refuses the schema of its answer", model=self.label)
        self._refused.add(key)
        return reply

    def _shape(self, dialogue: Dialogue, tools: Sequence[ToolSpec]) -> Mapping[str, Any] | None:
        schema = dialogue.topic.output_schema
        if schema is None or not self._traits.shapes or (tools and not self._traits.beside_tools):
            return None
        if not self._native.profile.get("supports_json_schema_output", False):
            return None
        if schema.get("type") != "object" or (
            self._traits.closed and not declared.is_closed(schema)
        ):
            return None
        return schema

    def _key(self, shape: Mapping[str, Any]) -> bytes:
        if self._traits.one_shape:
            return b"any"
        return hashlib.sha256(orjson.dumps(shape, option=orjson.OPT_SORT_KEYS)).digest()

    async def _ask(
        self,
        dialogue: Dialogue,
        tools: Sequence[ToolSpec],
        shape: Mapping[str, Any] | None,
        listener: Listener,
    ) -> Reply:
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UserError

        listener.on_request()
        try:
            asked = declared.parameters(tools, shape, closed=self._traits.closed)
            response = await self._respond(dialogue, asked, listener)
        except ModelAPIError as fault:
            raise _RequestFailed(refusal(fault, self._address, utc_now())) from fault
        except (UnexpectedModelBehavior, UserError) as fault:
            raise _RequestFailed(self._protocol_refusal(fault)) from fault
        except Exception as fault:
            raise self._library_fault(fault) from fault
        return await self._translate(response, dialogue, tools)

    async def _respond(self, dialogue: Dialogue, asked: Any, listener: Listener) -> Any:
        """Return pydantic-ai's response; show the text while it is written to a listener who watches."""
        from pydantic_ai.direct import model_request

        settings = self._settings(dialogue.settings)
        call = {"model_settings": settings, "model_request_parameters": asked}
        messages = translation.messages(dialogue)
        if self._native.profile.get(
            "tool_call_id_length"
        ):  # or else calls of another model would be refused
            messages = self._native.prepare_messages(messages, asked)
        if not listener.watched:
            return await model_request(self._native, messages, **call)
        tagged = f"{dialogue.instructions}\n{dialogue.opening}" if self._traits.tagged else None
        writing = Writing(Draft(tagged), listener)
        if self._traits.assembled:
            with stream_to(writing.add):
                return await model_request(self._native, messages, **call)
        return await streamed_response(self._native, messages, call, writing)

    def _protocol_refusal(self, fault: Exception) -> Refusal:
        message = f"{self._address.name}: its answer does not follow the protocol ({type(fault).__name__})."
        return Refusal(ModelFault("MODEL_ERROR", message), shape=True)

    def _library_fault(self, fault: Exception) -> ModelFault:
        log.error("a model's library failed", model=self.label, exc_info=fault)
        message = f"{self._address.name} failed ({type(fault).__name__})."
        return ModelFault("MODEL_ERROR", message)

    async def _translate(
        self, response: Any, dialogue: Dialogue, tools: Sequence[ToolSpec]
    ) -> Reply:
        def translate() -> Reply:
            tagged, priced = self._traits.tagged, self._traits.priced
            reply = translation.reply(response, dialogue, tools, tagged=tagged, priced=priced)
            if self._terms.price is None:
                return reply
            spent = replace(reply.tokens, cost_usd=cost(self._terms.price, reply.tokens))
            return replace(reply, tokens=spent)

        size = sum(
            len(str(getattr(part, "content", None) or getattr(part, "args", None) or ""))
            for part in response.parts
        )
        return await asyncio.to_thread(translate) if size > _LARGE else translate()


def _last_fault(failed: Refusal, tries: int, longest: float) -> ModelFault:
    if failed.retry_after is not None and failed.retry_after > longest:
        message = (
            f"It asks to wait {failed.retry_after:.0f} s, which is longer than the workers' "
            f"KASAL_MODEL_PATIENCE of {longest:g} s."
        )
    else:
        message = f"It was asked {tries} times." if tries > 1 else ""
    return failed.fault.with_words(message)


class _RequestFailed(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.fault.message)
        self.refusal = refusal


def _is_empty(reply: Reply) -> bool:
    if reply.finish is Finish.FAILED:
        return True
    usual = reply.finish in {Finish.STOP, Finish.CALLS, Finish.OTHER}
    return usual and not reply.text.strip() and not reply.calls
