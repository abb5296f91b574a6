"""A built-in tool or a model provider is one module, a field one line: shown on a copy of the code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("libs/common/src", "services/crews/src", "services/executor/src")

TOOL = '''
"""Says how long a text is."""

from common.contracts.tools import ToolDeclaration
from executor.tools.built_in_tool import BuiltInTool, parameters


async def length(arguments, _call):
    return str(len(arguments["text"]))


TOOL = BuiltInTool(
    ToolDeclaration("length", "Count letters", "data", parameters("text", text={"type": "string"})),
    lambda _settings, _client: length,
)
'''
TOOL_TRIED = """
import asyncio
from pathlib import Path

from common.contracts.crew import ToolSnapshot
from crews.domain.offered_tools import OfferedTools
from common.contracts.tools import BUILT_IN_TOOLS
from executor.tools.built_in_tool import ToolSettings
from executor.tools.call import Call
from executor.tools.toolbox import Toolbox


async def main():
    toolbox = Toolbox(ToolSettings(None), None)
    tool = toolbox.tool(ToolSnapshot(name="length"))
    print(BUILT_IN_TOOLS[-1].description, OfferedTools()["length"].name)
    print(await tool.call({"text": "four"}, Call("ws", "job", "task", 1)))
    await toolbox.close()


asyncio.run(main())
"""

PROVIDER = '''
"""A provider that is not there yet."""

from common.contracts.models import ProviderDeclaration
from executor.models.connections import Access, connect_compatible
from executor.models.provider import ModelProvider, ProviderSetting

PROVIDER = ModelProvider(
    ProviderDeclaration("toy", patterns=("(toy-.+)",), shown="toy-…", examples=("toy-large",)),
    lambda access, timeout: connect_compatible(Access(access.key, "http://127.0.0.1:9/v1"), timeout),
    key=ProviderSetting("toy_api_key", "For `toy-*` models.", ("TOY_API_KEY",)),
)
'''
PROVIDER_TRIED = """
import asyncio
import os

from common.contracts.models import model_fault
from executor.config import Settings
from executor.models.catalogue import Models, ModelSettings

os.environ["TOY_API_KEY"] = "secret"
given = Settings(mongo_url="mongodb://h", amqp_url="memory://", service_secret="s" * 32)


async def main():
    models = Models(ModelSettings(given.model_access()))
    model = await models.resolve("toy-1")
    print(model.label, model.provider, given.model_access()["toy"].key)
    print(model_fault("toy-1"), model_fault("tou-large"))
    await models.close()


asyncio.run(main())
"""
TASK_FIELDS = """
    mood: Annotated[str, text(10)] = "calm"
    hints: JsonSchema = None
"""
AGENT_FIELDS = """
    accent: Annotated[str, text(10)] | None = None
"""
FIELDS_TRIED = """
from datetime import UTC, datetime

from pydantic import ValidationError

from common.contracts.crew import AgentSnapshot, TaskSnapshot
from crews.domain.composition import changed_values, new_crew
from crews.domain.crew import Agent, Task
from crews.domain.drafts import AgentChanges, AgentRequest, CrewDraft, TaskChanges, TaskRequest
from crews.routes.bodies import agent_view, task_view
from crews.store.documents import crew_document, crew_of

agent = {"role": "Writer", "goal": "Write", "model": "offline", "accent": "Scots"}
task = {"description": "Write", "expected_output": "A text", "mood": "merry", "hints": {"$a.b": 1}}
crew = new_crew(CrewDraft(name="C", agents=[agent], tasks=[task]), "ws_1", datetime.now(UTC))
stored = crew_document(crew)
assert stored["tasks"][0]["hints"] == '{"$a.b": 1}'
assert crew_of(stored) == crew
shown = task_view(crew, crew.tasks[0], {})
print("view", shown.mood, shown.hints, agent_view(crew, crew.agents[0], {}).accent)
runs = TaskSnapshot.model_validate(crew.tasks[0].model_dump())
print("snapshot", runs.mood, AgentSnapshot.model_validate(crew.agents[0].model_dump()).accent)
print("request", TaskRequest(**task).mood, AgentRequest(crew_id="crew_1", **agent).accent)
print("change", changed_values(TaskChanges(mood="sad"), Task), changed_values(AgentChanges(accent=None), Agent))
print("null", changed_values(TaskChanges(mood=None, hints=None), Task))
for kind, sent in ((TaskRequest, task), (TaskChanges, {})):
    try:
        kind(**{**sent, "mood": "more than ten letters"})
    except ValidationError as fault:
        print("refused", fault.errors()[0]["loc"])
del stored["tasks"][0]["mood"], stored["tasks"][0]["hints"], stored["agents"][0]["accent"]
print("older", crew_of(stored).tasks[0].mood, crew_of(stored).agents[0].accent)
"""
FIELDS_SEEN = """\
view merry {'$a.b': 1} Scots
snapshot merry Scots
request merry Scots
change {'mood': 'sad'} {'accent': None}
null {'hints': None}
refused ('mood',)
refused ('mood',)
older calm None
"""


class Copy:
    """A copy of the services' code, which a test may add files to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for source in SOURCES:
            shutil.copytree(
                ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__")
            )

    def add(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)

    def insert(self, path: str, before: str, text: str) -> None:
        whole = (self.folder / path).read_text()
        assert whole.count(before) == 1
        (self.folder / path).write_text(whole.replace(before, text + before))

    def run(self, *command: str) -> str:
        """Run Python on the copy. Returns what it prints."""
        path = os.pathsep.join(str(self.folder / source) for source in SOURCES)
        done = subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_a_module_is_all_that_a_built_in_tool_needs(copy: Copy) -> None:
    copy.add("services/executor/src/executor/tools/built_in/length.py", TOOL)
    copy.run(str(ROOT / "tools/built_in.py"))
    assert copy.run("-c", TOOL_TRIED).splitlines() == ["Count letters length", "4"]


def test_a_module_is_all_that_a_model_provider_needs(copy: Copy) -> None:
    copy.add("services/executor/src/executor/models/providers/toy.py", PROVIDER)
    copy.run(str(ROOT / "tools/built_in.py"))
    resolved, checked = copy.run("-c", PROVIDER_TRIED).splitlines()
    assert resolved == "toy-1 openai-compatible secret"
    assert checked.startswith("None The model tou-large is not known; did you mean toy-large?")
    assert "toy-…" in checked


def test_a_line_is_all_that_a_field_of_a_task_or_an_agent_needs(copy: Copy) -> None:
    declarations = "libs/common/src/common/contracts/crew_fields.py"
    copy.insert(declarations, "\n\nclass TaskFields", AGENT_FIELDS.rstrip())
    with (copy.folder / declarations).open("a") as end:
        end.write(TASK_FIELDS.lstrip("\n"))
    assert copy.run("-c", FIELDS_TRIED) == FIELDS_SEEN
