"""The fixtures notice what a page does wrong."""

import pytest
from console.faults import Faults
from console.looking import check_accessibility, take_pictures
from playwright.async_api import BrowserContext, Page

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.own_platform]

_INLINE_SCRIPT = """
const script = document.createElement("script");
script.textContent = "window.ran = true";
document.body.append(script);
"""
_NOT_ACCESSIBLE = """
<html lang="en"><title>A page</title><body style="margin: 0"><main style="width: 2000px"><button></button></main></html>
"""


async def test_an_inline_script_is_refused_and_noticed(
    page: Page, context: BrowserContext, faults: Faults
) -> None:
    seen = Faults()
    await seen.watch(context)
    await page.goto("/console/login")
    await page.evaluate(_INLINE_SCRIPT)
    assert await page.evaluate("window.ran") is None
    with pytest.raises(AssertionError, match="script-src"):
        seen.check()
    faults.expect("script-src|inline script")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("console.error('oh no')", "error: oh no"),
        ("console.warn('take care')", "warning: take care"),
        ("setTimeout(() => { throw new Error('lost'); })", "lost"),
        ("void Promise.reject(new Error('broken'))", "broken"),
    ],
)
async def test_errors_are_noticed_unless_they_are_expected(
    page: Page, context: BrowserContext, faults: Faults, script: str, told: str
) -> None:
    seen = Faults()
    await seen.watch(context)
    await page.goto("/console/login")
    await page.evaluate(script)
    await page.evaluate("new Promise((done) => setTimeout(done))")
    with pytest.raises(AssertionError, match=told):
        seen.check()
    seen.expect(told)
    seen.check()
    faults.expect(told)


async def test_what_is_not_accessible_or_too_wide_is_noticed(page: Page) -> None:
    await page.set_content(_NOT_ACCESSIBLE)
    with pytest.raises(AssertionError, match="button-name"):
        await check_accessibility(page)
    with pytest.raises(AssertionError, match="2000 pixels wide on a screen of 360"):
        await take_pictures(page, "wide")
