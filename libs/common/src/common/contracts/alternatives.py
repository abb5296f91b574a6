"""The alternatives of a union, named so that they can be told from fields in a path of pydantic's.

Pydantic puts the tag of an alternative into the path of each fault in it. Tags made here are left out of the
dotted paths that callers see.
"""


def alternative(name: str) -> str:
    """Return the tag of the alternative called `name`."""
    return f"<{name}>"


def alternative_name(part: object) -> str | None:
    """Return the name in a path's part that is a tag, or None if it is a field or an index."""
    tagged = isinstance(part, str) and part.startswith("<") and part.endswith(">")
    return str(part)[1:-1] if tagged else None
