"""Draw the README's picture of a fleet: the page of a report, in a browser.

`make picture` writes `docs/fleet.png`: look at it before you commit it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import async_playwright

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.report import Report, report
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock
from examples.warehouse.load import load
from tests.browser.conftest import CHROMIUM

_PICTURE: Final = Path(__file__).parents[2] / "docs" / "fleet.png"
_NOW: Final = dt.datetime(2026, 3, 16, 7, tzinfo=dt.UTC)


async def _report(folder: Path) -> Report:
    """Load a week of a fleet and an hour of a watch, and report on it."""
    # The logs of a sandbox begin two days before it starts.
    async with Sandbox(vehicles=60, seed=7, clock=SteppedClock(_NOW - dt.timedelta(days=5))) as sandbox:
        sandbox.advance(dt.timedelta(days=5))
        auth = StaticToken(sandbox.issue_token())
        async with EvEnergy(auth, base_url=sandbox.base_url, clock=SandboxClock(sandbox)) as ev:
            await load(ev, folder / "lake", _NOW - dt.timedelta(days=7), cycles=12)
        return report(str(folder / "lake"), now=sandbox.now())


async def _draw(page: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(viewport={"width": 1180, "height": 1400}, color_scheme="light")
        tab = await context.new_page()
        await tab.goto(page.as_uri())
        await tab.wait_for_selector("html[data-drawn=light]", timeout=60_000)
        last = await tab.locator("#coverage").bounding_box()
        assert last is not None
        await tab.screenshot(
            path=_PICTURE, clip={"x": 0, "y": 0, "width": 1180, "height": last["y"] + last["height"] + 20}
        )
        await browser.close()


async def _main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        made = await _report(Path(scratch))
        await _draw(made.save(Path(scratch) / "fleet.html"))


if __name__ == "__main__":
    asyncio.run(_main())
