"""An agent's loop: it is asked, its tools are called, until it answers."""

from executor.engine.desk import Desk, Speaker
from executor.engine.faults import RunFault
from executor.models.dialogue import Dialogue

MAX_ITERATIONS = "MAX_ITERATIONS"


class Conversation:
    """One dialogue with a model, bounded by the crew's `max_iterations`."""

    def __init__(self, desk: Desk, speaker: Speaker, dialogue: Dialogue) -> None:
        self._desk = desk
        self._speaker = speaker
        self._dialogue = dialogue
        self._replies = 0

    def say(self, text: str) -> None:
        """Put in a word of our own; the next answer replies to it."""
        self._dialogue.turns.append(text)

    async def answer(self) -> str:
        """Return the model's next text that asks for no tool. Raises `RunFault`."""
        while True:
            turn = self._replies
            self._bounded()
            reply = await self._desk.ask(self._speaker, self._dialogue, turn)
            self._replies += 1
            self._dialogue.turns.append(reply)
            if not reply.calls:
                return reply.text
            self._dialogue.turns.append(await self._desk.perform(self._speaker, reply, turn))

    def _bounded(self) -> None:
        most = self._desk.shared.configuration.max_iterations
        if self._replies >= most:
            raise RunFault(
                MAX_ITERATIONS,
                f"{self._speaker.agent} has asked its model {most} times without an answer.",
                self._desk.task.id,
            )
