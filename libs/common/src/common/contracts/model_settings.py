"""Settings that an agent has for its model; each provider gets those it has, as it wants them."""

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_serializer,
)

from common.contracts.bodies import ExactNumbers

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Stop = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ModelSettingsDraft(ExactNumbers):
    """What a request to a model says beside its text; what is left out is the provider's own default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="How freely words are chosen; Anthropic's models take at most 1",
        examples=[0.2],
    )
    top_p: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Only the likeliest words, up to this sum",
        examples=[0.9],
    )
    top_k: int | None = Field(
        default=None,
        ge=1,
        le=1_000,
        description="Only so many of the likeliest words",
        examples=[40],
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="The most tokens of one reply; one that is cut there is asked to go on",
        examples=[2_000],
    )
    seed: int | None = Field(
        default=None,
        ge=-(2**31),
        le=2**31 - 1,
        description="The same seed makes the same choices, where the provider has it",
        examples=[42],
    )
    stop: (
        Annotated[list[Stop], Field(min_length=1, max_length=4), BeforeValidator(_as_list)] | None
    ) = Field(default=None, description="Texts at which a reply ends", examples=[["END"]])
    reasoning_effort: Effort | None = Field(
        default=None, description="How much a model thinks before it answers", examples=["low"]
    )
    presence_penalty: float | None = Field(
        default=None, ge=-2, le=2, description="Against what was said at all", examples=[0.5]
    )
    frequency_penalty: float | None = Field(
        default=None, ge=-2, le=2, description="Against what was said often", examples=[0.5]
    )
    parallel_tool_calls: bool | None = Field(
        default=None, description="Whether one reply may call several tools", examples=[False]
    )

    @model_serializer
    def _dump(self) -> dict[str, Any]:
        return {name: value for name, value in self if value is not None}
