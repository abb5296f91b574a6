"""Google's Gemini API."""

from common.contracts.models import ProviderDeclaration
from executor.models.connections import Access, ProviderConnection
from executor.models.provider import ModelProvider, ProviderSetting
from executor.models.traits import Traits

_ADDRESS = "https://generativelanguage.googleapis.com"


def connect(access: Access, timeout: float) -> ProviderConnection:
    """Connect to the Gemini API."""
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    http = access.http(timeout)
    url = access.url or (_ADDRESS if access.own else None)
    key = access.key or ("none" if access.own else "")
    provider = GoogleProvider(api_key=key, http_client=http, base_url=url)
    traits = Traits(priced=access.url is None, beside_tools=False)
    return ProviderConnection(
        lambda name: GoogleModel(name, provider=provider), http.aclose, traits
    )


PROVIDER = ModelProvider(
    ProviderDeclaration(
        "google",
        patterns=(r"(?:google:|google-gla:)?(gemini-.+)",),
        shown="gemini-…",
        examples=("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.0-flash"),
        words=("gemini", "flash", "lite", "exp"),
        aliases=("gemini",),
    ),
    connect,
    key=ProviderSetting(
        "google_api_key", "For `gemini-*` models.", ("GOOGLE_API_KEY", "GEMINI_API_KEY")
    ),
    library="pydantic_ai.models.google",
)
