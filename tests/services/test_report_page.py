"""The page of a report in a real browser: it draws, tells under the pointer, turns dark, and asks no network."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
from playwright.async_api import Error, async_playwright

from ev_energy_async.report import report
from tests.report.sample import NOW, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, Page

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_DRAWN: Final = "html[data-drawn=%s]"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(sample(), now=NOW).save(tmp_path_factory.mktemp("report") / "fleet.html")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("SERVICES") == "required":
            pytest.fail("there is no Chromium: `make services` installs it", pytrace=False)
        pytest.skip("there is no Chromium: `make services` installs it")
    async with async_playwright() as playwright:
        # As root, as in a container, Chromium refuses to start with its sandbox.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = await playwright.chromium.launch(executable_path=found, args=arguments)
        yield started
        await started.close()


async def opened(
    browser: Browser, file: Path, theme: Literal["light", "dark"], said: list[str], **options: Any
) -> Page:
    """Open the page without any network, and note what its console says."""
    given: dict[str, Any] = {"offline": True, **options}
    context = await browser.new_context(color_scheme=theme, **given)
    page = await context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url == file.as_uri() else said.append(request.url))
    await page.goto(file.as_uri())
    await page.wait_for_selector(_DRAWN % theme, timeout=60_000)
    return page


async def test_it_draws_all_pictures_and_tells_under_the_pointer(browser: Browser, file: Path) -> None:
    said: list[str] = []
    page = await opened(browser, file, "light", said)
    assert await page.locator(".chart svg").count() == 7
    for name, told in (("freshness-0", "heard from"), ("coverage-1", "missing"), ("errors-0", "integration")):
        mark = page.locator(f"#{name} .mark-rect.role-mark path").first
        await mark.scroll_into_view_if_needed()
        await mark.hover()
        tooltip = page.locator("#vg-tooltip-element.visible")
        await tooltip.wait_for()
        assert told in await tooltip.inner_text()
    await page.locator("#freshness summary").click()
    assert "within 24 h" in await page.locator("#freshness table").inner_text()
    assert said == []


async def test_it_turns_dark_and_light_again(browser: Browser, file: Path) -> None:
    said: list[str] = []
    page = await opened(browser, file, "light", said)
    background = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(background)
    await page.get_by_role("button", name="Dark").click()
    await page.wait_for_selector(_DRAWN % "dark")
    assert await page.evaluate(background) != light
    await page.evaluate("delete document.documentElement.dataset.drawn")
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_selector(_DRAWN % "dark")
    await page.emulate_media(color_scheme="light")
    await page.wait_for_selector(_DRAWN % "light")
    assert await page.evaluate(background) == light
    assert said == []


async def test_it_is_readable_on_a_phone(browser: Browser, file: Path) -> None:
    said: list[str] = []
    screen: Any = {"width": 390, "height": 844}
    page = await opened(browser, file, "dark", said, viewport=screen, is_mobile=True)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390, "it does not scroll sideways"
    for chart in await page.locator(".chart").all():
        box = await chart.bounding_box()
        assert box is not None
        assert box["width"] <= 390
        assert box["height"] > 60
    assert said == []


async def test_what_it_would_ask_of_the_network_is_refused(browser: Browser, file: Path) -> None:
    said: list[str] = []
    page = await opened(browser, file, "light", said, offline=False)
    with pytest.raises(Error, match="fetch"):
        await page.evaluate("fetch('http://127.0.0.1:9/')")
    assert any("Content Security Policy" in text for text in said)
