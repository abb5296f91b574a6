"""Replies that do not end normally: cut at the length limit, filtered, or refused."""

from executor.engine.faults import RunFault
from executor.models.calls import CUT as CALL_CUT
from executor.models.dialogue import Finish, Reply

OUTPUT_CUT = "OUTPUT_CUT"
_PARTS = 5
"""How many replies one answer may be joined from."""
_CUT_CALLS = 3
"""How many replies in a row may have their calls cut."""
_OVERLAP = 400
"""How many characters a part may repeat from the one before it."""
_SURE = 12
"""A shorter repetition is taken for chance."""

GO_ON = (
    "Your reply reached its length limit. Go on exactly where it stopped, with the very next "
    "character: what you write now is put directly behind it. Repeat nothing and say nothing about it."
)
BRIEFLY = "Your reply reached its length limit before it came to an answer. Answer now, directly and briefly."


class PartialAnswer:
    """An unfinished answer: one reply, or several where replies are cut."""

    def __init__(self) -> None:
        self.text = ""
        self._parts = self._cut_calls = 0

    def add(self, reply: Reply) -> str:
        """Add a reply without tool calls; return what to tell the model, or "" if the answer is whole."""
        self.text = join_parts(self.text, reply.text)
        self._parts += 1
        if reply.finish is not Finish.LENGTH or self._parts >= _PARTS:
            return ""
        return GO_ON if self.text.strip() else BRIEFLY

    def add_calls(self, reply: Reply) -> bool:
        """Note a reply that calls tools; tell whether too many in a row were cut."""
        self.text, self._parts = "", 0
        cut = any(call.fault == CALL_CUT for call in reply.calls)
        self._cut_calls = self._cut_calls + 1 if cut else 0
        return self._cut_calls >= _CUT_CALLS


def join_parts(text: str, more: str) -> str:
    """Return a cut text and its continuation as one, without what `more` repeats from `text`."""
    for length in range(min(_OVERLAP, len(text), len(more)), _SURE - 1, -1):
        if text.endswith(more[:length]):
            return text + more[length:]
    return text + more


def check_finish(reply: Reply, model: str, task_id: str) -> None:
    """Raise `RunFault` for a reply that the model refused or the provider filtered: it is no answer."""
    because = f": {reply.reason}" if reply.reason else ""
    if reply.finish is Finish.REFUSED:
        message = f"The model {model} refused to answer{because}. Change what is asked of it."
        raise RunFault("MODEL_REFUSED", message, task_id)
    if reply.finish is Finish.FILTERED:
        message = (
            f"The provider of the model {model} cut its answer off with a content filter{because}. "
            "Change what is asked, or use another model."
        )
        raise RunFault("CONTENT_FILTERED", message, task_id)


def too_long(model: str, task_id: str, *, call: bool) -> RunFault:
    """Return the fault that ends a run whose model's replies keep reaching their length limit."""
    what = "call a tool" if call else "answer"
    message = (
        f"The model {model} reached its length limit again and again before it could {what}. "
        "Ask for less at once, or raise the model's limit where it is served."
    )
    return RunFault(OUTPUT_CUT, message, task_id)
