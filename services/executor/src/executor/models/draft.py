"""A reply's text while its model writes it, as far as it may be shown."""

import re
from collections import deque

from executor.models.thinking import without_thoughts

_MARKS = "<[\u25c1"
"""What the marks of thoughts begin with."""
_UNFINISHED = re.compile(
    r"[<\u25c1](?:/?[A-Za-z|][^<>\u25b7\n]{0,40}|/)?$|\[(?:/?[A-Z]{0,5})?$|<\|[^<>\n]{0,60}$"
)
"""What may be the beginning of a mark."""
_CHANNELS = "<|"
_FINAL = re.compile(r"<\|channel\|>\s*final[^<\n]{0,40}<\|message\|>")
_HIGH_SURROGATE = re.compile("[\ud800-\udbff]$")


class Draft:
    """What a model has written of a reply so far.

    With `prompt`, the text may contain thoughts between tags, which are left out; tags that the prompt
    asks for stay.
    """

    def __init__(self, prompt: str | None = None) -> None:
        self.written = 0
        """How many characters there are, thoughts included."""
        self._prompt = prompt
        self._pieces: deque[str] = deque()
        self._text = ""
        self._marked = False

    def add(self, piece: str) -> None:
        """Append what the model has written."""
        self.written += len(piece)
        self._pieces.append(piece)

    def visible(self) -> str:
        """Return the text that may be shown now; takes time in the length of the text.

        It may be called on a thread while pieces are added on another.
        """
        news = "".join(self._pieces.popleft() for _ in range(len(self._pieces)))
        self._text += news
        text = self._text
        if self._prompt is not None:
            self._marked = self._marked or any(mark in news for mark in _MARKS)
            if self._marked:
                text = self._without_thoughts(text, self._prompt)
        return sendable(_HIGH_SURROGATE.sub("", text))

    def _without_thoughts(self, text: str, prompt: str) -> str:
        if text.startswith(_CHANNELS) and not _FINAL.search(text):
            return ""  # of a channel that is not the answer, or not yet known
        return without_thoughts(_UNFINISHED.sub("", text), prompt)


def sendable(text: str) -> str:
    """Return `text` as a message can hold it: with pairs of surrogates joined, and `?` for others."""
    if text.isascii():
        return text
    return join_surrogates(text).encode("utf-8", "replace").decode()


def join_surrogates(text: str) -> str:
    """Return `text` with each pair of surrogates as the character that it stands for."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
