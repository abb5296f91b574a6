"""Matching of routing keys against the binding keys of an AMQP 0-9-1 topic exchange."""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class _Node(Generic[T]):
    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.bound: set[T] = set()

    def remove(self, words: list[str], who: T) -> None:
        if not words:
            self.bound.discard(who)
            return
        child = self.children.get(words[0])
        if child is None:
            return
        child.remove(words[1:], who)
        if not child.bound and not child.children:
            del self.children[words[0]]

    def matching_nodes(self, words: list[str], at: int = 0) -> "Iterator[_Node[T]]":
        many = self.children.get("#")
        if many is not None:
            for rest in range(at, len(words) + 1):
                yield from many.matching_nodes(words, rest)
        if at == len(words):
            yield self
            return
        for word in (words[at], "*"):
            child = self.children.get(word)
            if child is not None:
                yield from child.matching_nodes(words, at + 1)


class TopicTable(Generic[T]):
    """Bindings by key: `*` matches one word, `#` any number of words.

    It is a tree of words, so a lookup takes time in the length of the key, whatever the number of
    bindings (a relay has one for every watched job).
    """

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def bind(self, key: str, who: T) -> None:
        """Bind `who` to the routing keys that `key` matches. Repeats have no effect."""
        node = self._root
        for word in key.split("."):
            node = node.children.setdefault(word, _Node())
        node.bound.add(who)

    def unbind(self, key: str, who: T) -> None:
        """Undo `bind`; a missing binding is not an error."""
        self._root.remove(key.split("."), who)

    def match(self, key: str) -> set[T]:
        """Return everyone bound to `key`, each once."""
        found: set[T] = set()
        for node in self._root.matching_nodes(key.split(".")):
            found |= node.bound
        return found
