"""Bodies of the routes about models."""

from typing import Literal

from pydantic import Field

from common.contracts.crew_fields import Model
from common.contracts.model_access import TokenPrice
from common.web.models import AnswerModel, RequestModel


class ModelEntry(AnswerModel):
    model: str = Field(description="What an agent's `model` is set to", examples=["gpt-4o"])
    context_window: int | None = Field(
        description="How many tokens it reads and writes together, if that is published",
        examples=[128_000],
    )
    price: TokenPrice | None = Field(
        description="The published price, if there is one", examples=[{"input": 2.5, "output": 10}]
    )


class ProviderEntry(AnswerModel):
    provider: str = Field(examples=["openai"])
    names: str = Field(description="How its models are named", examples=["gpt-…, o3 and the like"])
    key: Literal["workspace", "operator", "not_needed", "none"] = Field(
        description="Whose key is used: this workspace's own, or the operator's; `none`: its models cannot be used yet",
        examples=["workspace"],
    )
    models: list[ModelEntry] = Field(
        description="Those that are published; others may be named too"
    )


class EndpointEntry(AnswerModel):
    endpoint: str = Field(examples=["corp"])
    names: str = Field(description="How its models are named", examples=["corp/…"])
    has_api_key: bool = Field(examples=[True])
    price: TokenPrice | None = Field(examples=[{"input": 0.5, "output": 1.5}])


class ModelsAnswer(AnswerModel):
    providers: list[ProviderEntry]
    endpoints: list[EndpointEntry]


class CheckRequest(RequestModel):
    model: Model = Field(description="A model as an agent would name it", examples=["gpt-4o"])


class CheckAnswer(AnswerModel):
    model: str = Field(examples=["gpt-4o"])
    ok: bool = Field(description="Whether it answered", examples=[True])
    provider: str | None = Field(description="Who answered", examples=["openai"])
    seconds: float | None = Field(description="How long that took", examples=[0.412])
    code: str | None = Field(
        description="Why it cannot be used, as a job's `error` event would say", examples=[None]
    )
    message: str | None = Field(description="The same in words, and what to do", examples=[None])
