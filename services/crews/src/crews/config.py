"""Settings of the crews service."""

from pydantic import Field

from common.security.rotation import SecretSetting
from common.settings import BusSettings, MongoSettings, PeerSettings, ToolHostSettings


class Settings(MongoSettings, BusSettings, PeerSettings, ToolHostSettings):
    """What crews reads from the environment. Times are seconds."""

    port: int = Field(default=8002, ge=0, le=65_535)
    secret_key: SecretSetting
    """Encrypts the credentials of custom tools and MCP servers, and workspaces' keys of model providers, at rest."""
    crew_limit: int = Field(default=10_000, ge=1)
    """Crews that one workspace may have."""
    tool_limit: int = Field(default=200, ge=1, le=10_000)
    """Custom tools that one workspace may have."""
    endpoint_limit: int = Field(default=50, ge=1, le=500)
    """Endpoints of models that one workspace may have."""
    mcp_server_limit: int = Field(default=50, ge=1, le=1_000)
    """MCP servers that one workspace may have."""
    memory_key_limit: int = Field(default=10_000, ge=1)
    """Memories that one crew may keep by an input's value; the least recently used makes room."""
    openai_base_url: str | None = None
    """The same as for the executor: with it, any name of the OpenAI family is accepted, without a price."""
    code_runner: str = ""
    """The same as for the executor: with it, crews may name the tool `code_runner`."""
    batch_linger: float = Field(default=0.02, ge=0, le=5)
    """Seconds for which a crew's events are gathered before one write stores them."""
