"""Keys as they are pressed, one by one, without an echo. Only where there is termios."""

from __future__ import annotations

import codecs
import os
import sys
from importlib.util import find_spec
from typing import Any, Self

_NAMES = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x01": "home",
    "\x05": "end",
    "\x04": "ctrl-d",
    "\x15": "ctrl-u",
    "\x17": "ctrl-w",
}
_SEQUENCES = {
    "[D": "left",
    "[C": "right",
    "[H": "home",
    "[F": "end",
    "[1~": "home",
    "[4~": "end",
    "[3~": "delete",
    "OD": "left",
    "OC": "right",
    "OH": "home",
    "OF": "end",
}


def keys_in(text: str) -> list[str]:
    """Return the keys that were pressed: a printable one is itself, others have names; unknown ones are left out.

    Ends of lines in the midst of what was pasted are blanks: only one at its end is the key Enter.
    """
    keys: list[str] = []
    place = 0
    while place < len(text):
        char = text[place]
        if char == "\x1b":
            sequence = _sequence(text[place + 1 :])
            place += 1 + len(sequence)
            if not sequence:
                keys.append("escape")
            elif sequence in _SEQUENCES:
                keys.append(_SEQUENCES[sequence])
            continue
        place += 1
        is_amid = place < len(text.rstrip("\r\n"))
        if char in "\r\n" and is_amid:
            keys.append(" ")
        elif char in _NAMES:
            keys.append(_NAMES[char])
        elif char.isprintable():
            keys.append(char)
    return keys


def _sequence(text: str) -> str:
    """Return what belongs to an escape sequence at the start of `text`."""
    if text[:1] == "O":
        return text[:2]
    if text[:1] != "[":
        return ""
    for length, char in enumerate(text[1:], start=2):
        if "@" <= char <= "~":
            return text[:length]
    return text


class Keyboard:
    """The keyboard of this terminal. In a `with` block, keys come at once and are not shown."""

    def __init__(self) -> None:
        self.descriptor = sys.stdin.fileno()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._before: list[Any] = []

    @staticmethod
    def is_possible() -> bool:
        """Say whether this system can tell of single keys: Windows cannot."""
        return find_spec("termios") is not None

    @classmethod
    def is_here(cls) -> bool:
        """Say whether somebody can press keys."""
        return cls.is_possible() and sys.stdin.isatty()

    def __enter__(self) -> Self:
        import termios

        self._before = termios.tcgetattr(self.descriptor)
        self.take()
        return self

    def __exit__(self, *exception: object) -> None:
        import termios

        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self._before)

    def take(self) -> None:
        """Take the keys; again, after the process was suspended."""
        import termios

        modes = termios.tcgetattr(self.descriptor)
        modes[3] &= ~(termios.ECHO | termios.ICANON)
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, modes)

    def read(self) -> list[str]:
        """Return the keys that wait, an empty list if there are none. Raises EOFError."""
        data = os.read(self.descriptor, 4096)
        if not data:
            raise EOFError
        return keys_in(self._decoder.decode(data))
