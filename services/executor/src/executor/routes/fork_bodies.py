"""The bodies of forks."""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from common.web.models import AnswerModel, RequestModel, text
from executor.domain.api.forks.wish import ForkWish
from executor.domain.api.submission import Accepted
from executor.domain.log.execution import Execution

_TaskName: Any = text(200)
_Reply: Any = text(200_000)
_MOST_REPLIES = 50


class ForkOrigin(AnswerModel):
    job_id: Annotated[str, Field(description="The job that was forked", examples=["job_qwerty123"])]
    seq: Annotated[
        int, Field(description="The last of its events that was looked at", examples=[17])
    ]


class ForkAccepted(AnswerModel):
    job_id: Annotated[str, Field(description="The new job", examples=["job_asdfgh456"])]
    status: Annotated[str, Field(pattern="^queued$", examples=["queued"])]
    estimated_duration: Annotated[int, Field(description="Seconds", examples=[300])]
    forked_from: Annotated[ForkOrigin | None, Field(description="Where its history comes from")]


class ForkExecution(RequestModel):
    after_seq: Annotated[
        int | None,
        Field(
            ge=0,
            le=2**53,
            description="Copy the events up to this one. Results of calls that they ask for are copied too",
            examples=[17],
        ),
    ] = None
    from_task: Annotated[
        _TaskName | None,
        Field(
            description="Do this task anew (an id or a name), and what depends on it or follows it in sequence",
            examples=["task_7hq2kd90s1"],
        ),
    ] = None
    version: Annotated[
        int | None,
        Field(
            ge=1,
            le=2**53,
            description="Which version of the crew goes on: by default the one that ran. An unfinished task that "
            "differs in it begins anew",
            examples=[2],
        ),
    ] = None
    inputs: Annotated[
        dict[str, Any],
        Field(
            description="Inputs that differ from the job's. What is done stays done; an unfinished task that uses "
            "one begins anew",
            examples=[{"amount": 12}],
        ),
    ] = Field(default={})
    outputs: Annotated[
        dict[str, Any],
        Field(
            max_length=1_000,
            description="Outputs by task (id or name), taken as if the tasks had made them. What depends on them "
            "is done anew",
            examples=[{"task_7hq2kd90s1": "The mended text"}],
        ),
    ] = Field(default={})
    replies: Annotated[
        dict[str, _Reply],
        Field(
            max_length=_MOST_REPLIES,
            description="Texts that take the place of a model's replies, by the `seq` of the `llm_call` event. What "
            "followed in the same task, and what depends on its output, is done anew",
            examples=[{"17": "Paris"}],
        ),
    ] = Field(default={})

    @field_validator("replies")
    @classmethod
    def _check_names(cls, replies: dict[str, str]) -> dict[str, str]:
        for name in replies:
            if not (name.isascii() and name.isdigit() and len(name) <= 15):
                raise PydanticCustomError(
                    "not_a_seq", "name each reply by the seq of its llm_call event, such as 17"
                )
        return replies

    def as_wish(self) -> ForkWish:
        """Return what the caller wants."""
        return ForkWish(
            after_seq=self.after_seq,
            from_task=self.from_task,
            inputs=self.inputs,
            outputs=self.outputs,
            replies={int(seq): said for seq, said in self.replies.items()},
            version=self.version,
        )


def accepted_fork(accepted: Accepted) -> ForkAccepted:
    """Return the response to a fork."""
    return ForkAccepted(
        job_id=accepted.job.job_id,
        status="queued",
        estimated_duration=accepted.estimated_duration,
        forked_from=fork_origin(accepted.job),
    )


def fork_origin(job: Execution) -> ForkOrigin | None:
    """Return where the history of `job` was copied from, None if it was not."""
    origin = job.forked_from
    return None if origin is None else ForkOrigin(job_id=origin.job_id, seq=origin.seq)
