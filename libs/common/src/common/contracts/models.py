"""Names of models: those that crews accepts and for which the executor finds a provider.

The executor declares each provider in one module, `executor/models/providers/<name>.py`; `make docs`
writes the declarations to `model_providers.json`, since services know nothing of each other's code.
"""

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OFFLINE = "offline"


@dataclass(frozen=True)
class ProviderDeclaration:
    """A model provider and the names of its models.

    `patterns` match a model's whole name; their group is the provider's own name for it. `shown`
    describes its names in a sentence; `examples` are suggested after a typo. Names that consist of
    `words` need no comparison with the published ones. `aliases` stand for `name` before a slash.
    `priced`: prices are published for the provider's own servers. `own_server` is the setting for
    another server, whose models have arbitrary names and no published price.
    """

    name: str
    patterns: tuple[str, ...]
    shown: str
    examples: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    priced: bool = True
    own_server: str = ""


def read_declarations(document: Path) -> tuple[ProviderDeclaration, ...]:
    """Return the providers that `document` lists."""
    return tuple(_declaration(entry) for entry in json.loads(document.read_bytes()))


def _declaration(entry: dict[str, Any]) -> ProviderDeclaration:
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    return ProviderDeclaration(**fields)


DOCUMENT = Path(__file__).with_name("model_providers.json")
PROVIDERS = read_declarations(DOCUMENT)
PROVIDERS_BY_NAME = {provider.name: provider for provider in PROVIDERS}
PREFIXES = PROVIDERS_BY_NAME.keys() | frozenset(
    [
        "alibaba",
        "azure",
        "bedrock",
        "bedrock-mantle",
        "cerebras",
        "cohere",
        "crusoe",
        "deepseek",
        "fireworks",
        "gateway",
        "github",
        "google-cloud",
        "google-decisions",
        "google-gla",
        "google-vertex",
        "grok",
        "heroku",
        "huggingface",
        "litellm",
        "meta",
        "moonshotai",
        "nebius",
        "openai-chat",
        "openai-decisions",
        "openai-responses",
        "openrouter",
        "outlines",
        "ovhcloud",
        "sambanova",
        "snowflake",
        "together",
        "typesafe",
        "vercel",
        "voyageai",
        "xai",
        "zai",
    ]
)
"""Prefixes of other names, `provider:model`. Only the provider knows whether the model exists."""

KEYED = frozenset(
    [
        "cerebras",
        "crusoe",
        "deepseek",
        "fireworks",
        "moonshotai",
        "nebius",
        "openrouter",
        "ovhcloud",
        "sambanova",
        "together",
        "vercel",
        "zai",
    ]
)
"""Those of them that need nothing but a key, and for which a workspace may have its own."""

_PREFIXED = re.compile(r"([a-z][a-z0-9-]*)(?:/[a-z0-9-]+)?:\S+")
_SLASHED = re.compile(r"([a-z][a-z0-9-]*)/(\S+)")
_ALIASES = {alias: provider.name for provider in PROVIDERS for alias in provider.aliases}
_EXAMPLES = [example for provider in PROVIDERS for example in provider.examples] + [OFFLINE]
_KNOWN = ", ".join(
    [*(one.shown for one in PROVIDERS), OFFLINE, "provider:model, and endpoint/model of your own"]
)


def provider_of(
    name: str, providers: Sequence[ProviderDeclaration] = PROVIDERS
) -> tuple[str | None, str]:
    """Return the provider of the model `name`, and the provider's own name for it."""
    for provider in providers:
        for pattern in provider.patterns:
            found = re.fullmatch(pattern, name)
            if found is not None:
                return provider.name, found[1]
    return None, name


def canonical(name: str) -> str:
    """Return the platform's spelling of `name`: `openai:gpt-4o` for `openai/gpt-4o`, as others write it."""
    slashed = _SLASHED.fullmatch(name)
    if slashed is None or provider_of(name)[0] is not None:
        return name
    provider = _ALIASES.get(slashed[1], slashed[1])
    return f"{provider}:{slashed[2]}" if provider in PREFIXES else name


def prefix_of(name: str) -> str:
    """Return the prefix of `provider:model`, the provider that pydantic-ai knows by it."""
    prefixed = _PREFIXED.fullmatch(name)
    return prefixed[1] if prefixed is not None else ""


def endpoint_of(name: str) -> str | None:
    """Return the endpoint of a workspace that `endpoint/model` names, or None for any other name."""
    slashed = _SLASHED.fullmatch(name)
    if slashed is None or provider_of(name)[0] is not None or _taken(slashed[1]):
        return None
    return slashed[1]


def _taken(name: str) -> bool:
    return name == OFFLINE or name in PREFIXES or name in _ALIASES


def endpoint_name_fault(name: str) -> str | None:
    """Return why an endpoint cannot have this name: providers have it."""
    owner = name if _taken(name) else provider_of(f"{name}/model")[0]
    if owner is None:
        return None
    return (
        f"{name}/… already means a model of {owner}: choose another name, or give the provider's key "
        f"with PUT /models/providers/{owner}"
    )


def model_fault(name: str) -> str | None:
    """Return why no provider can have a model of this name, and a suggestion.

    Whether a workspace has the endpoint that a name begins with is not looked at.
    """
    if name == OFFLINE or provider_of(name)[0] is not None or endpoint_of(name) is not None:
        return None
    prefixed = _PREFIXED.fullmatch(name)
    if prefixed is not None and prefixed[1] in PREFIXES:
        return None
    return unknown_model(name)


def unknown_model(name: str) -> str:
    """Return the reason for refusing the model `name`, with what may be meant."""
    return f"The model {name[:100]} is not known{_suggestion(name)} Known are {_KNOWN}"


def _suggestion(name: str) -> str:
    wanted = name.lower()
    prefix, colon, rest = wanted.partition(":")
    if colon:
        close = difflib.get_close_matches(prefix, sorted(PREFIXES), 1, 0.6)
        return f"; did you mean {close[0]}:{rest[:80]}?" if close else "."
    prefix, slash, rest = wanted.partition("/")
    if slash:
        close = difflib.get_close_matches(prefix, sorted(PREFIXES), 1, 0.6)
        return f"; did you mean {close[0]}/{rest[:80]}?" if close else "."
    close = difflib.get_close_matches(wanted[:100], _EXAMPLES, 1, 0.6)
    return f"; did you mean {close[0]}?" if close else "."
