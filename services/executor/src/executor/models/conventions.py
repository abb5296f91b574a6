"""Names of model providers in telemetry, as OpenTelemetry's conventions for generative AI have them."""

from collections.abc import Mapping

from common.contracts.model_access import access_name
from common.contracts.models import OFFLINE, endpoint_of

_NAMES: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "google-cloud": "gcp.vertex_ai",
    "google-gla": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
COMPATIBLE = "openai-compatible"
"""A server that speaks OpenAI's protocol, whoever runs it."""


def provider_name(system: str) -> str:
    """Return the name of the provider that pydantic-ai calls `system`."""
    return _NAMES.get(system, system)


def expected_provider(model: str) -> str:
    """Return the name of the provider that `model` names, before anybody is asked."""
    if model == OFFLINE:
        return OFFLINE
    return COMPATIBLE if endpoint_of(model) else provider_name(access_name(model)) or "unknown"
