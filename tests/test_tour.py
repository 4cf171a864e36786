"""The tour of all operations passes, and notices what is wrong."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ev_energy_async.sandbox.handlers import HANDLERS
from ev_energy_async.sandbox.protocol.messages import Reply

from .openapi import document
from .tour import Report, begun, take
from .tour_chapters import people
from .tour_kit import Visit

if TYPE_CHECKING:
    import pytest

    from ev_energy_async.sandbox.handlers.calls import Call

    from .conformance import Watch


async def test_every_operation_succeeds_and_what_is_written_can_be_read() -> None:
    report = await take()

    assert report.is_complete, "\n".join(report.lines())
    count = len(document().operations)
    assert report.lines()[-1] == f"{count} of {count} operations"


async def test_a_delete_that_deletes_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HANDLERS, "users.delete_saved_route", lambda _: Reply(HTTPStatus.NO_CONTENT))

    async with begun() as tour:
        await people.saved_routes(tour, await people.arrive(tour))

    assert tour.visits["users.delete_saved_route"].failed == ["gone afterwards"]


async def test_a_response_that_departs_from_the_document_is_noticed(
    monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    honest = HANDLERS["users.create"]

    def without_url(call: Call) -> Reply:
        reply = honest(call)
        body: Any = reply.body
        return Reply(reply.status, {name: value for name, value in body.items() if name != "url"})

    monkeypatch.setitem(HANDLERS, "users.create", without_url)

    async with begun() as tour:
        await people.arrive(tour)

    assert tour.visits["users.create"].failed == ["POST /users -> 201 $: 'url' is a required property"]
    watch.validate()  # or it would fail this test, as it should


def test_a_tour_without_an_operation_is_incomplete() -> None:
    visited = Visit("vehicles.list", [200], ["some items"])

    assert Report((visited,), (), 1).is_complete
    assert not Report((visited,), (), 2).is_complete
    assert Report((visited,), (), 2).lines()[-1] == "1 of 2 operations"


def test_only_a_success_counts() -> None:
    assert not Report((Visit("vehicles.list", [404]),), (), 1).is_complete


def test_a_failed_chapter_is_reported() -> None:
    report = Report((Visit("vehicles.list", [200]),), ("BROKEN OFF after vehicles.list: NotFound()",), 1)

    assert not report.is_complete
    assert "BROKEN OFF after vehicles.list: NotFound()" in report.lines()
