"""Webhooks that are genuine are handled once, and every delivery is answered."""

from __future__ import annotations

import asyncio
import datetime as dt
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
from ev_energy_async.webhooks import (
    Deduplicator,
    Event,
    MemoryDeduplicationStore,
    WebhookVerificationError,
    webhook_handler,
)
from tests.conftest import START, FakeClock
from tests.webhooks.test_verifier import BODY, ID, KEY, NOW, event_body, mac, secret_of, signed, verifier

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence


class Worker:
    """Counts its work, and fails or pauses when told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failures = 0
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self, event: Event | None = None) -> None:
        self.started.set()
        await self.may_end.wait()
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database is away")
        self.done.append(event.id if event is not None else "")


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_work_is_done_once_for_each_key() -> None:
    once, worker = Deduplicator(clock=FakeClock()).once, Worker()
    assert [await once(key, worker) for key in ("a", "b", "a", "a", "b")] == [True, True, False, False, False]
    assert len(worker.done) == 2


async def test_work_that_fails_is_done_at_the_next_delivery() -> None:
    once, worker = Deduplicator(clock=FakeClock()).once, Worker()
    worker.failures = 1
    with pytest.raises(RuntimeError, match="the database is away"):
        await once("a", worker)
    assert await once("a", worker) is True
    assert await once("a", worker) is False
    assert len(worker.done) == 1


async def test_close_deliveries_of_one_event_wait_for_the_first() -> None:
    once, worker = Deduplicator(clock=FakeClock()).once, Worker()
    worker.may_end.clear()
    tasks = [asyncio.create_task(once("a", worker)) for _ in range(5)]
    await settle()
    assert not any(task.done() for task in tasks)
    worker.may_end.set()
    assert await asyncio.gather(*tasks) == [True, False, False, False, False]
    assert len(worker.done) == 1


async def test_a_delivery_that_waited_for_one_that_failed_does_the_work_itself() -> None:
    once, worker = Deduplicator(clock=FakeClock()).once, Worker()
    worker.failures = 2
    worker.may_end.clear()
    tasks = [asyncio.create_task(once("a", worker)) for _ in range(4)]
    await settle()
    worker.may_end.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[:2]] == [RuntimeError, RuntimeError]
    assert outcomes[2:] == [True, False]
    assert len(worker.done) == 1


async def test_cancelled_work_is_not_taken_for_done_and_blocks_nobody() -> None:
    deduplicator, worker = Deduplicator(clock=FakeClock()), Worker()
    worker.may_end.clear()
    first, waiting, third = (asyncio.create_task(deduplicator.once("a", worker)) for _ in range(3))
    await settle()
    waiting.cancel()
    first.cancel()
    worker.may_end.set()
    outcomes = await asyncio.gather(first, waiting, third, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, asyncio.CancelledError, bool]
    assert len(worker.done) == 1


async def test_events_do_not_wait_for_each_other() -> None:
    once, slow, quick = Deduplicator(clock=FakeClock()).once, Worker(), Worker()
    slow.may_end.clear()
    task = asyncio.create_task(once("slow", slow))
    await slow.started.wait()
    assert await once("quick", quick) is True
    slow.may_end.set()
    assert await task is True


async def test_nothing_is_kept_of_the_events_under_way_once_they_are_done() -> None:
    deduplicator, worker = Deduplicator(clock=FakeClock()), Worker()
    await asyncio.gather(*(deduplicator.once(str(n % 10), worker) for n in range(50)))
    locks = deduplicator._locks  # pyright: ignore[reportPrivateUsage]  # what is kept shows nowhere else
    assert len(locks) == 0


async def test_what_is_done_is_forgotten_in_time() -> None:
    clock, worker = FakeClock(), Worker()
    deduplicator = Deduplicator(remember=dt.timedelta(hours=1), clock=clock)
    assert await deduplicator.once("a", worker) is True
    clock.advance(3_599)
    assert await deduplicator.once("a", worker) is False
    clock.advance(1)
    assert await deduplicator.once("a", worker) is True


async def test_by_default_what_is_done_outlasts_the_repetitions_of_a_day_and_a_half() -> None:
    clock, worker = FakeClock(), Worker()
    deduplicator = Deduplicator(clock=clock)
    await deduplicator.once("a", worker)
    clock.advance(36 * 3_600)
    assert await deduplicator.once("a", worker) is False


async def test_the_memory_is_bounded_and_the_first_make_room() -> None:
    clock = FakeClock()
    store = MemoryDeduplicationStore(3, clock=clock)
    later = START + dt.timedelta(hours=1)
    for key in "abcd":
        assert await store.add(key, later) is True
    assert [await store.contains(key) for key in "abcd"] == [False, True, True, True]
    assert await store.add("d", later) is False
    assert len(store) == 3
    clock.advance(3_600)
    assert await store.contains("d") is False
    assert await store.add("e", later + dt.timedelta(hours=1)) is True
    assert len(store) == 1, "what has expired takes no room"


async def test_a_key_that_expired_can_be_added_anew_and_is_then_the_newest() -> None:
    clock = FakeClock()
    store = MemoryDeduplicationStore(2, clock=clock)
    assert await store.add("a", START + dt.timedelta(seconds=1)) is True
    assert await store.add("b", START + dt.timedelta(seconds=9)) is True
    clock.advance(1)
    assert await store.add("a", START + dt.timedelta(seconds=5)) is True
    assert [await store.contains(key) for key in "ab"] == [True, True]
    assert await store.add("c", START + dt.timedelta(seconds=9)) is True
    assert [await store.contains(key) for key in "abc"] == [True, False, True]


@pytest.mark.parametrize("expires_in", [0, -1])
async def test_a_key_that_expires_at_once_is_not_kept(expires_in: int) -> None:
    store = MemoryDeduplicationStore(clock=FakeClock())
    assert await store.add("a", START + dt.timedelta(seconds=expires_in)) is True
    assert len(store) == 0


@pytest.mark.parametrize("size", [0, -1])
def test_a_memory_for_nothing_is_refused(size: int) -> None:
    with pytest.raises(InvalidArgument, match=r"^max_size: "):
        MemoryDeduplicationStore(size)


class SharedStore:
    """A store of the user's own, such as a database that several processes share."""

    def __init__(self) -> None:
        self.kept: dict[str, dt.datetime] = {}
        self.away = False

    async def contains(self, key: str) -> bool:
        if self.away:
            raise ConnectionError("no store")
        return key in self.kept

    async def add(self, key: str, expires_at: dt.datetime) -> bool:
        new = key not in self.kept
        self.kept.setdefault(key, expires_at)
        return new


async def test_two_services_with_one_store_know_what_the_other_has_done() -> None:
    store, worker = SharedStore(), Worker()
    one, other = (Deduplicator(store, remember=60, clock=FakeClock()) for _ in range(2))
    assert await one.once("a", worker) is True
    assert await other.once("a", worker) is False
    assert store.kept == {"a": START + dt.timedelta(seconds=60)}


async def test_work_done_twice_by_two_services_at_the_same_time_is_told(caplog: pytest.LogCaptureFixture) -> None:
    store, worker = SharedStore(), Worker()
    worker.may_end.clear()
    tasks = [asyncio.create_task(Deduplicator(store, clock=FakeClock()).once("a", worker)) for _ in range(2)]
    await settle()
    worker.may_end.set()
    assert await asyncio.gather(*tasks) == [True, True]
    assert [record.getMessage() for record in caplog.records] == ["webhook a was handled elsewhere as well"]


# Behind aiohttp.


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


async def test_a_redelivery_is_answered_with_success_and_handled_no_more(service: Service) -> None:
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


async def test_close_deliveries_are_all_answered_when_the_work_is_done(service: Service) -> None:
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
async def test_what_is_not_genuine_is_answered_400_and_logged_without_the_delivery(
    service: Service, caplog: pytest.LogCaptureFixture, body: bytes, headers: dict[str, str]
) -> None:
    assert await service.post(body, headers or {"X-Nothing": "of svix"}) == 400
    assert service.worker.done == []
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["a webhook was refused"]
    assert secret_of(KEY) not in caplog.text
    assert mac(BODY) not in caplog.text


async def test_a_genuine_delivery_that_makes_no_sense_is_answered_500_so_that_it_comes_again(
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
