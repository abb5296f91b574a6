"""Makes what a provider says safe to show: on one line, short, and without anybody's keys."""

import re
from urllib.parse import urlsplit

_READ = 4_000
_SHOWN = 300
_SECRETS = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf)[-_][\w*.-]{6,}|\bAIza[\w-]{10,}|\beyJ[\w-]{10,}\.[\w.-]+"
    r"|(?<=Bearer )[^\s\"',;]+|(?<=://)[^\s/@]+(?=@)"
)

_QUERY = re.compile(r"([?&](?:api_?key|key|(?:access_)?token)=)[^&\s\"']+", re.IGNORECASE)


def safe_text(text: str, keys: tuple[str, ...] = ()) -> str:
    """Return `text` on one line, shortened, without `keys` and anything that looks like a key."""
    line = " ".join(text[:_READ].split())
    for key in keys:
        if len(key) >= 4:
            line = line.replace(key, "***")
    line = _QUERY.sub(r"\1***", _SECRETS.sub("***", line))
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def address(url: str) -> str:
    """Return the host and port of `url`, or an empty text if it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname else ""
