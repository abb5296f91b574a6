"""Removes the thoughts that a model writes into its answer, between tags of many kinds."""

import re

_NAMES = "think|thinking|thought|thoughts|reasoning"
_TAG = re.compile(rf"<(/?)({_NAMES})\s*>", re.IGNORECASE)
_TOKEN = re.compile(
    rf"^[ \t]*(?P<fence>`{{3,}}|~{{3,}})[^\n]*$|(?<!`)`[^`\n]{{1,400}}`(?!`)|<(?P<end>/?)(?P<tag>{_NAMES})\s*>",
    re.IGNORECASE | re.MULTILINE,
)
"""A line that begins or ends a code block, inline code, or a tag."""
_OTHER_MARKS = re.compile(
    r"\[/?THINK\]|◁/?think▷|</?[a-z]{1,20}:think>|<\|(?P<d>begin|end)_of_thought\|>"
)
"""What Magistral, Kimi, Seed and others write instead of the tags."""
_QUOTES = "\"'`\u201c\u2018\u00ab"
_FINAL = re.compile(r"<\|channel\|>\s*final[^<\n]{0,40}<\|message\|>")
_ENDS = re.compile(r"<\|(?:end|return|call|start)\|>")
_LOOK = 3
_INDENT = 100


def without_thoughts(text: str, prompt: str = "") -> str:
    """Return `text` without its thoughts.

    Tags in code or quotes stay, since the text only talks about them. So do tags such as
    `<reasoning>` if `prompt` asks for them. Time and memory are linear in the text's length.
    """
    answer = _OTHER_MARKS.sub(_as_tag, _after_channels(text))
    if "<" not in answer or not _TAG.search(answer):
        return answer if answer == text else answer.strip()
    first = _Scan(answer, prompt)
    first.run()
    kept = first
    if first.open_fence is not None:  # not code, but the rest of a thought
        kept = _Scan(answer, prompt, fences_until=first.open_fence)
        kept.run()
    if not kept.found:
        return _after_channels(text)
    return kept.text().strip()


def _as_tag(mark: re.Match[str]) -> str:
    closing = "/" in mark[0] or mark["d"] == "end"
    return "</think>" if closing else "<think>"


def _after_channels(text: str) -> str:
    """Return the last message of the channel `final` if `text` is in the Harmony format."""
    if "<|message|>" not in text:
        return text
    finals = [found.end() for found in _FINAL.finditer(text)]
    return _ENDS.split(text[finals[-1] :], maxsplit=1)[0] if finals else text


class _Scan:
    """One pass over a text: what is code, what is a thought, and what is left."""

    def __init__(self, text: str, prompt: str, fences_until: int | None = None) -> None:
        self.found = False
        self.open_fence: int | None = None
        self._text = text
        self._asked_for = prompt.casefold() if "<" in prompt else ""
        self._until = len(text) if fences_until is None else fences_until
        self._fence, self._begun = "", 0
        self._thinks = False
        self._end = 0
        self._parts: list[str] = []
        self._last = max((tag.start() for tag in _TAG.finditer(text) if tag[1]), default=-1)

    def run(self) -> None:
        for token in _TOKEN.finditer(self._text):
            if token["tag"] is not None:
                if not self._fence:
                    self._mark(token.start(), token.end(), token["end"], token["tag"])
            elif self._thinks:  # what looks like code in a thought is not
                for tag in _TAG.finditer(self._text, token.start(), token.end()):
                    self._mark(tag.start(), tag.end(), tag[1], tag[2])
            elif token["fence"] is not None and token.start() < self._until:
                self._toggle_fence(token)
        self.open_fence = self._begun if self._fence else None

    def text(self) -> str:
        """Return what is left."""
        return "".join([*self._parts, "" if self._thinks else self._text[self._end :]])

    def _toggle_fence(self, token: re.Match[str]) -> None:
        if not self._fence:
            self._fence, self._begun = token["fence"], token.start()
        elif token["fence"].startswith(self._fence) and token[0].strip() == token["fence"]:
            self._fence = ""

    def _mark(self, start: int, end: int, closing: str, name: str) -> None:
        quoted = start > 0 and self._text[start - 1] in _QUOTES
        wanted = (
            not name.casefold().startswith("think") and f"<{name.casefold()}>" in self._asked_for
        )
        if wanted or (quoted and not self._thinks):
            return
        if closing:
            if not self._thinks:
                if not _ends_thoughts(self._text, start, end):
                    return
                self._parts.clear()  # everything before is a thought, opened in the prompt
            self._thinks, self._end, self.found = False, end, True
        elif not self._thinks and (start < self._last or _begins_line(self._text, start)):
            self._parts.append(self._text[self._end : start])
            self._thinks = self.found = True


def _ends_thoughts(text: str, start: int, end: int) -> bool:
    """Tell whether a closing tag without an opening one is a tag, not a word in a sentence."""
    after = text[end : end + _LOOK]
    if not after.strip() or "\n" in after[: len(after) - len(after.lstrip())]:
        return True
    return _begins_line(text, start) or after[0].isalnum() or after.lstrip()[0].isupper()


def _begins_line(text: str, start: int) -> bool:
    """Tell whether only blanks precede a tag on its line."""
    before = text[max(0, start - _INDENT) : start]
    blank = before[len(before.rstrip()) :]
    return "\n" in blank or (not before.strip() and start <= _INDENT)
