"""An agent's loop: ask its model and call its tools until it answers."""

from executor.engine import continuing
from executor.engine.continuing import PartialAnswer
from executor.engine.desk import Desk, Speaker
from executor.engine.faults import RunFault
from executor.models.dialogue import Dialogue, Finish, Reply

MAX_ITERATIONS = "MAX_ITERATIONS"


class Conversation:
    """One dialogue with a model, bounded by the crew's `max_iterations`."""

    def __init__(self, desk: Desk, speaker: Speaker, dialogue: Dialogue) -> None:
        self._desk = desk
        self._speaker = speaker
        self._dialogue = dialogue
        self._replies = self._rounds = 0
        self.cut = False
        """Whether the last answer is incomplete because its model reached a length limit."""

    def say(self, text: str) -> None:
        """Add a message of our own; the next answer replies to it."""
        self._dialogue.turns.append(text)

    def begin_anew(self, text: str) -> None:
        """Add what a person says, and count the iterations from here."""
        self.say(text)
        self._rounds = 0

    async def answer(self) -> str:
        """Return the model's next complete text without tool calls. Raises `RunFault`.

        The model is asked to continue a reply that is cut at its length limit. If the answer is
        still incomplete after that, a warning is written.
        """
        partial = PartialAnswer()
        going_on = False
        while True:
            turn, reply = await self._next(going_on=going_on)
            if reply.calls:
                if partial.add_calls(reply):
                    raise continuing.too_long(self._speaker.model, self._desk.task.id, call=True)
                self._dialogue.turns.append(await self._desk.make_calls(self._speaker, reply, turn))
                going_on = False
                continue
            word = partial.add(reply)
            if not word:
                return self._finish(partial, reply)
            self.say(word)
            going_on = True

    async def _next(self, *, going_on: bool) -> tuple[int, Reply]:
        turn = self._replies
        self._count_round(going_on=going_on)
        reply = await self._desk.ask(self._speaker, self._dialogue, turn)
        self._replies += 1
        self._dialogue.turns.append(reply)
        continuing.check_finish(reply, self._speaker.model, self._desk.task.id)
        return turn, reply

    def _finish(self, partial: PartialAnswer, reply: Reply) -> str:
        self.cut = reply.finish is Finish.LENGTH
        if self.cut:
            if not partial.text.strip():
                raise continuing.too_long(self._speaker.model, self._desk.task.id, call=False)
            self._desk.shared.warn(
                continuing.OUTPUT_CUT,
                f"An answer of {self._speaker.agent} to the task {self._desk.task.id} is not whole: "
                f"the model {self._speaker.model} reached its length limit again and again.",
            )
        return partial.text

    def _count_round(self, *, going_on: bool) -> None:
        most = self._desk.shared.configuration.max_iterations
        if going_on:
            return
        self._rounds += 1
        if self._rounds > most:
            raise RunFault(
                MAX_ITERATIONS,
                f"{self._speaker.agent} has asked its model {most} times without an answer.",
                self._desk.task.id,
            )
