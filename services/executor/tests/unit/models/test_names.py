"""Names of models that the library knows are names that crews takes."""

from typing import get_args

from common.contracts.models import model_fault


def test_every_provider_of_the_library_is_known():
    from pydantic_ai.models import KnownModelName

    known = get_args(getattr(KnownModelName, "__value__", KnownModelName))
    assert len(known) > 100
    assert [name for name in known if name != "test" and model_fault(name)] == []
