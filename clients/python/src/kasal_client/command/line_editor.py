"""A line of text that is typed and mended, key by key."""

from __future__ import annotations

LONGEST = 200_000
"""Characters of an answer, as the API takes them."""


class LineEditor:
    """A text with a cursor in it."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.cursor = len(text)

    def press(self, key: str) -> None:
        """Change the text as a key says; keys that mean nothing here change nothing."""
        if len(key) == 1:
            if len(self.text) < LONGEST:
                self._replace(self.cursor, self.cursor, key)
            return
        moves = {
            "left": max(0, self.cursor - 1),
            "right": min(len(self.text), self.cursor + 1),
            "home": 0,
            "end": len(self.text),
        }
        if key in moves:
            self.cursor = moves[key]
        elif key == "backspace":
            self._replace(max(0, self.cursor - 1), self.cursor)
        elif key == "delete":
            self._replace(self.cursor, min(len(self.text), self.cursor + 1))
        elif key == "ctrl-u":
            self._replace(0, self.cursor)
        elif key == "ctrl-w":
            kept = self.text[: self.cursor].rstrip()
            self._replace(kept.rfind(" ") + 1, self.cursor)

    def window(self, width: int) -> str:
        """Return the part of the text around the cursor that fits into `width`, with the cursor as a bar."""
        shown = f"{self.text[: self.cursor]}▏{self.text[self.cursor :]}"
        first = max(0, min(self.cursor - width + 2, len(shown) - width))
        return shown[first : first + width]

    def _replace(self, start: int, end: int, by: str = "") -> None:
        self.text = self.text[:start] + by + self.text[end:]
        self.cursor = start + len(by)
