"""Models that a crew names by an endpoint of its workspace, `endpoint/model`."""

import difflib
from collections.abc import Mapping, Sequence

from common.contracts.models import endpoint_of, unknown_model
from crews.domain.crew import Crew
from crews.domain.faults import Fault
from crews.domain.model_names import named_models
from crews.domain.own_models import OwnModelAccess


def new_endpoint_models(crew: Crew, before: Crew | None) -> Mapping[str, str]:
    """Return the fields of `crew` with a model of an endpoint that was not there `before`."""
    held = set() if before is None else set(named_models(before).values())
    return {
        field: name
        for field, name in named_models(crew).items()
        if name not in held and endpoint_of(name) is not None
    }


def endpoint_faults(
    crew: Crew, before: Crew | None, own: Sequence[OwnModelAccess]
) -> Sequence[Fault]:
    """Return a fault for each new model whose endpoint the workspace does not have."""
    there = [one.name for one in own if one.kind == "endpoint"]
    return [
        {"field": field, "reason": _no_endpoint(name, there)}
        for field, name in new_endpoint_models(crew, before).items()
        if endpoint_of(name) not in there
    ]


def _no_endpoint(name: str, there: Sequence[str]) -> str:
    endpoint = str(endpoint_of(name))
    close = difflib.get_close_matches(endpoint, there, 1, 0.6)
    meant = f"; did you mean {close[0]}/…?" if close else "."
    known = f" It has {', '.join(there[:20])}." if there else ""
    return (
        f"This workspace has no endpoint {endpoint}{meant}{known} An admin makes it with PUT "
        f"/models/endpoints/{endpoint}. {unknown_model(name)}"
    )
