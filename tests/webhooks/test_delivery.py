"""Deliveries behind aiohttp.web: genuine ones are handled, others rejected."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.webhooks import Deduplicator, Event, WebhookVerificationError, webhook_handler
from tests.conftest import FakeClock
from tests.webhooks.delivery_kit import SharedStore, Worker, settle
from tests.webhooks.test_verifier import BODY, ID, KEY, NOW, event_body, mac, secret_of, signed, verifier

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence


@attrs.define
class Service:
    """A service that takes webhooks, on a real socket."""

    url: str
    session: aiohttp.ClientSession
    worker: Worker

    async def post(self, body: Any = BODY, headers: Mapping[str, str] | None = None) -> int:
        async with self.session.post(self.url, data=body, headers=headers or signed(BODY)) as answer:
            assert await answer.read() == b"", "answers tell nothing"
            return answer.status


@asynccontextmanager
async def serving(
    deduplicator: Deduplicator | None = None,
    on_event: Callable[[Event], Awaitable[object]] | None = None,
    **more: Any,
) -> AsyncGenerator[Service]:
    worker = Worker()
    app = web.Application()
    app.router.add_post("/hooks", webhook_handler(verifier(), on_event or worker, deduplicator=deduplicator, **more))
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield Service(str(server.make_url("/hooks")), session, worker)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving(Deduplicator(clock=FakeClock())) as running:
        yield running


async def test_a_genuine_delivery_reaches_on_event(service: Service) -> None:
    assert await service.post() == 204
    assert service.worker.done == [ID]


async def test_a_redelivery_is_acknowledged_and_not_handled_again(service: Service) -> None:
    assert await service.post() == 204
    later = signed(BODY, timestamp=str(NOW + 60))  # a repetition is signed anew
    assert await service.post(headers=later) == 204
    other = signed(BODY, id="msg_other")
    assert await service.post(headers=other) == 204
    assert service.worker.done == [ID, "msg_other"]


async def test_without_a_deduplicator_each_delivery_reaches_on_event() -> None:
    async with serving() as service:
        assert [await service.post(), await service.post()] == [204, 204]
        assert service.worker.done == [ID, ID]


async def test_simultaneous_deliveries_are_acknowledged_when_the_work_is_done(service: Service) -> None:
    service.worker.may_end.clear()
    answers = [asyncio.create_task(service.post()) for _ in range(3)]
    await service.worker.started.wait()
    await settle()
    assert not any(answer.done() for answer in answers)
    service.worker.may_end.set()
    assert await asyncio.gather(*answers) == [204, 204, 204]
    assert service.worker.done == [ID]


async def test_an_event_whose_handling_failed_is_handled_when_it_is_delivered_again(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.worker.failures = 1
    assert await service.post() == 500
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("ev_energy_async", "ERROR", f"webhook {ID} could not be handled")
    ]
    assert caplog.records[0].exc_info is not None, "the user finds the own traceback in the log"
    assert await service.post() == 204
    assert await service.post() == 204
    assert service.worker.done == [ID]


async def test_an_event_is_not_lost_while_the_store_is_away() -> None:
    store = SharedStore()
    async with serving(Deduplicator(store, clock=FakeClock())) as service:
        store.away = True
        assert await service.post() == 500
        store.away = False
        assert await service.post() == 204
        assert service.worker.done == [ID]


@pytest.mark.parametrize("raised", [WebhookVerificationError("of another hook"), web.HTTPBadRequest(text="hi")])
async def test_no_error_of_on_event_is_taken_for_a_refusal(raised: Exception) -> None:
    async def on_event(_: Event) -> None:
        raise raised

    async with serving(on_event=on_event) as service:
        assert await service.post() == 500


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY + b" ", signed(BODY)),
        (b"", signed(BODY)),
        (BODY, {}),
        (BODY, signed(BODY, timestamp=str(NOW - 301))),
        (BODY, signed(BODY, timestamp=str(NOW + 301))),
        (BODY, signed(BODY) | {"svix-signature": "nonsense"}),
        (BODY, signed(BODY) | {"svix-signature": "v1,ä€"}),
    ],
)
async def test_a_forged_delivery_is_rejected_with_400_and_logged_without_its_content(
    service: Service, caplog: pytest.LogCaptureFixture, body: bytes, headers: dict[str, str]
) -> None:
    assert await service.post(body, headers or {"X-Nothing": "of svix"}) == 400
    assert service.worker.done == []
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["a webhook was refused"]
    assert secret_of(KEY) not in caplog.text
    assert mac(BODY) not in caplog.text


async def test_an_undecodable_genuine_delivery_gets_500_so_that_it_is_redelivered(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    body = event_body(duration_minutes="five")
    assert await service.post(body, signed(body)) == 500
    assert service.worker.done == []
    assert "$.data.duration_minutes" in caplog.text
    assert "five" not in caplog.text


async def _in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 1024):
        yield body[start : start + 1024]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_may_be_as_long_as_allowed_and_no_longer(
    caplog: pytest.LogCaptureFixture, *, chunked: bool
) -> None:
    body = event_body(brand_new="x" * 5_000)
    for limit, status in ((len(body), 204), (len(body) - 1, 413)):
        async with serving(max_body_bytes=limit) as service:
            data = _in_chunks(body) if chunked else body
            assert await service.post(data, signed(body)) == status
            assert len(service.worker.done) == (status == 204)
    assert [r.getMessage() for r in caplog.records] == [f"a webhook of more than {len(body) - 1} bytes was refused"]


async def test_by_default_a_body_may_have_a_mebibyte(service: Service) -> None:
    padding = 1024 * 1024 - len(event_body(brand_new=""))
    body = event_body(brand_new="x" * padding)
    assert await service.post(BytesIO(body), signed(body)) == 204
    assert await service.post(BytesIO(body + b" "), signed(body)) == 413


async def test_a_body_that_says_it_is_too_long_is_not_waited_for(service: Service) -> None:
    url = URL(service.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"POST {url.path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: 9000000\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_lets_nothing_through_is_refused(limit: int) -> None:
    with pytest.raises(InvalidArgument, match=r"^max_body_bytes: "):
        webhook_handler(verifier(), Worker(), max_body_bytes=limit)


async def test_nothing_secret_is_logged_at_any_level(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ev_energy_async")
    service.worker.failures = 1
    statuses: Sequence[int] = [await service.post() for _ in range(3)]
    assert statuses == [500, 204, 204]
    assert await service.post(b"{}") == 400
    assert f"webhook {ID} was handled before" in caplog.text
    for private in (secret_of(KEY)[6:], KEY.decode(), mac(BODY)[3:], "51.48", "csub01"):
        assert private not in caplog.text


async def test_a_body_that_does_not_arrive_in_time_is_given_up() -> None:
    async with serving(body_timeout=0.01) as service:
        url = URL(service.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        headers = "".join(f"{name}: {value}\r\n" for name, value in signed(BODY).items())
        length = f"Content-Length: {len(BODY)}\r\n"
        writer.write(f"POST {url.path} HTTP/1.1\r\nHost: {url.host}\r\n{length}{headers}\r\n".encode() + BODY[:-1])
        async with asyncio.timeout(10):
            answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert service.worker.done == []


@pytest.mark.parametrize("timeout", [0, float("inf"), None])
def test_a_body_is_never_waited_for_without_end(timeout: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^body_timeout: "):
        webhook_handler(verifier(), Worker(), body_timeout=timeout)


class Watching:
    """Notes what it is told of, as a watch does."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def notify(self, event: Event, /) -> bool:
        self.told.append(event.id)
        return True


async def test_watches_are_told_of_each_event_that_has_a_known_type() -> None:
    watches = [Watching(), Watching()]
    async with serving(Deduplicator(clock=FakeClock()), watch=watches) as service:
        assert await service.post() == 204
        assert await service.post() == 204
        unknown = b'{"type": "vehicle.created", "timestamp": "2026-03-14T12:00:00Z", "data": {}}'
        assert await service.post(unknown, signed(unknown, id="msg_unknown")) == 204
        assert service.worker.done == [ID, "msg_unknown"]
    assert [each.told for each in watches] == [[ID], [ID]]


def test_somebody_is_to_be_told_of_events() -> None:
    webhook_handler(verifier(), watch=Watching())
    with pytest.raises(InvalidArgument, match="on_event"):
        webhook_handler(verifier())
