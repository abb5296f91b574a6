"""Refuse functions named by a participle: what does is a verb, what returns is a noun, and one can search for both.

`make lint` runs it. `told`, `_asked` or `task_started` say neither what is done nor what comes back. Left alone are
predicates (they return a bool), properties, a participle that describes a noun (`unsettled_jobs`) or is what a verb acts
on (`drop_kept`), and names that a library calls (`CALLED_BY_LIBRARIES`).
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_READ = ("*/*/src/**/*.py", "bench/**/*.py", "tools/**/*.py")
CALLED_BY_LIBRARIES = frozenset(
    {"connection_made", "connection_lost", "data_received", "started", "succeeded", "failed"}
)
_IRREGULAR_TEXT = (
    "told kept made sent written held given said found taken asked drawn shown known seen done gone begun become "
    "built bought brought caught chosen driven fallen felt forgotten gotten grown heard hidden laid led left lent "
    "lost meant met paid sold sung slept spoken spent stood struck swept thought thrown understood won worn"
)
_IRREGULAR = frozenset(_IRREGULAR_TEXT.split())
_NOT_PARTICIPLES_TEXT = "need feed seed speed embed exceed proceed shed bed red unneeded"
_NOT_PARTICIPLES = frozenset(_NOT_PARTICIPLES_TEXT.split())
_AFTER_TEXT = "again ahead at away by for from in into it of off on once out to up with"
_AFTER = frozenset(_AFTER_TEXT.split())
_VERBS_TEXT = (
    "add answer apply bound check claim clear close collect count cut deliver drop encode end find fix forget give handle "
    "hold if is has keep let list log mark mask measure note on open pass pop prune publish raise read recall refuse "
    "release remember remove report require return run save seal send serve set settle show skip split stop store strip "
    "take tell test track unless until unmask update wait warn when write"
)
_VERBS = frozenset(_VERBS_TEXT.split())


def main() -> None:
    """Print each such name with its place, and end the process with 1 if there are any."""
    faults = [
        f"{path.relative_to(ROOT)}:{function.lineno}: {function.name}: name it by what it does, or returns"
        for path in sorted(found for pattern in _READ for found in ROOT.glob(pattern))
        for function in participles(path.read_text("utf-8"))
    ]
    if faults:
        sys.exit("\n".join([*faults, f"{len(faults)} functions"]))


def participles(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield each function of `source` that is named by a participle."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name not in CALLED_BY_LIBRARIES
            and not _is_predicate(node)
            and _is_participle(node.name)
        ):
            yield node


def _is_predicate(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    returned = ast.unparse(function.returns) if function.returns else ""
    decorators = " ".join(ast.unparse(one) for one in function.decorator_list)
    return returned.startswith(("bool", "TypeGuard", "TypeIs")) or "property" in decorators


def _is_participle(name: str) -> bool:
    words = name.strip("_").split("_")
    while len(words) > 1 and words[-1] in _AFTER:
        words.pop()
    return _is_past(words[-1]) and words[0] not in _VERBS


def _is_past(word: str) -> bool:
    return word in _IRREGULAR or (
        len(word) > 3 and word.endswith("ed") and word not in _NOT_PARTICIPLES
    )


if __name__ == "__main__":
    main()
