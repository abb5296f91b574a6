"""Making, changing, running and importing crews in a browser."""

from pathlib import Path

import pytest
from console.faults import Faults
from console.looking import ROOT, check_accessibility, take_pictures
from console.people import Person
from journeys.users import read_events
from playwright.async_api import expect

from common.contracts.events import TERMINAL_EVENTS
from kasal_platform.api_client import subscribe

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]
EXAMPLES = sorted((ROOT / "console" / "src" / "pages" / "crews" / "examples").glob("*.yaml"))
REFUSED = "status of 4(00|12)"
"""A refusal of the platform is an error in the browser's log."""
INPUTS = {
    "briefing": ("topic", "audience"),
    "market": ("product",),
    "meeting": ("event", "guests"),
    "memory": ("customer", "talk"),
    "proposal": ("company",),
    "support": ("customer", "message"),
}
LISTS = {"market": {"shops": ["Anna", "Bert"]}}
CREW = """kasal: 1
name: Herald
agents:
  - role: Writer
    goal: Write the news
    model: offline
tasks:
  - name: headline
    description: Write a headline on {topic}
"""


async def made(person: Person, text: str = CREW) -> str:
    """Make a crew of a file, over the API, and return its id."""
    answer = await person.user.call("POST", "/crews/import", {"files": {"crew.yaml": text}})
    return str(answer["id"])


async def test_a_crew_is_made_of_an_example_and_run(person: Person) -> None:
    page = person.page
    await person.open("/crews")
    await check_accessibility(page)
    await take_pictures(page, "crews")
    await page.get_by_role("link", name="Briefing").click()
    await page.get_by_role("textbox", name="Name").first.fill("Morning briefing")
    await expect(page.get_by_test_id("yaml")).to_contain_text("name: Morning briefing")
    await expect(page.get_by_test_id("yaml")).to_contain_text("# A sequence")
    await expect(page.get_by_text("No problems")).to_be_visible()
    await check_accessibility(page)
    await take_pictures(page, "crew")
    await page.get_by_role("button", name="Save and run").click()
    await page.get_by_role("textbox", name="topic").fill("tea")
    await page.get_by_role("textbox", name="audience").fill("drinkers")
    await check_accessibility(page)
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_url("**/console/runs/job_*")


async def test_what_is_wrong_is_shown_at_its_line_in_its_field_and_in_the_graph(
    person: Person, faults: Faults
) -> None:
    faults.expect(REFUSED)
    page = person.page
    await person.open(f"/crews/{await made(person)}")
    await page.get_by_role("button", name="headline").first.wait_for()
    await page.get_by_label("Model").first.fill("gtp-4o")
    problem = page.get_by_role("button", name="Agent 1, model")
    await expect(problem).to_be_visible()
    await expect(page.get_by_text("did you mean gpt-4o").first).to_be_visible()
    await expect(page.get_by_test_id("yaml").locator(".cm-lint-marker-error")).to_have_count(1)
    yaml = page.get_by_role("textbox", name="YAML of the crew")
    await yaml.click()
    await page.keyboard.press("Control+End")
    await page.keyboard.type("  broken: [")
    await expect(page.get_by_text("YAML, line")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Name").first).to_be_disabled()


async def test_two_who_change_a_crew_see_both_and_choose(person: Person, faults: Faults) -> None:
    faults.expect(REFUSED)
    page = person.page
    crew = await made(person)
    await person.open(f"/crews/{crew}")
    await page.get_by_role("textbox", name="Name").first.fill("Mine")
    await person.user.call("PUT", f"/crews/{crew}", {"name": "Theirs"})
    await page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog", name="Somebody else has saved this crew")
    await expect(dialog.get_by_text("name: Theirs")).to_be_visible()
    await expect(dialog.get_by_text("name: Mine")).to_be_visible()
    await check_accessibility(page)
    await dialog.get_by_role("button", name="Save mine over it").click()
    await expect(page.get_by_text("Saved as v3")).to_be_visible()
    assert (await person.user.call("GET", f"/crews/{crew}"))["name"] == "Mine"


async def test_versions_are_compared_and_restored(person: Person) -> None:
    page = person.page
    crew = await made(person)
    await person.user.call("PUT", f"/crews/{crew}", {"name": "Gazette"})
    await person.open(f"/crews/{crew}?tab=versions")
    await page.get_by_role("button", name="Compare v1 with the newest").click()
    dialog = page.get_by_role("dialog", name="v1 compared with v2")
    await expect(dialog.get_by_text("name: Herald")).to_be_visible()
    await expect(dialog.get_by_text("name: Gazette")).to_be_visible()
    await dialog.get_by_role("button", name="Close").click()
    await page.get_by_role("button", name="Restore v1").click()
    await expect(page.get_by_role("heading", name="Herald")).to_be_visible()
    await page.get_by_role("button", name="Publish v3").click()
    await expect(page.get_by_role("button", name="Take back the publication of v3")).to_be_visible()
    await check_accessibility(page)


async def test_a_project_of_crewai_comes_over_with_a_report(person: Person, tmp_path: Path) -> None:
    page = person.page
    agents, tasks = tmp_path / "agents.yaml", tmp_path / "tasks.yaml"
    agents.write_text("scout:\n  role: Scout\n  goal: Find {thing}\n  llm: offline\n  max_rpm: 3\n")
    tasks.write_text(
        "search:\n  description: Find {thing}\n  expected_output: It\n  agent: scout\n"
    )
    await person.open("/crews")
    await page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog", name="Import a crew")
    async with page.expect_file_chooser() as chooser:
        await dialog.get_by_role("button", name="Choose files").click()
    await (await chooser.value).set_files([agents, tasks])
    await dialog.get_by_role("textbox", name="Name").fill("Scouts")
    await expect(dialog.get_by_text("agents.scout.max_rpm")).to_be_visible()
    await dialog.get_by_role("button", name="Make the crew").click()
    await expect(page.get_by_role("heading", name="Scouts")).to_be_visible()


async def test_on_a_narrow_screen_the_views_of_a_crew_take_turns(person: Person) -> None:
    page = person.page
    await page.set_viewport_size({"width": 360, "height": 800})
    await person.open("/crews/new?example=proposal")
    await page.get_by_role("textbox", name="Name").first.fill("Leads")
    await page.get_by_role("button", name="Graph", exact=True).click()
    await expect(page.get_by_role("heading", name="Leads")).to_be_visible()
    card = page.locator(".react-flow__node").first
    await expect(card).to_be_in_viewport()
    box = await card.bounding_box()
    assert box is not None
    assert box["width"] > 100, "the graph is as large as its place"
    await page.get_by_role("button", name="YAML", exact=True).click()
    await expect(page.get_by_text("name: Leads")).to_be_visible()
    await check_accessibility(page)


async def test_leaving_what_is_not_saved_asks_first(person: Person) -> None:
    page = person.page
    await person.open("/crews/new")
    await page.get_by_role("textbox", name="Name").first.fill("Unfinished")
    await page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    dialog = page.get_by_role("alertdialog", name="Leave without saving?")
    await dialog.get_by_role("button", name="Stay").click()
    await expect(page.get_by_role("heading", name="Unfinished")).to_be_visible()
    await page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    await dialog.get_by_role("button", name="Leave").click()
    await page.wait_for_url("**/console/runs")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example_is_a_crew_that_runs(person: Person, example: Path) -> None:
    user = person.user
    crew = await made(person, example.read_text())
    view = await user.call("GET", f"/crews/{crew}")
    assert view["status"] == "active", view["missing"]
    inputs = dict.fromkeys(INPUTS[example.stem], "tea") | LISTS.get(example.stem, {})
    job = await user.start(crew, **inputs)
    async with user.connect() as socket:
        await subscribe(socket, job, 0)
        events = await read_events(socket, {*TERMINAL_EVENTS, "input_required"})
    asked = example.stem == "support"
    assert events[-1]["type"] == ("input_required" if asked else "execution_complete")
