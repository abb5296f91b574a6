"""Thoughts that a model writes into its answer, between tags of many kinds, taken out of it."""

import re

_NAMES = "think|thinking|thought|thoughts|reasoning"
_TAG = re.compile(rf"<(/?)({_NAMES})\s*>", re.IGNORECASE)
_CODE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*$|(?<!`)`[^`\n]{1,400}`(?!`)", re.MULTILINE)
_QUOTES = "\"'`\u201c\u2018\u00ab"
_FINAL = re.compile(r"<\|channel\|>\s*final[^<\n]{0,40}<\|message\|>")
_ENDS = re.compile(r"<\|(?:end|return|call|start)\|>")
_LOOK = 3
_INDENT = 100


def without_thoughts(text: str, prompt: str = "") -> str:
    """Return what `text` says beside its thoughts.

    Tags in code and in quotes are talked about and stay, and so do tags such as `<reasoning>` where
    `prompt` speaks of them: they were asked for. Work and memory grow with the text's length alone.
    """
    answer = _after_channels(text)
    if "<" not in answer or not _TAG.search(answer):
        return answer if answer == text else answer.strip()
    kept = _kept(answer, _tags(answer, prompt))
    return answer if kept == answer else kept.strip()


def _after_channels(text: str) -> str:
    """Return the last message of the channel `final`, where text holds a dialogue in Harmony's form."""
    if "<|message|>" not in text:
        return text
    finals = [found.end() for found in _FINAL.finditer(text)]
    return _ENDS.split(text[finals[-1] :], maxsplit=1)[0] if finals else text


def _tags(text: str, prompt: str) -> list[re.Match[str]]:
    """Return the tags that are marks and not talked about."""
    asked_for = prompt.casefold() if "<" in prompt else ""
    code = _code(text)
    tags, place = [], 0
    for tag in _TAG.finditer(text):
        while place < len(code) and code[place][1] <= tag.start():
            place += 1
        name = tag[2].casefold()
        in_code = place < len(code) and code[place][0] <= tag.start()
        quoted = tag.start() > 0 and text[tag.start() - 1] in _QUOTES
        wanted = not name.startswith("think") and f"<{name}>" in asked_for
        if not (in_code or quoted or wanted):
            tags.append(tag)
    return tags


def _code(text: str) -> list[tuple[int, int]]:
    """Return where code begins and ends: in fences, which may be left open, and in backticks."""
    spans: list[tuple[int, int]] = []
    fence, begun = "", 0
    for found in _CODE.finditer(text):
        if found[1] is None:
            if not fence:
                spans.append(found.span())
        elif not fence:
            fence, begun = found[1], found.start()
        elif found[1].startswith(fence) and found[0].strip() == found[1]:
            spans.append((begun, found.end()))
            fence = ""
    return [*spans, (begun, len(text))] if fence else spans


def _kept(text: str, tags: list[re.Match[str]]) -> str:
    parts: list[str] = []
    end = depth = 0
    closings = [0] * (len(tags) + 1)
    for place in range(len(tags) - 1, -1, -1):
        closings[place] = closings[place + 1] + bool(tags[place][1])
    for place, tag in enumerate(tags):
        if tag[1]:
            if depth:
                depth -= 1
            elif _ends_thoughts(text, tag):
                parts.clear()  # all before it were thoughts, whose opening was in the prompt
            else:
                continue
            end = tag.end()
        elif depth or closings[place] or _begins_line(text, tag):
            if not depth:
                parts.append(text[end : tag.start()])
            depth = 1
    return "".join([*parts, "" if depth else text[end:]])


def _ends_thoughts(text: str, tag: re.Match[str]) -> bool:
    """Tell whether a closing tag without an opening is a mark, and not a word in a sentence."""
    after = text[tag.end() : tag.end() + _LOOK]
    if not after.strip() or "\n" in after[: len(after) - len(after.lstrip())]:
        return True
    return _begins_line(text, tag) or after[0].isalnum() or after.lstrip()[0].isupper()


def _begins_line(text: str, tag: re.Match[str]) -> bool:
    """Tell whether there is nothing but blanks before a tag on its line."""
    before = text[max(0, tag.start() - _INDENT) : tag.start()]
    blank = before[len(before.rstrip()) :]
    return "\n" in blank or (not before.strip() and tag.start() <= _INDENT)
