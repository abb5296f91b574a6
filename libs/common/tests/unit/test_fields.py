"""Models derived from a declaration of fields."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from common.contracts.fields import Fields, complete, json_objects, partial, plain

Short = Annotated[str, StringConstraints(max_length=3)]


class Declared(Fields):
    """What is declared."""

    word: Short
    note: Short | None = None
    words: Annotated[list[Short], Field(max_length=2)] = Field(default=[])
    anything: dict[str, Any] | None = None


class Numbered(BaseModel):
    id: str


@plain
class Kept(Declared, Numbered):
    """What is kept."""


@complete
class Shown(Kept):
    status: str


@partial
class Changed(Declared):
    pass


LONG = {"word": "longer", "note": "longer", "words": ["longer"] * 3}


def test_rules_hold_for_what_is_sent_alone() -> None:
    with pytest.raises(ValidationError) as fault:
        Declared(**LONG)
    assert {one["loc"][0] for one in fault.value.errors()} == {"word", "note", "words"}
    kept = Kept(id="1", **LONG)
    assert kept.model_dump() == {"id": "1", **LONG, "anything": None}
    assert Kept.__doc__ == "What is kept."


def test_defaults_stay_where_things_are_kept_and_not_where_they_are_shown() -> None:
    assert Kept(id="1", word="a").words == []
    with pytest.raises(ValidationError) as fault:
        Shown(id="1", word="a", status="new")  # type: ignore[call-arg]
    assert {one["loc"][0] for one in fault.value.errors()} == {"note", "words", "anything"}
    assert list(Shown.model_fields) == ["id", "word", "note", "words", "anything", "status"]


def test_changes_may_leave_out_anything_and_keep_the_rules() -> None:
    assert Changed().model_fields_set == set()
    assert Changed(word=None, note="abc").model_fields_set == {"word", "note"}
    with pytest.raises(ValidationError) as fault:
        Changed(**LONG)
    assert len(fault.value.errors()) == 3


def test_what_a_class_declares_itself_stays_as_it_is_there() -> None:
    @plain
    class Named(Declared):
        note: str

    with pytest.raises(ValidationError):
        Named(word="a")  # type: ignore[call-arg]


def test_a_rule_beside_its_type_is_refused_since_changes_would_lose_it() -> None:
    class Beside(Fields):
        word: str = Field(max_length=3)

    with pytest.raises(TypeError, match=r"Changes\.word"):

        @partial
        class Changes(Beside):
            pass


def test_fields_of_json_objects_are_found() -> None:
    assert json_objects(Kept) == {"anything"}
