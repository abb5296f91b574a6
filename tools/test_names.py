"""Refuse a module of `domain/` whose tests cannot be found by its name.

Whoever opens `domain/x.py` looks for `test_x.py` among the service's tests. Where a module's rules are tested
with those of another one, `TOGETHER` says in which file. `make lint` runs this.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORTS = frozenset({"__init__", "ports"})
TOGETHER = {
    "auth.domain.errands": "integration/test_letters.py",
    "auth.domain.logins.revocations": "unit/test_announcing.py",
    "auth.domain.tokens.api_keys": "unit/test_issuer.py",
    "auth.domain.tokens.identities": "unit/test_issuer.py",
    "auth.domain.tokens.sandbox": "unit/test_sessions.py",
    "auth.domain.tokens.workspace_keys": "unit/test_issuer.py",
    "auth.domain.workspaces.belongings": "unit/test_invitations.py",
    "auth.domain.workspaces.editor": "unit/test_memberships.py",
    "auth.domain.workspaces.invitation": "unit/test_invitations.py",
    "crews.domain.agent_catalog": "integration/test_service.py",
    "crews.domain.composition": "unit/test_crew_catalog.py",
    "crews.domain.context": "unit/test_crew.py",
    "crews.domain.crew_changes": "unit/test_crew_catalog.py",
    "crews.domain.crew_editor": "unit/test_crew_catalog.py",
    "crews.domain.crew_rules": "unit/test_crew.py",
    "crews.domain.faults": "unit/test_crew.py",
    "crews.domain.origins": "integration/test_service.py",
    "crews.domain.snapshots": "unit/test_crew_catalog.py",
    "crews.domain.task_catalog": "integration/test_service.py",
    "crews.domain.tool_catalog": "integration/test_service.py",
    "crews.domain.tool_names": "unit/test_crew.py",
    "events.domain.event": "unit/test_bodies.py",
    "events.domain.feed": "unit/test_relay.py",
    "events.domain.jobs": "unit/test_bodies.py",
    "events.domain.token_lifetime": "unit/test_connections.py",
    "events.domain.watch": "unit/test_relay.py",
    "executor.domain.api.control": "integration/test_api.py",
    "executor.domain.api.submission": "integration/test_api.py",
    "executor.domain.ending.sweeper": "unit/domain/ending/test_settlement.py",
    "executor.domain.ending.tallies": "integration/stores/test_lists.py",
    "executor.domain.log.events": "unit/domain/log/test_records.py",
    "executor.domain.log.execution": "unit/domain/log/test_state_machine.py",
    "executor.domain.log.journal": "unit/domain/log/test_appender.py",
    "executor.domain.log.questions": "unit/domain/api/test_answering.py",
    "executor.domain.worker.intake": "unit/domain/worker/test_worker.py",
    "executor.domain.worker.runs": "unit/domain/worker/test_worker.py",
    "gateway.domain.addresses": "unit/test_admission.py",
    "gateway.domain.plans": "unit/test_admission.py",
}
"""By module: the file that tests it, below the service's `tests/`."""


def main() -> None:
    """Print each fault, and end the process with 1 if there are any."""
    faults = untested_modules(ROOT) + stale_entries(ROOT)
    if faults:
        sys.exit("\n".join(faults))


def untested_modules(root: Path) -> list[str]:
    """Return a line for each module that neither a file's name nor `TOGETHER` leads to."""
    return [
        f"{name} has no tests of its name: add test_{name.rpartition('.')[2]}.py or name its tests in tools/test_names.py"
        for name in modules(root)
        if name not in TOGETHER and not _has_tests(root, name)
    ]


def stale_entries(root: Path) -> list[str]:
    """Return a line for each entry of `TOGETHER` that leads nowhere or is not needed."""
    known = modules(root)
    faults = [f"{name} is no module" for name in TOGETHER if name not in known]
    faults += [f"{name} has tests of its name" for name in TOGETHER if _has_tests(root, name)]
    faults += [
        f"{name} is said to be tested in {place}, which is not there"
        for name, place in TOGETHER.items()
        if not (_tests(root, name) / place).is_file()
    ]
    return [f"tools/test_names.py: {fault}" for fault in faults]


def modules(root: Path) -> list[str]:
    """Return the modules of all services' domains, as they are imported."""
    return [
        ".".join(path.relative_to(service / "src").with_suffix("").parts)
        for service in sorted((root / "services").iterdir())
        for path in sorted((service / "src" / service.name / "domain").rglob("*.py"))
        if path.stem not in PORTS
    ]


def _has_tests(root: Path, module: str) -> bool:
    name = module.rpartition(".")[2]
    return any(_tests(root, module).rglob(f"test_{name}.py"))


def _tests(root: Path, module: str) -> Path:
    return root / "services" / module.partition(".")[0] / "tests"


if __name__ == "__main__":
    main()
