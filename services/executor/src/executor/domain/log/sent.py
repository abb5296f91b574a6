"""What was sent to a model, as the log keeps it: each request only what it adds to its dialogue.

Replies and tool results are in the log anyway, so a dialogue can be put together from its events. What several
requests of a job share (the instructions of an agent, the outputs that a task builds on, the tools) is kept once
per attempt, as a numbered block. See docs/adr/0080-what-was-sent-is-kept-in-pieces.md.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from executor.domain.log.events import Pieces, Sent

_BETWEEN = "\n\n"
_BLOCK = 300
"""Characters from which a paragraph may become a block."""
_BLOCKS = 20_000
"""Blocks that one attempt remembers; further ones are kept where they are used."""
_NUMBERS = 1_000_000
_PARAGRAPHS = 200
"""Paragraphs of a text that are looked at one by one; the rest of it is taken as one."""
_MOST = 1_500_000
"""Characters that one request may add."""


class PromptBlocks:
    """Remembers which blocks an attempt of a job has kept."""

    def __init__(self, attempt: int) -> None:
        self._known: dict[bytes, int] = {}
        self._next = attempt * _NUMBERS

    def begin(
        self,
        instructions: str,
        opening: str,
        tools: str,
        said: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Sent:
        """Return what the first request of a dialogue adds; `tools` is JSON, or empty."""
        large = self._too_large((instructions, opening, tools, *said))
        if large is not None:
            return large
        first, blocks = self._next, list[str]()
        return Sent(
            instructions=self._split(instructions, blocks),
            opening=self._split(opening, blocks),
            tools=self._split(tools, blocks) if tools else UNSET,
            said=list(said) or UNSET,
            settings=dict(settings) if settings else UNSET,
            blocks=blocks or UNSET,
            first=first if blocks else UNSET,
        )

    def go_on(self, said: Sequence[str], settings: Mapping[str, Any] | None = None) -> Sent:
        """Return what a later request adds."""
        large = self._too_large(said)
        if large is not None:
            return large
        return Sent(said=list(said) or UNSET, settings=dict(settings) if settings else UNSET)

    @staticmethod
    def _too_large(texts: Sequence[str]) -> Sent | None:
        size = sum(map(len, texts))
        return Sent(left_out=size) if size > _MOST else None

    def _split(self, text: str, blocks: list[str]) -> Pieces:
        if len(text) < _BLOCK:
            return [text]
        pieces: Pieces = []
        loose: list[str] = []
        for place, part in enumerate(text.split(_BETWEEN, _PARAGRAPHS)):
            loose.append(_BETWEEN if place else "")
            if len(part) < _BLOCK or len(self._known) >= _BLOCKS:
                loose.append(part)
                continue
            pieces += [*_piece(loose), self._number(part, blocks)]
            loose.clear()
        return [*pieces, *_piece(loose)]

    def _number(self, part: str, blocks: list[str]) -> int:
        digest = hashlib.blake2b(part.encode("utf-8", "replace"), digest_size=16).digest()
        known = self._known.get(digest)
        if known is None:
            known = self._known[digest] = self._next
            self._next += 1
            blocks.append(part)
        return known


def _piece(texts: Sequence[str]) -> Pieces:
    text = "".join(texts)
    return [text] if text else []


def blocks_of(sent: Sent) -> Mapping[int, str]:
    """Return the blocks that are kept with `sent`, by number."""
    if sent.blocks is UNSET or sent.first is UNSET:
        return {}
    return dict(enumerate(sent.blocks, start=sent.first))


def wanted_blocks(sent: Sent) -> frozenset[int]:
    """Return the numbers of the blocks that the texts of `sent` refer to."""
    texts = (sent.instructions, sent.opening, sent.tools)
    return frozenset(
        piece for text in texts if text is not UNSET for piece in text if not isinstance(piece, str)
    )


def text_of(pieces: Pieces, blocks: Mapping[int, str]) -> str:
    """Return a text from its pieces. Raises `KeyError` for a block that is missing."""
    return "".join(piece if isinstance(piece, str) else blocks[piece] for piece in pieces)
