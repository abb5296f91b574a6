"""What the documents say is true: the served ones answer, and the README's lines can be pasted."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import jwt
import pytest
from journeys.shell import CURL, ran

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.alike_in_every_form]

_ROOT = Path(__file__).parents[2]


def code(document: str, language: str, beginning: str = "") -> str:
    """Return the first block of a document's code in that language that begins so."""
    text = (_ROOT / document).read_text()
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return next(block for block in blocks if block.startswith(beginning))


async def text_of(user: Any, path: str, kind: str) -> str:
    async with user.http.get(user.platform.root + path) as answer:
        assert answer.status == 200
        assert answer.content_type == kind
        return str(await answer.text())


async def test_the_api_describes_itself(visitor: Any) -> None:
    document = json.loads(await text_of(visitor, "/openapi.json", "application/json"))
    assert document["openapi"].startswith("3.1")
    assert {"/auth/login", "/crews", "/executions", "/ws"} <= set(document["paths"])
    collection = await text_of(visitor, "/postman/kasal-api-v1.json", "application/json")
    assert "v2.1.0" in json.loads(collection)["info"]["schema"]
    page = await text_of(visitor, "/docs", "text/html")
    assert not re.search(r"(?:src|href)=\"https?:", page), "the page needs nothing from elsewhere"


async def test_anybody_can_check_a_token_with_the_published_keys(user: Any) -> None:
    keys = jwt.PyJWKSet.from_json(await text_of(user, "/.well-known/jwks.json", "application/json"))
    key = keys[jwt.get_unverified_header(user.token)["kid"]]
    claims = jwt.decode(user.token, key, algorithms=["ES256"], audience="kasal")
    assert claims["sub"] == (await user.call("GET", "/auth/me", expect=200))["id"]


async def test_health_tells_what_is_ready(visitor: Any) -> None:
    for path in ("/healthz", "/readyz"):
        await text_of(visitor, path, "application/json")


async def pasted(user: Any, folder: Path, *steps: str) -> str:
    """Run steps of the README's tour as this user; return what they print."""
    curl = folder / "curl"
    curl.write_text(f"#!{sys.executable}\n{CURL}")
    curl.chmod(0o755)
    tour = "".join(steps)
    for told, ours in (
        ("http://localhost:8000/api/v1", user.platform.base),
        ("user@example.com", user.email),
        ("secure_password", user.password),
    ):
        assert told in tour
        tour = tour.replace(told, ours)
    return await ran("bash", "-eu", text=tour, path=str(folder))


async def test_the_tour_of_the_readme_can_be_pasted(user: Any, tmp_path: Path) -> None:
    answers = await pasted(user, tmp_path, code("README.md", "sh", "API="))

    stream, rest = answers.split("event: execution_complete")
    assert stream.count("event: task_start") == 1
    lines = [json.loads(line) for line in rest.splitlines() if line.startswith("{")]
    execution, traces, stop = lines
    assert execution["status"] == "completed"
    assert len(traces["traces"]) == execution["last_seq"]
    assert stop["error"]["code"] == "CONFLICT", "as the tour says of a run that has ended"


async def test_the_crew_of_the_readme_asks_a_person(user: Any, tmp_path: Path) -> None:
    login = code("README.md", "sh", "API=").split("# A crew")[0]
    asking = code("README.md", "sh", "CREW=").replace('"gpt-4"', '"offline"')

    answers = await pasted(user, tmp_path, login, asking)

    question, *_ = (json.loads(line) for line in answers.splitlines() if line.startswith("{"))
    [asked] = question["questions"]
    assert asked["tool_call"]["tool"] == "calculator"
    assert asked["tool_call"]["arguments"] == {"expression": "20 - 12 * 0.21"}
    called, ended = answers.split("event: tool_result")
    assert "event: input_received" in called
    assert "17.48" in ended
    assert "event: execution_complete" in ended


async def test_the_python_client_of_the_readme_runs_a_crew(user: Any, tmp_path: Path) -> None:
    client = code("README.md", "python", "from kasal import")
    for told, ours in (
        ("http://localhost:8000", user.platform.root),
        ("user@example.com", user.email),
        ("secure_password", user.password),
    ):
        assert told in client
        client = client.replace(told, ours)
    (tmp_path / "crew.yaml").write_text(code("docs/guide/import.md", "yaml", "kasal: 1"))
    printed = (await ran(sys.executable, "-c", client, folder=tmp_path)).splitlines()
    assert printed[0] == "1 execution_start"
    assert any(re.match(r"\d+ execution_complete", line) for line in printed)
    assert "Write a report on tea" in "\n".join(printed)


async def test_a_script_of_the_readme_watches_a_run_over_a_socket(user: Any) -> None:
    client = code("README.md", "python", "import asyncio")
    assert "ws://localhost:8000/api/v1" in client
    client = client.replace("ws://localhost:8000/api/v1", user.platform.base.replace("http", "ws"))
    job_id = await user.start(await user.crew("Think of tea"))
    printed = await ran(sys.executable, "-c", client, user.token, job_id)
    seen = [line.split()[:2] for line in printed.splitlines() if re.match(r"\d+ \w+", line)]
    events = await user.watch(job_id)
    assert seen == [[str(event["seq"]), event["type"]] for event in events]


@pytest.mark.parametrize("form", ["stack"], indirect=True, scope="session")
async def test_a_service_publishes_a_job_as_the_guide_says(user: Any) -> None:
    publisher = code("docs/how-to/publish-jobs-from-your-service.md", "python")
    workspace_id = (await user.call("GET", "/auth/me", expect=200))["workspace"]["id"]
    crew_id = await user.crew("Think of {topic}")
    printed = await ran(
        sys.executable, "-c", publisher, user.platform.amqp_url, workspace_id, crew_id
    )
    assert printed.splitlines()[0].startswith("1 execution_start")
    assert "execution_complete [offline] Research Agent: Think of Tea" in printed
