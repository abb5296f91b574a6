"""Secrets taken out of what tools return, however an endpoint writes them back."""

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "[secret]"
_SHORTEST = 4
"""Characters of a secret that can be told from an ordinary word."""


class Mask:
    """Replaces known secrets, also URL-encoded, in base64 or hexadecimal, or escaped as in JSON."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {
            form
            for secret in secrets
            if len(secret) >= _SHORTEST
            for form in _forms(secret)
            if form
        }
        self._forms = sorted(forms, key=len, reverse=True)

    def hide(self, text: str) -> str:
        """Return `text` without the secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text


def _forms(secret: str) -> Iterable[str]:
    raw = secret.encode("utf-8", "replace")
    escaped = json.dumps(secret)[1:-1]
    yield from (secret, escaped, json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (escaped.replace("/", "\\/"), json.dumps(escaped)[1:-1])
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield from (encoded, encoded.lower() if encoded != secret else "", quote(encoded, safe=""))
    yield "".join(f"%{byte:02x}" for byte in raw)
    yield "".join(f"%{byte:02X}" for byte in raw)
    yield (
        secret.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
    )
    yield from (raw.hex(), raw.hex().upper())
    yield base64.b64encode(raw).decode()
    if len(raw) >= 2 * _SHORTEST:
        yield from _in_base64(raw)


def _in_base64(raw: bytes) -> Iterable[str]:
    """Yield what of `raw` shows in the base64 of a text that holds it, at each of three places."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text = encode(b"\0" * before + raw).decode().rstrip("=")
            begin = (0, 2, 3)[before]
            end = len(text) - (1 if (before + len(raw)) % 3 else 0)
            yield text[begin:end]
