"""Removes secrets from what tools return, however an endpoint writes them back."""

import base64
from collections.abc import Iterable

from executor.tools.escapes import Unfolded, source_span

MASK = "[secret]"
_SHORTEST = 4
"""The fewest characters of a secret; a shorter one looks like an ordinary word."""
_DEEPEST = 4
"""How many layers of escapes are read: JSON in JSON in a page, and one more."""


class Mask:
    """Replaces known secrets, also in base64 or hexadecimal, however they are escaped."""

    def __init__(self, secrets: Iterable[str]) -> None:
        written = {
            form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)
        }
        read = {text for form in written for text in _readings(form) if len(text) >= _SHORTEST}
        self._forms = sorted(written | read, key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return `text` without the secrets. Slow for texts that are mostly escapes."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return self._hide_in_escapes(text) if self._forms else text

    def _hide_in_escapes(self, text: str) -> str:
        """Return `text` without the secrets that only show once its escapes are decoded."""
        layers: list[Unfolded] = []
        places: list[tuple[int, int]] = []
        shown = text
        while len(layers) < _DEEPEST:
            layer = Unfolded(shown)
            if not layer.escapes:
                break
            layers.append(layer)
            shown = layer.text
            places += [source_span(layers, *found) for found in self._find(shown)]
        return _cut_out(text, places)

    def _find(self, text: str) -> Iterable[tuple[int, int]]:
        for form in self._forms:
            at = text.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = text.find(form, at + len(form))


def _cut_out(text: str, places: Iterable[tuple[int, int]]) -> str:
    parts, done = [], 0
    for begin, end in sorted(places):
        if begin >= done:
            parts += [text[done:begin], MASK]
        done = max(done, end)
    return "".join([*parts, text[done:]])


def _readings(form: str) -> Iterable[str]:
    """Yield what `form` becomes when escapes in the secret itself are decoded, layer by layer."""
    for _ in range(_DEEPEST):
        layer = Unfolded(form)
        if not layer.escapes:
            return
        form = layer.text
        yield form


def _forms(secret: str) -> Iterable[str]:
    raw = secret.encode("utf-8", "replace")
    yield from (secret, secret.replace(" ", "+"))  # a space in a query is a plus
    yield from (raw.hex(), raw.hex().upper())
    yield base64.b64encode(raw).decode()
    if len(raw) >= 2 * _SHORTEST:
        yield from _in_base64(raw)


def _in_base64(raw: bytes) -> Iterable[str]:
    """Yield the part of `raw` that is visible in a longer text's base64, for each of three offsets."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text = encode(b"\0" * before + raw).decode().rstrip("=")
            begin = (0, 2, 3)[before]
            end = len(text) - (1 if (before + len(raw)) % 3 else 0)
            yield text[begin:end]
