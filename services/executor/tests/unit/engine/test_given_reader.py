"""An agent without a file reader reads what its job was given, and nothing else."""

from executor.engine.given_reader import GivenReader
from executor.tools.call import Call
from executor.tools.spec import FailedResult, ToolSpec


class Reader:
    spec = ToolSpec("file_reader", "Read files", {})
    safe = reads = True
    asks = False

    async def fit_arguments(self, arguments):
        return arguments

    async def call(self, arguments, _call):
        return f"read {arguments['path']}"


async def test_it_reads_what_was_given_only():
    tool = GivenReader(Reader())
    call = Call("ws_1", "job_1", "task_1", 1, files={"a.csv": "file_1", "file_1": "file_1"})
    assert tool.spec.name == "file_reader"
    for path in ("a.csv", "file_1"):
        arguments = await tool.fit_arguments({"path": path})
        assert await tool.call(arguments, call) == f"read {path}"
    told = await tool.call({"path": "other.csv"}, call)
    assert isinstance(told, FailedResult)
    assert told == "Error: this job was given only: a.csv."
