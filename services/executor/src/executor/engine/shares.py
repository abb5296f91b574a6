"""Shares the room in a prompt fairly, with a mark wherever something had to be left out."""

from collections.abc import Sequence


def cut(text: str, limit: int) -> str:
    """Return `text`, or its beginning with a mark that gives its full length."""
    if len(text) <= limit:
        return text
    mark = f"\n… [cut: {len(text):,} characters in all]"
    return text[: max(0, limit - len(mark))] + mark


def fit(texts: Sequence[str], room: int) -> list[str]:
    """Return `texts`, each cut to a fair share of `room` characters; short ones leave more for others."""
    limits = _limits([len(text) for text in texts], room)
    return [cut(text, limit) for text, limit in zip(texts, limits, strict=True)]


def lines_within(groups: Sequence[Sequence[str]], room: int) -> list[str]:
    """Return the first lines of each group that fit its share of `room`, each line once."""
    seen: set[str] = set()
    fresh = [[line for line in group if _new(line, seen)] for group in groups]
    limits = _limits([sum(len(line) + 1 for line in group) for group in fresh], room)
    return [
        line for group, limit in zip(fresh, limits, strict=True) for line in _first(group, limit)
    ]


def _new(line: str, seen: set[str]) -> bool:
    key = " ".join(line.casefold().split())
    new = key not in seen
    seen.add(key)
    return new


def _first(lines: Sequence[str], limit: int) -> list[str]:
    if sum(len(line) + 1 for line in lines) <= limit:
        return list(lines)
    taken: list[str] = []
    mark = f"- … ({len(lines):,} older ones are left out)"
    left = limit - len(mark) - 1
    for line in lines:
        if len(line) + 1 > left:
            break
        taken.append(line)
        left -= len(line) + 1
    if not taken and lines:
        taken.append(cut(lines[0], max(0, left)))
    return [*taken, f"- … ({len(lines) - len(taken):,} older ones are left out)"]


def _limits(sizes: Sequence[int], room: int) -> list[int]:
    """Return each one's part of `room`: no more than it needs, the rest in equal shares."""
    limits = [0] * len(sizes)
    left, waiting = room, sorted(range(len(sizes)), key=lambda place: sizes[place])
    for count, place in zip(range(len(waiting), 0, -1), waiting, strict=True):
        limits[place] = min(sizes[place], left // count)
        left -= limits[place]
    return limits
