"""A sandbox with a stopped clock, a client of it, and the check of its responses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
import pytest
from yarl import URL

from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.sandbox.protocol.document import Document, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from io import BytesIO

START = datetime(2026, 3, 14, 21, 5, 7, 250_000, tzinfo=UTC)


@attrs.frozen
class Answer:
    """One response as a client sees it."""

    status: int
    headers: Mapping[str, str]
    body: Any
    next: str | None
    previous: str | None


class Client:
    """Calls a sandbox over a real socket, as an application with every scope unless told otherwise."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.token: str | None = sandbox.issue_token()

    async def call(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        data: bytes | BytesIO | None = None,
    ) -> Answer:
        url = target if target.startswith("http") else self.sandbox.base_url + target
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        more: dict[str, Any] = {"data": data} if json is None else {"json": json}
        async with self.session.request(
            method, URL(url, encoded=True), headers=sent, allow_redirects=False, **more
        ) as response:
            body = await response.json(content_type=None) if await response.read() else None
            links = {relation: str(link["url"]) for relation, link in response.links.items()}
            return Answer(
                response.status,
                response.headers.copy(),
                body,
                None if links.get("next") == "about:blank" else links.get("next"),
                None if links.get("previous") == "about:blank" else links.get("previous"),
            )

    async def get(self, target: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.call("GET", target, headers=headers)

    async def walk(self, target: str) -> list[Any]:
        """The items of all pages, as a client that follows `next` gets them."""
        items: list[Any] = []
        following: str | None = target
        while following is not None:
            answer = await self.get(following)
            assert answer.status == 200, answer.body
            items += answer.body
            following = answer.next
        return items


@pytest.fixture(scope="session")
def document() -> Document:
    return load()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(START)


@pytest.fixture
async def sandbox(clock: SteppedClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=40, seed=7, clock=clock) as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(sandbox, session)
