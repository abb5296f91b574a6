"""Tools, models, files, memory, usage and the workspace in a browser."""

from pathlib import Path

import pytest
from console.faults import Faults
from console.looking import check_accessibility, take_pictures
from console.people import Person
from journeys.desks import CONSOLE_PORT, running_desk
from playwright.async_api import expect

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]


async def test_the_pages_are_for_everybody_and_for_narrow_screens(person: Person) -> None:
    await person.user.crew("Find out")
    for name in ("Tools", "Models", "Files", "Memory", "Usage", "Workspace"):
        await person.open(f"/{name.lower()}")
        await (
            person.page.get_by_role("heading", level=2)
            .first.or_(person.page.get_by_role("combobox").first)
            .or_(person.page.get_by_role("button", name="Choose files"))
            .first.wait_for()
        )
        await check_accessibility(person.page)
        await take_pictures(person.page, name.lower())


async def test_a_server_that_cannot_be_reached_says_so_where_it_is_written(
    person: Person, faults: Faults
) -> None:
    faults.expect("status of 400")
    page = person.page
    await person.open("/tools")
    await page.get_by_role("button", name="Add an MCP server").click()
    dialog = page.get_by_role("dialog", name="Add an MCP server")
    await dialog.get_by_role("textbox", name="Name").fill("time")
    await dialog.get_by_role("textbox", name="URL").fill("http://10.0.0.1:1/mcp")
    await check_accessibility(page)
    await dialog.get_by_role("button", name="Connect and add").click()
    await expect(dialog.get_by_text("KASAL_TOOL_ALLOWED_HOSTS").first).to_be_visible()


async def test_a_server_gives_its_tools_and_keeps_its_settings(
    person: Person, tmp_path: Path
) -> None:
    page = person.page
    await person.open("/tools")
    async with running_desk(CONSOLE_PORT, tmp_path / "log") as url:
        await page.get_by_role("button", name="Add an MCP server").click()
        dialog = page.get_by_role("dialog", name="Add an MCP server")
        await dialog.get_by_role("textbox", name="Name").fill("desk")
        await dialog.get_by_role("textbox", name="URL").fill(url)
        await dialog.get_by_role("button", name="Connect and add").click()
        await expect(page.get_by_text("desk__close_ticket")).to_be_visible()
        await page.get_by_role("button", name="desk", exact=True).click()
        server = page.get_by_role("dialog", name="desk")
        await server.get_by_text("Settings").click()
        await server.get_by_role("button", name="Approval").click()
        await page.get_by_role("option", name="always").click()
        await server.get_by_role("button", name="Save").click()
        await expect(server.get_by_text("asks a person").first).to_be_visible()
        await check_accessibility(page)


async def test_a_file_is_uploaded_listed_and_deleted(person: Person) -> None:
    page = person.page
    await person.open("/files")
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Choose files").click()
    file = {"name": "sales.csv", "mimeType": "text/csv", "buffer": b"city,shops\nLeeds,12\n"}
    await (await chooser.value).set_files([file])
    row = page.get_by_role("row").filter(has_text="sales.csv")
    await expect(row).to_contain_text("20 B")
    async with page.expect_download() as download:
        await row.get_by_role("button", name="Download sales.csv").click()
    assert (await download.value).suggested_filename == "sales.csv"
    await row.get_by_role("button", name="Delete sales.csv").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("No file yet")).to_be_visible()


async def test_a_key_is_shown_once_and_a_budget_is_kept(person: Person) -> None:
    page = person.page
    await person.open("/workspace")
    await page.get_by_role("button", name="Make a key").click()
    dialog = page.get_by_role("dialog", name="Make an API key")
    await dialog.get_by_role("textbox", name="Name").fill("ci")
    await dialog.get_by_role("button", name="Make it").click()
    await expect(dialog.get_by_label("API key", exact=True)).not_to_be_empty()
    await dialog.get_by_role("button", name="I have it").click()
    await expect(page.get_by_role("button", name="Revoke ci")).to_be_visible()
    await person.open("/usage")
    await page.get_by_role("button", name="Set a budget").click()
    await page.get_by_role("textbox", name="Max tokens").fill("5000")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("0 of 5K tokens")).to_be_visible()


async def test_a_model_is_tried_and_an_endpoint_is_kept(person: Person) -> None:
    page = person.page
    await person.open("/models")
    await page.get_by_role("button", name="Try", exact=True).click()
    await expect(page.get_by_text("offline answered in")).to_be_visible()
    await page.get_by_role("button", name="Set a key for openai").click()
    dialog = page.get_by_role("dialog", name="Key for openai")
    await dialog.get_by_role("textbox", name="API key").fill("sk-secret")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("button", name="Change the key of openai")).to_be_visible()
