"""The sandbox's console in a browser: each page, each control, by mouse and by keyboard, light and dark, on a phone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, ScaledClock
from ev_energy_async.sandbox.faults import EFFECTS, Latency, LateUploads, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import BrowserContext, Page

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 390, "height": 800}
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    clock = ScaledClock(1, datetime(2026, 3, 14, 7, 5, tzinfo=UTC))
    async with Sandbox(vehicles=30, clock=clock, console=True) as running:
        yield running


async def call(sandbox: Sandbox, path: str, token: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {token or sandbox.issue_token()}"}
    async with aiohttp.ClientSession() as session, session.get(sandbox.base_url + path, headers=headers) as response:
        return response.status


async def opened(page: Page, sandbox: Sandbox, path: str = "") -> None:
    assert sandbox.console_url is not None
    response = await page.goto(sandbox.console_url + path)
    assert response is not None
    assert response.ok


async def streaming(page: Page) -> None:
    """Load the page again, and return once the server streams to it."""
    async with page.expect_response(lambda response: "/events" in response.url):
        await page.reload()


async def test_the_overview_shows_clock_limits_and_fleet(page: Page, sandbox: Sandbox) -> None:
    await call(sandbox, "/vehicles?page_size=10")
    await opened(page, sandbox)

    assert "2026-03-14 07:05" in await page.inner_text("#clock")
    assert "999 of 1,000" in await page.inner_text("#buckets")
    assert await page.locator("#fleet tbody tr").count() == 12


async def test_the_overview_follows_without_a_reload(page: Page, sandbox: Sandbox) -> None:
    await opened(page, sandbox)
    await call(sandbox, "/vehicles")
    await page.get_by_text("999 of 1,000").wait_for()


async def test_the_clock_is_stepped_paused_and_sped_up(page: Page, sandbox: Sandbox) -> None:
    await opened(page, sandbox)
    await page.get_by_label("Move on by").select_option("1 day")
    await page.get_by_role("button", name="Step").click()
    await page.get_by_text("2026-03-15 07:05").wait_for()

    await page.get_by_role("button", name="Pause").click()
    await page.get_by_text("paused").wait_for()
    stands = sandbox.now()
    assert sandbox.now() == stands

    await page.get_by_role("button", name="Resume").click()
    await page.get_by_text("1 times real time").wait_for()
    await page.get_by_label("Speed").fill("600")
    await page.get_by_role("button", name="Set speed").click()
    await page.get_by_text("600 times real time").wait_for()
    assert sandbox.now() > stands


async def test_requests_come_in_live_and_can_be_filtered(page: Page, sandbox: Sandbox) -> None:
    await call(sandbox, "/regions")
    await opened(page, sandbox, "requests")
    assert "regions.list" in await page.inner_text("#rows")

    await streaming(page)
    await call(sandbox, "/vehicles/vhcl01ARZ3NDEKTSV4RRFFQ69G5FAV")
    first = page.locator("#rows tr").first
    await first.get_by_text("404").wait_for()
    assert "998" in await first.inner_text()

    await page.get_by_label("Status").select_option("4xx")
    await page.get_by_role("button", name="Filter").click()
    await page.wait_for_url("**/requests?q=&status=4xx")
    assert await page.locator("#rows tr").count() == 1


async def test_a_request_is_copied_as_curl(page: Page, context: BrowserContext, sandbox: Sandbox) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await call(sandbox, "/vehicles?page_size=10")
    await opened(page, sandbox, "requests")
    await page.locator("summary").first.click()
    await page.get_by_role("button", name="Copy").first.click()
    await page.get_by_role("button", name="Copied").wait_for()

    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl -i -X GET '{sandbox.base_url}/vehicles?page_size=10'")
    assert '"Authorization: Bearer $TOKEN"' in copied


async def test_text_of_a_request_is_shown_as_text(page: Page, sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        await opened(page, sandbox, "requests")
        await streaming(page)
        await session.get(sandbox.base_url + "/regions", headers={"User-Agent": HOSTILE, "Accept": HOSTILE})
    row = page.locator("#rows tr").first
    await row.get_by_text("curl", exact=True).click()
    assert HOSTILE in await row.inner_text()
    assert await page.locator("img").count() == 0


async def test_each_effect_is_switched_on_and_off(page: Page, sandbox: Sandbox) -> None:
    await opened(page, sandbox, "faults")
    for kind in EFFECTS:
        switch = page.get_by_role("switch", name=kind, exact=True)
        await switch.click()
        await page.locator(f"#{kind}.on").wait_for()
    assert [rule.effect.kind for rule in sandbox.faults.rules] == list(EFFECTS)

    await page.get_by_role("button", name="End all faults").click()
    await page.get_by_text("0 in force.").wait_for()
    assert sandbox.faults == FaultPlan()


async def test_a_switch_takes_probability_and_options(page: Page, sandbox: Sandbox) -> None:
    await opened(page, sandbox, "faults")
    form = page.locator("#unavailable")
    await form.get_by_label("probability").fill("0.25")
    await form.get_by_label("retry after seconds").fill("3")
    await form.get_by_role("switch").click()
    await page.locator("#unavailable.on").wait_for()
    await page.locator("#late_uploads").get_by_label("share").fill("0.5")
    await page.get_by_role("switch", name="late_uploads", exact=True).click()
    await page.locator("#late_uploads.on").wait_for()

    assert list(sandbox.faults.rules) == [
        Rule(Unavailable(retry_after_seconds=3), probability=0.25),
        Rule(LateUploads(share=0.5)),
    ]
    await page.get_by_role("switch", name="unavailable", exact=True).click()
    await page.locator("#unavailable:not(.on)").wait_for()
    assert list(sandbox.faults.rules) == [Rule(LateUploads(share=0.5))]


async def test_rules_of_a_plan_stay_beside_the_switches(page: Page, sandbox: Sandbox) -> None:
    own = Rule(Latency(seconds=0.1), operation="regions.*")
    sandbox.faults = FaultPlan((own,))
    await opened(page, sandbox, "faults")
    assert "operation regions.*" in await page.inner_text("main")
    await page.get_by_role("switch", name="held", exact=True).click()
    await page.locator("#held.on").wait_for()
    assert sandbox.faults.rules[0] == own


async def test_the_keyboard_is_enough(page: Page, sandbox: Sandbox) -> None:
    await opened(page, sandbox, "faults")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    probability = page.locator("#latency").get_by_label("probability")
    await probability.focus()
    await probability.fill("0.5")
    await page.keyboard.press("Enter")  # switches it on
    await page.locator("#latency.on").wait_for()
    await page.locator("#latency").get_by_label("probability").press("Enter")  # and changes it: it stays on
    await page.wait_for_load_state()
    assert sandbox.faults.rules == (Rule(Latency(), probability=0.5),)
    await page.get_by_role("switch", name="latency", exact=True).press("Space")
    await page.locator("#latency:not(.on)").wait_for()


@pytest.mark.parametrize("path", ["", "requests", "faults"])
async def test_pages_fit_a_phone(page: Page, sandbox: Sandbox, path: str) -> None:
    await call(sandbox, "/vehicles?page_size=100&expand=latest_status_log&expand=trim.model.make")
    await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await opened(page, sandbox, path)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_pages_are_dark_where_the_reader_prefers_that(page: Page, sandbox: Sandbox) -> None:
    grounds: set[str] = set()
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await opened(page, sandbox)
        grounds.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


async def test_a_page_of_another_port_changes_nothing(context: BrowserContext, sandbox: Sandbox) -> None:
    """The browser itself says that the form was sent by another site."""
    form = f'<form method=post action="{sandbox.console_url}clock"><button name=step value=86400>Go</button></form>'

    async def other(_: web.BaseRequest) -> web.Response:
        return web.Response(text=form, content_type="text/html")

    stands = sandbox.now()
    async with RawTestServer(other) as server:
        page = await context.new_page()
        await page.goto(str(server.make_url("/")))
        async with page.expect_navigation() as navigation:
            await page.get_by_role("button", name="Go").click()
        response = await navigation.value
    assert response is not None
    assert response.status == 403
    assert (sandbox.now() - stands).total_seconds() < 3_600
