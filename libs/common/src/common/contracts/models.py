"""What models are called: what crews takes, and what the executor finds a provider for."""

import difflib
import re
from typing import Literal

Family = Literal["openai", "anthropic", "google", "ollama"]
OFFLINE = "offline"

FAMILIES: tuple[tuple[Family, re.Pattern[str]], ...] = (
    ("openai", re.compile(r"(?:openai:)?((?:gpt-|o\d|chatgpt-|ft:gpt-).+|o\d)")),
    ("openai", re.compile(r"openai:(.+)")),
    ("anthropic", re.compile(r"(?:anthropic:)?(claude-.+)")),
    ("google", re.compile(r"(?:google:|google-gla:)?(gemini-.+)")),
    ("ollama", re.compile(r"ollama[/:](.+)")),
)
PROVIDERS = frozenset(
    [
        "alibaba",
        "anthropic",
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
        "google",
        "google-cloud",
        "google-decisions",
        "google-gla",
        "google-vertex",
        "grok",
        "groq",
        "heroku",
        "huggingface",
        "litellm",
        "meta",
        "mistral",
        "moonshotai",
        "nebius",
        "ollama",
        "openai",
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
"""Prefixes of other names, `provider:model`; whether there is such a model, the provider knows."""

_NAMED = re.compile(r"([a-z][a-z0-9-]*)(?:/[a-z0-9-]+)?:\S+")
_SLASHED = re.compile(r"([a-z][a-z0-9-]*)/(\S+)")
_ALIASES = {"gemini": "google"}
_WELL_KNOWN = [
    "gpt-4",
    "gpt-4-turbo",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-5",
    "gpt-5-mini",
    "gpt-3.5-turbo",
    "o3",
    "o3-mini",
    "o4-mini",
    "chatgpt-4o-latest",
    "claude-3-opus",
    "claude-3-5-sonnet-latest",
    "claude-3-5-haiku-latest",
    "claude-sonnet-4-6",
    "claude-opus-4-6",
    "claude-haiku-4-5",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.0-flash",
    "ollama/llama3.2",
    "offline",
]


def family_of(name: str) -> tuple[Family | None, str]:
    """Return which family `name` belongs to, and what its provider calls the model."""
    for family, pattern in FAMILIES:
        found = pattern.fullmatch(name)
        if found is not None:
            return family, found[1]
    return None, name


def canonical(name: str) -> str:
    """Return how the platform writes `name`: `openai/gpt-4o`, as others have it, is `openai:gpt-4o`."""
    slashed = _SLASHED.fullmatch(name)
    if slashed is None or slashed[1] == "ollama" or ":" in slashed[1]:
        return name
    provider = _ALIASES.get(slashed[1], slashed[1])
    return f"{provider}:{slashed[2]}" if provider in PROVIDERS else name


def model_fault(name: str) -> str | None:
    """Return why no provider can have a model of this name, with what was probably meant."""
    if name == OFFLINE or family_of(name)[0] is not None:
        return None
    named = _NAMED.fullmatch(name)
    if named is not None and named[1] in PROVIDERS:
        return None
    return f"The model {name[:100]} is not known{_meant(name)} Known are {_KNOWN}"


def _meant(name: str) -> str:
    wanted = name.lower()
    prefix, colon, rest = wanted.partition(":")
    if colon:
        close = difflib.get_close_matches(prefix, sorted(PROVIDERS), 1, 0.6)
        return f"; did you mean {close[0]}:{rest[:80]}?" if close else "."
    close = difflib.get_close_matches(wanted[:100], _WELL_KNOWN, 1, 0.6)
    return f"; did you mean {close[0]}?" if close else "."


_KNOWN = "gpt-…, o3 and the like, claude-…, gemini-…, ollama/…, offline, and provider:model"
