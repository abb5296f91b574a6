"""Looking at a page as a stranger does: with axe-core for accessibility, and by a picture."""

import functools
import os
from pathlib import Path
from typing import Any

from playwright.async_api import Page

ROOT = Path(__file__).parents[2]
_AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
_GRAVE = {"serious", "critical"}
WIDE, NARROW = 1280, 360
"""The widths, in pixels, at which every page must look right."""
_HEIGHT = 800
_RUN = """axe.run({exclude: [['[data-live-announcer]']]}, {resultTypes: ['violations']})"""
"""All but react-aria's announcements: they name buttons that may be gone, and go themselves after some seconds."""


async def check_accessibility(page: Page) -> None:
    """Fail if axe-core finds something serious on the page as it is now."""
    if await page.evaluate("typeof axe") == "undefined":
        await page.evaluate(
            _axe()
        )  # as a debugger's: the content security policy lets no script in
    told: dict[str, Any] = await page.evaluate(_RUN)
    found = [
        f"{fault['id']} ({fault['impact']}): {fault['help']}: {node['html'][:200]}"
        for fault in told["violations"]
        if fault["impact"] in _GRAVE
        for node in fault["nodes"]
    ]
    assert found == [], "\n".join(found)


@functools.cache
def _axe() -> str:
    return _AXE.read_text()


async def take_pictures(page: Page, name: str) -> None:
    """Check that nothing is wider than the page at either width, and keep pictures where `KASAL_PICTURES` says."""
    folder = os.environ.get("KASAL_PICTURES")
    for width in (NARROW, WIDE):
        await page.set_viewport_size({"width": width, "height": _HEIGHT})
        if folder:
            await page.screenshot(path=Path(folder) / f"{name}-{width}.png", animations="disabled")
        needed = await page.evaluate("document.documentElement.scrollWidth")
        assert needed <= width, f"the page {name} is {needed} pixels wide on a screen of {width}"
