"""A browser for the tests, and pages that may not log an error. Without a Chromium there are no tests."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, BrowserContext, Page


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("SERVICES") == "required" else pytest.skip)("no Chromium is installed")
    async with async_playwright() as playwright:
        # Chromium's own sandbox does not work for root, as in a container.
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    made = await browser.new_context()
    made.set_default_timeout(10_000)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A page that fails the test if it logs an error, or asks another host for anything."""
    errors: list[str] = []
    shown = await context.new_page()
    shown.on("console", lambda message: errors.append(message.text) if message.type in {"error", "warning"} else None)
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.on("request", lambda sent: None if "//127.0.0.1:" in sent.url else errors.append(f"asked {sent.url}"))
    yield shown
    assert errors == []
