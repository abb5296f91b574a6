"""How a run ends badly: every fault becomes the `error` event that ends the job."""


class RunFault(Exception):  # noqa: N818 - it becomes an event, not a bug
    """A task or the whole run cannot go on. `code` and `message` are shown."""

    def __init__(self, code: str, message: str, task_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.task_id = task_id


class NeedsInput(Exception):  # noqa: N818 - it names what the run waits for
    """A task waits for a person: for a review, or for word of the tool call numbered `call`."""

    def __init__(self, task_id: str, prompt: str, call: int | None = None) -> None:
        super().__init__(task_id)
        self.task_id = task_id
        self.prompt = prompt
        self.call = call
