"""Settings of models in the names of pydantic-ai, which gives them to each provider as it wants them."""

from collections.abc import Mapping
from typing import Any

_SAME = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "parallel_tool_calls",
    }
)


def sent_settings(given: Mapping[str, Any], native: Any) -> dict[str, Any]:
    """Return what is sent to pydantic-ai's model `native`: what an agent sets, if its provider has it."""
    made: dict[str, Any] = {name: value for name, value in given.items() if name in _SAME}
    if "stop" in given:
        made["stop_sequences"] = list(given["stop"])
    effort = given.get("reasoning_effort")
    if effort is not None:
        made["thinking"] = False if effort == "none" else effort
        made["openai_reasoning_effort"] = effort
    ignored: frozenset[str] = getattr(native, "unsupported_settings", frozenset())
    return {"max_retries": 0, **{name: made[name] for name in made if name not in ignored}}
