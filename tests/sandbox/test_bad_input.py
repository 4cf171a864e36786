"""Bad input of every kind is refused by name: no parameter, path or body makes the sandbox fail."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.sandbox.protocol.document import Document, load

from .conftest import START, Client
from .places import Places
from .raw import Line, exchange, statuses
from .writes import WRITES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

GETS: Final = sorted(name for name, operation in load().operations.items() if operation.method == "GET")
TEXTS: Final = (
    *("", "-1", "1e308", "9" * 400, "NaN", "[", "\x00", "90,180", "user01" + "Z" * 24),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "9999-12-31T23:59:59Z"),
)
VALUES: Final[tuple[Any, ...]] = (
    *(None, "", -1, 1e308, 10**30, 10**400, True, [], {}, [[]], "x" * 5_000, "\ud83d", "\x00", [None]),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"),
)
BODIES: Final = (b"", b"\xff", b"[", b"NaN", b"null", b"[" * 5_000, b'{"a":' * 3_000, b"9" * 5_000)


@asynccontextmanager
async def _furnished() -> AsyncGenerator[Places]:
    async with (
        Sandbox(vehicles=40, seed=7, clock=SteppedClock(START), rate_limit=1_000_000) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        made = Places(Client(sandbox, session))
        await made.furnish()
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Places]:
    """A sandbox of which nothing is changed."""
    async with _furnished() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def places() -> AsyncIterator[Places]:
    """A sandbox of the test's own."""
    async with _furnished() as made:
        yield made


@pytest.mark.parametrize("name", GETS)
async def test_no_query_or_path_makes_a_read_fail(shared: Places, document: Document, name: str) -> None:
    operation = document.operations[name]
    headers = [f"EvEnergy-User: {next(iter(shared.world.users)).id}"] if operation.user == "required" else []
    path = shared.paths(operation)[0]
    segments = path.split("/")
    targets = [f"{path}?{parameter}={quote(text)}" for parameter in operation.placed("query") for text in TEXTS]
    for place in range(2, len(segments)):
        targets += ["/".join([*segments[:place], quote(text), *segments[place + 1 :]]) for text in TEXTS]
    found = await statuses(shared.sandbox, [("GET", target, b"") for target in targets], *headers)
    assert [(target, status) for target, status in zip(targets, found, strict=True) if is_failure(status)] == []


@pytest.mark.parametrize("name", sorted(WRITES))
async def test_no_body_makes_a_write_fail(places: Places, document: Document, name: str) -> None:
    operation = document.operations[name]
    path, body, given = await WRITES[name](places)
    bodies = [*BODIES, *(json.dumps(each).encode() for each in _distorted(body))]
    headers = [f"{name}: {value}" for name, value in (given or {}).items()]
    found = await statuses(places.sandbox, [(operation.method, path, each) for each in bodies], *headers)
    assert [(each[:200], status) for each, status in zip(bodies, found, strict=True) if is_failure(status)] == []
    # What was accepted can be read again.
    for listed in ("/vehicles", "/evses", "/users", "/regions", "/vehicle_models"):
        assert (await places.client.get(listed)).status == 200


def is_failure(status: int | None) -> bool:
    return status is None or status >= 500


def _distorted(value: object) -> Iterator[object]:
    """A body with each member in turn replaced by something else."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        for name, inner in members.items():
            for other in (*VALUES, *_distorted(inner)):
                yield {**members, name: other}
    elif isinstance(value, list) and value:
        first, *rest = cast("list[object]", value)
        for other in (*VALUES, *_distorted(first)):
            yield [other, *rest]


async def test_headers_that_are_not_text_can_be_read_in_the_record() -> None:
    async with Sandbox(vehicles=1, control=True) as sandbox:
        line = await Line.to(sandbox.origin)
        line.writer.write(b"GET /v2/vehicles HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \xff\r\n\r\n")
        assert (await line.receive()).status == 401
        await line.close()
        answer = await exchange(sandbox, "GET", "/_sandbox/requests", token=None)
    assert answer.status == 200
    assert json.loads(answer.body)["requests"][0]["headers"] == {"User-Agent": "?"}
