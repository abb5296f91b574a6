"""The coworkers of a manager, each under a name of its own."""

from collections import Counter
from collections.abc import Sequence

from common.contracts.crew import AgentSnapshot


class UnclearName(ValueError):  # noqa: N818 - it says what a name is
    """A name that fits no coworker, or several; the text lists who there is."""


class Coworkers:
    """The agents a manager may delegate to. `names` are the names it is given, all different."""

    def __init__(self, agents: Sequence[AgentSnapshot]) -> None:
        self._agents = list(agents)
        self.names = _distinct(self._agents)

    def name_of(self, agent_id: str | None) -> str:
        """Return the name of an agent, or an empty text if it is none of them."""
        pairs = zip(self._agents, self.names, strict=True)
        return next((name for agent, name in pairs if agent.id == agent_id), "")

    def find(self, said: str) -> AgentSnapshot:
        """Return the agent meant: by name, else by id, else by a role or name that only one has.

        Raises `UnclearName`.
        """
        wanted = _key(said)
        names = [[_key(name)] for name in self.names]
        ids = [[_key(agent.id)] for agent in self._agents]
        other = [[_key(agent.name), _key(agent.role)] for agent in self._agents]
        for known in (names, ids, other):
            meant = [place for place, keys in enumerate(known) if wanted in keys]
            if len(meant) == 1:
                return self._agents[meant[0]]
            if meant:
                several = ", ".join(self.names[place] for place in meant)
                raise UnclearName(
                    f"several coworkers are called {said[:100]}: {several}. Name one."
                )
        raise UnclearName(f"there is no coworker {said[:100]}. There are: {', '.join(self.names)}.")


def _distinct(agents: Sequence[AgentSnapshot]) -> list[str]:
    names = [agent.name for agent in agents]
    twice = {key for key, count in Counter(map(_key, names)).items() if count > 1}
    roles = Counter((_key(agent.name), _key(agent.role)) for agent in agents)
    taken = {_key(name) for name in names if _key(name) not in twice}
    for place, agent in enumerate(agents):
        if _key(agent.name) not in twice:
            continue
        name, number = agent.name, 1
        if roles[_key(agent.name), _key(agent.role)] == 1 and _key(agent.role) != _key(agent.name):
            name = f"{agent.name} ({agent.role})"
        while name == agent.name or _key(name) in taken:
            name, number = f"{agent.name} #{number}", number + 1
        taken.add(_key(name))
        names[place] = name
    return names


def _key(name: str) -> str:
    return " ".join(name.casefold().split())
