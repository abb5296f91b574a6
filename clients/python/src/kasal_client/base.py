"""What every model of the API has in common: a newer server never breaks it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    model_validator,
)


def rfc3339(moment: datetime) -> str:
    """Return `moment` as the API writes it."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(rfc3339, when_used="json")]
"""A moment, with its time zone."""


class Model(BaseModel):
    """A part of an answer or of a request.

    Fields that this version does not know are kept, and can be read as attributes. A value that does not fit its
    field is left as it came; a field that is missing reads None. So an answer of another version can always be read.
    """

    model_config = ConfigDict(
        extra="allow", populate_by_name=True, protected_namespaces=(), defer_build=True
    )
    _adapters: ClassVar[dict[tuple[type, str], TypeAdapter[Any]]] = {}

    @model_validator(mode="wrap")
    @classmethod
    def _read_leniently(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError:
            if not isinstance(data, dict):
                raise
            patched: Self = cls._patch(data)
            return patched

    @classmethod
    def _patch(cls, data: dict[str, Any]) -> Any:
        """Read each field by itself, and leave those that cannot be read as they are."""
        values = dict(data)
        for name, field in cls.model_fields.items():
            sent = field.alias if field.alias and field.alias in data else name
            if sent in data:
                values.pop(sent)
                values[name] = cls._value(name, data[sent])
            elif field.is_required():
                values[name] = None
        return cls.model_construct(_fields_set={*data}, **values)

    @classmethod
    def _value(cls, name: str, value: Any) -> Any:
        key = (cls, name)
        if key not in cls._adapters:
            cls._adapters[key] = TypeAdapter[Any](cls.model_fields[name].annotation or Any)
        try:
            return cls._adapters[key].validate_python(value)
        except ValidationError:
            return value


class JobEvent(Model):
    """An event of a job. One whose type this version does not know is of this class itself."""

    type: str
    """What happened."""
    job_id: str
    """The job that the event belongs to."""
    seq: int
    """Number of the event in its job: 1, 2, 3 … with no gap and no repeat."""
    timestamp: Timestamp
    """When it happened."""
    attempt: int
    """How often a worker had claimed the job."""

    @property
    def is_last(self) -> bool:
        """Whether the job has ended with it."""
        return self.type in {"execution_complete", "execution_stopped", "error"}
