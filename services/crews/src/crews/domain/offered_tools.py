"""The tools that every workspace has: those that are built in, and the operator's own in Python."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from common.contracts.crew import ToolSnapshot
from common.contracts.tools import BUILT_IN_BY_NAME, BUILT_IN_TOOLS, ToolDeclaration
from common.python_tools.signatures import PythonTool


class OfferedTools(Mapping[str, ToolDeclaration]):
    """The declarations by name: built-in tools first, in the order of their list.

    `switched_on` names the operator's settings that are given; a tool that needs another is left out.
    """

    def __init__(
        self, switched_on: Collection[str] = (), python: Iterable[PythonTool] = ()
    ) -> None:
        self._by_name = {
            tool.name: tool
            for tool in BUILT_IN_TOOLS
            if tool.setting is None or tool.setting in switched_on
        }
        own = {tool.declaration.name: tool for tool in python}
        self._by_name |= {name: tool.declaration for name, tool in own.items()}
        self._approved = {name for name, tool in own.items() if tool.options.requires_approval}

    def __getitem__(self, name: str) -> ToolDeclaration:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def reserved(self) -> frozenset[str]:
        """The names that no workspace's own tool can have had before: those that every platform has."""
        return frozenset(tool.name for tool in BUILT_IN_TOOLS if tool.setting is None)

    def source(self, name: str) -> str:
        """Return where a tool comes from: `built_in` or `python`."""
        return "built_in" if name in BUILT_IN_BY_NAME else "python"

    def snapshots(self, named: Collection[str]) -> list[ToolSnapshot]:
        """Return those that are `named`, as a run sees them."""
        return [
            ToolSnapshot(
                name=tool.name,
                description=tool.description,
                parameters=tool.parameters,
                idempotent=tool.idempotent,
                requires_approval=tool.name in self._approved,
            )
            for tool in self._by_name.values()
            if tool.name in named
        ]
