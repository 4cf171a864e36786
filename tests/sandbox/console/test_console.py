"""Pages, forms and the stream of the console, as a browser without scripts sees them."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, ScaledClock
from ev_energy_async.sandbox.console.markup import document, joined, tag
from ev_energy_async.sandbox.console.pages import curl_of
from ev_energy_async.sandbox.faults import EFFECTS, Latency, Unavailable
from ev_energy_async.sandbox.record import Served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOSTILE = "\"><script>alert('x')</script>"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    clock = ScaledClock(1, datetime(2026, 3, 14, 7, 5, tzinfo=UTC))
    async with Sandbox(vehicles=20, clock=clock, console=True) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def show(session: aiohttp.ClientSession, sandbox: Sandbox, path: str) -> str:
    async with session.get(f"{sandbox.console_url}{path}") as response:
        assert response.status == 200
        return await response.text()


async def submit(session: aiohttp.ClientSession, sandbox: Sandbox, path: str, **fields: object) -> tuple[int, str]:
    async with session.post(f"{sandbox.console_url}{path}", data=fields) as response:
        return response.status, await response.text()


class Attributes(HTMLParser):
    """Collects the names of tags and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


@pytest.mark.parametrize("path", ["", "requests", "faults", "static/console.js", "events", "nowhere"])
async def test_each_response_forbids_inline_code_and_other_origins(
    session: aiohttp.ClientSession, sandbox: Sandbox, path: str
) -> None:
    async with session.get(f"{sandbox.console_url}{path}") as response:
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["", "requests", "faults"])
async def test_pages_have_no_inline_style_or_script(
    session: aiohttp.ClientSession, sandbox: Sandbox, path: str
) -> None:
    page = Attributes(await show(session, sandbox, path))
    assert page.tags.count("script") == 1
    assert [name for name in page.attributes if name == "style" or name.startswith("on")] == []


async def test_what_a_client_sends_is_escaped(session: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    await session.get(f"{sandbox.base_url}/{HOSTILE}", headers={"User-Agent": HOSTILE})
    filtered = urlencode({"q": HOSTILE, "status": HOSTILE})
    for path in ("requests", f"requests?{filtered}"):
        assert Attributes(await show(session, sandbox, path)).tags.count("script") == 1
    _, page = await submit(session, sandbox, "faults", kind=HOSTILE, switch="on")
    assert Attributes(page).tags.count("script") == 1


@given(st.text(), st.text())
def test_no_text_starts_a_tag_or_ends_an_attribute(text: str, value: str) -> None:
    page = document(title=text, head=joined(), body=tag("p", text, data_x=value)).decode(errors="surrogatepass")
    seen = Attributes(page)
    assert seen.tags == ["html", "head", "meta", "meta", "meta", "title", "p"]
    assert seen.attributes.count("data-x") == 1


async def test_the_clock_is_paused_moved_and_sped_up(session: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    assert (await submit(session, sandbox, "clock", pause="on"))[0] == 200
    stands = sandbox.now()
    await submit(session, sandbox, "clock", step=3_600)
    assert (sandbox.now() - stands).total_seconds() == 3_600
    await submit(session, sandbox, "clock", speed=100_000)
    assert (sandbox.now() - stands).total_seconds() == 3_600
    await submit(session, sandbox, "clock", pause="off")
    assert (sandbox.now() - stands).total_seconds() > 3_600


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"speed": "0"}, "above 0"),
        ({"speed": "nan"}, "above 0"),
        ({"speed": "fast"}, "speed is a number"),
        ({"step": "-1"}, "forward only"),
        ({"step": "1e400"}, "year 9000"),
    ],
)
async def test_a_clock_that_cannot_be_is_refused_on_the_page(
    session: aiohttp.ClientSession, sandbox: Sandbox, fields: dict[str, str], said: str
) -> None:
    status, page = await submit(session, sandbox, "clock", **fields)
    assert (status, said in page) == (400, True)
    assert '<p class="problem" role="alert">' in page


@pytest.mark.parametrize("kind", EFFECTS)
async def test_each_effect_has_a_switch_that_works(session: aiohttp.ClientSession, sandbox: Sandbox, kind: str) -> None:
    page = await show(session, sandbox, "faults")
    start = page.index(f'id="{kind}-name"')
    shown = re.findall(
        r'<input name="(\w+)" (?:type="\w+" )?[^>]*?value="([^"]*)"', page[start : page.index("</form>", start)]
    )
    await submit(session, sandbox, "faults", kind=kind, switch="on", **dict(shown))
    assert [rule.effect for rule in sandbox.faults.rules] == [EFFECTS[kind]()]
    await submit(session, sandbox, "faults", kind=kind, switch="off")
    assert sandbox.faults == FaultPlan()


async def test_switches_keep_the_rules_of_a_plan(session: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    own = Rule(Latency(seconds=0.1), operation="regions.*")
    sandbox.faults = FaultPlan((own,), seed=3)
    await submit(
        session, sandbox, "faults", kind="latency", switch="on", probability="0.5", seconds="2", jitter_seconds="0"
    )
    assert sandbox.faults == FaultPlan((own, Rule(Latency(seconds=2), probability=0.5)), seed=3)
    status, page = await submit(session, sandbox, "faults", kind="latency", switch="on", probability="2")
    assert (status, "probability is a number from 0 to 1" in page) == (400, True)
    await submit(session, sandbox, "faults", end="all")
    assert sandbox.faults == FaultPlan()


async def test_requests_are_filtered(session: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    token = sandbox.issue_token()
    for path in ("/vehicles", "/vehicles/vhcl01ARZ3NDEKTSV4RRFFQ69G5FAV", "/regions"):
        await session.get(sandbox.base_url + path, headers={"Authorization": f"Bearer {token}"})
    for query, count in (("", 3), ("q=vehicles", 2), ("status=4xx", 1), ("status=404", 1), ("q=regions&status=4xx", 0)):
        assert (await show(session, sandbox, f"requests?{query}")).count("<summary>") == count, query
    assert token not in await show(session, sandbox, "requests")


async def test_new_requests_are_streamed_as_rows(session: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    sandbox.faults = FaultPlan((Rule(Unavailable(), operation="regions.list"),))
    async with session.get(f"{sandbox.console_url}events?page=requests&status=5xx") as events:
        assert events.headers["Content-Type"] == "text/event-stream"
        await events.content.readuntil(b"\n\n")  # the opening comment
        for path in ("/vehicles", "/regions"):
            await session.get(sandbox.base_url + path, headers={"Authorization": f"Bearer {sandbox.issue_token()}"})
        async with asyncio.timeout(5):
            event = await events.content.readuntil(b"\n\n")
    number, name, data = event.decode().strip().split("\n")
    row = json.loads(data.removeprefix("data: "))
    assert (number, name) == ("id: 2", "event: row")
    assert ("regions.list" in row, ">503<" in row, "unavailable" in row) == (True, True, True)


async def test_what_came_between_a_page_and_its_stream_or_between_two_streams_is_streamed(
    session: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    await session.get(sandbox.base_url + "/regions")
    found = re.search(r"events\?page=requests[^\"]*", await show(session, sandbox, "requests"))
    assert found is not None
    address = f"{sandbox.console_url}{unescape(found[0])}"
    await session.get(sandbox.base_url + "/vehicles")
    async with session.get(address) as events:
        await events.content.readuntil(b"\n\n")  # the opening comment
        async with asyncio.timeout(5):
            first = (await events.content.readuntil(b"\n\n")).decode()
    await session.get(sandbox.base_url + "/evses")
    async with session.get(address, headers={"Last-Event-ID": "2"}) as events:
        await events.content.readuntil(b"\n\n")
        async with asyncio.timeout(5):
            second = (await events.content.readuntil(b"\n\n")).decode()
    assert (first.startswith("id: 2\n"), "vehicles.list" in first) == (True, True)
    assert (second.startswith("id: 3\n"), "evses.list" in second) == (True, True)


async def test_a_sandbox_with_an_open_page_stops_at_once(session: aiohttp.ClientSession) -> None:
    async with Sandbox(vehicles=1, console=True) as sandbox:
        events = await session.get(f"{sandbox.console_url}events?page=overview")
        await events.content.readuntil(b"\n\n")
        async with asyncio.timeout(0.9):  # connections that stay open are given a second
            await sandbox.stop()


def test_a_request_is_told_as_curl() -> None:
    headers = {"Accept": "it's", "Authorization": "Bearer"}
    served = Served(datetime(2026, 3, 14, tzinfo=UTC), "GET", "/v2/vehicles?a=$(x)", 200, None, headers)
    assert curl_of("http://127.0.0.1:1/v2", served) == (
        "curl -i -X GET 'http://127.0.0.1:1/v2/vehicles?a=$(x)' "
        """-H 'Accept: it'"'"'s' -H "Authorization: Bearer $TOKEN\""""
    )
