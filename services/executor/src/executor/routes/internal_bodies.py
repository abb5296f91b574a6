"""The models of requests and responses of the internal routes."""

from typing import Annotated

from pydantic import Field

from common.web.models import AnswerModel, RequestModel


class Head(AnswerModel):
    job_id: str
    workspace_id: str
    status: str
    last_seq: int


class HeadsWanted(RequestModel):
    job_ids: Annotated[list[str], Field(max_length=5_000)]


class ShortHead(AnswerModel):
    status: str
    last_seq: int


class Heads(AnswerModel):
    heads: dict[str, ShortHead]
