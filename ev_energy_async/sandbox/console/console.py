"""Routes, forms and the stream of the console. Whoever gets here was let in by the server."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from importlib.resources import files
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl

import attrs

from ev_energy_async.sandbox.console import pages
from ev_energy_async.sandbox.console.figures import Shown
from ev_energy_async.sandbox.faults import EFFECTS, FaultPlan, FaultPlanError, plan_of
from ev_energy_async.sandbox.protocol import Problem, Reply, Request, not_found
from ev_energy_async.sandbox.record import Served

__all__ = ["UI_PATH", "Console"]

UI_PATH: Final = "/_sandbox/ui/"
_STATIC: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_HTML: Final = "text/html; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_EVERY: Final = 1.0  # seconds between two looks at the overview
_WAITING: Final = 500  # requests that a page that is slow to take them may be behind


class Console:
    """Serves what is below `/_sandbox/ui/`."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._streams: set[asyncio.Queue[tuple[int, Served] | None]] = set()
        self._count = len(shown.record.requests)
        shown.record.listeners.append(self._note)

    async def answer(self, request: Request) -> Reply:
        """Return the page, or what became of a form."""
        path = request.path.removeprefix(UI_PATH)
        try:
            if request.method in {"GET", "HEAD"}:
                reply = self._show(path, dict(parse_qsl(request.query)))
            else:
                reply = await self._take(path, request)
        except Problem as problem:
            reply = problem.reply()
        reply.headers.update(_HEADERS)
        return reply

    def stream(self, request: Request) -> AsyncIterator[bytes] | None:
        """Return the events that a request asks for (the HTML standard's `text/event-stream`); None if for none."""
        if request.path != f"{UI_PATH}events" or request.method != "GET":
            return None
        query = dict(parse_qsl(request.query))
        if query.get("page") != "requests":
            return self._overview()
        after = request.headers.get("Last-Event-ID") or query.get("after", "")
        return self._requests(query, int(after) if after.isdecimal() else self._count)

    def close(self) -> None:
        """End all streams."""
        for queue in self._streams:
            with suppress(asyncio.QueueFull):
                queue.put_nowait(None)

    # Pages

    def _show(self, path: str, query: Mapping[str, str]) -> Reply:
        match path:
            case "":
                return _page(pages.overview(self._shown, UI_PATH))
            case "requests":
                kept = self._kept(query)
                rows = list(islice(kept, pages.MOST_ROWS))
                return _page(
                    pages.requests_page(
                        self._shown, UI_PATH, rows, query.get("q", ""), query.get("status", ""), self._count
                    )
                )
            case "faults":
                return _page(pages.faults_page(self._shown.faults, UI_PATH))
            case "events":
                return Reply(HTTPStatus.OK.value, b"", content_type="text/event-stream")
            case _:
                return self._static(path.removeprefix("static/"))

    def _static(self, name: str) -> Reply:
        if name not in _STATIC:
            raise not_found("There is nothing at this path.")
        body = (files("ev_energy_async.sandbox.console") / "static" / name).read_bytes()
        return Reply(HTTPStatus.OK.value, body, content_type=_STATIC[name])

    def _kept(self, query: Mapping[str, str]) -> Iterable[Served]:
        return (served for served in reversed(self._shown.record.requests) if _fits(served, query))

    # Forms

    async def _take(self, path: str, request: Request) -> Reply:
        if request.method != "POST":
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "Pages are for GET, forms for POST.")
        if request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body should be a form.")
        fields = dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        try:
            match path:
                case "clock":
                    await self._set_clock(fields)
                    place = UI_PATH
                case "faults":
                    place = f"{UI_PATH}faults{self._set_faults(fields)}"
                case _:
                    raise not_found("There is nothing at this path.")
        except (ValueError, RuntimeError) as error:
            shown, said = self._shown, str(error)
            body = (
                pages.overview(shown, UI_PATH, said)
                if path == "clock"
                else pages.faults_page(shown.faults, UI_PATH, said)
            )
            return _page(body, HTTPStatus.BAD_REQUEST)
        return Reply(HTTPStatus.SEE_OTHER.value, None, {"Location": place})

    async def _set_clock(self, fields: Mapping[str, str]) -> None:
        shown = self._shown
        if "step" in fields:
            shown.advance(_number(fields, "step"))
            await shown.settle()
        elif shown.clock is None:
            raise ValueError("this clock can be stepped only")
        elif "pause" in fields:
            shown.clock.paused = fields["pause"] == "on"
        else:
            shown.clock.speed = _number(fields, "speed")

    def _set_faults(self, fields: Mapping[str, str]) -> str:
        """Set a plan with one more or one less rule; returns where on the page that was."""
        shown, kind = self._shown, fields.get("kind", "")
        if "end" in fields:
            shown.faults = FaultPlan()
            return ""
        if kind not in EFFECTS:
            raise FaultPlanError(f"there is no effect {kind!r}")
        kept = tuple(rule for rule in shown.faults.rules if rule.effect.kind != kind or not pages.is_switched(rule))
        made = plan_of({"rules": [_rule(kind, fields)]}).rules if fields.get("switch") == "on" else ()
        shown.faults = FaultPlan((*kept, *made), shown.faults.seed)
        return f"#{kind}"

    # Streams

    def _note(self, served: Served) -> None:
        self._count += 1
        for queue in self._streams:
            with suppress(asyncio.QueueFull):  # a page that is that slow misses some
                queue.put_nowait((self._count, served))

    async def _requests(self, query: Mapping[str, str], after: int) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[tuple[int, Served] | None] = asyncio.Queue(_WAITING)
        self._streams.add(queue)
        # What came between the page, or the end of an earlier stream, and this one.
        kept = list(self._shown.record.requests)[-pages.MOST_ROWS :]
        missed = [pair for pair in enumerate(kept, self._count - len(kept) + 1) if pair[0] > after]
        try:
            yield b": open\n\n"
            for number, served in missed:
                if _fits(served, query):
                    yield _event("row", pages.request_row(self._shown.base_url, served), number)
            while (pair := await queue.get()) is not None:
                number, served = pair
                if _fits(served, query):
                    yield _event("row", pages.request_row(self._shown.base_url, served), number)
        finally:
            self._streams.discard(queue)

    async def _overview(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[tuple[int, Served] | None] = asyncio.Queue(1)  # for `close` alone
        self._streams.add(queue)
        told: dict[str, str] = {}
        try:
            while True:
                shown = self._shown
                parts = {"clock": pages.clock_part(shown), "buckets": pages.buckets_part(shown.buckets)}
                parts["fleet"] = pages.fleet_part(shown)
                for name, part in parts.items():
                    if told.get(name) != part:
                        told[name] = part
                        yield _event(name, part)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY):
                        while await queue.get() is not None:
                            pass
                        return
        finally:
            self._streams.discard(queue)


def _page(body: bytes, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(status.value, body, content_type=_HTML)


def _event(name: str, html: str, number: int | None = None) -> bytes:
    # As JSON, since a line break would end the data. A browser that connects again names the last number.
    numbered = "" if number is None else f"id: {number}\n"
    return f"{numbered}event: {name}\ndata: {json.dumps(html)}\n\n".encode()


def _fits(served: Served, query: Mapping[str, str]) -> bool:
    wanted, status = query.get("q", ""), query.get("status", "")
    if wanted and wanted not in served.path and wanted not in (served.operation or ""):
        return False
    told = "none" if served.status is None else str(served.status)
    return status in {"", told, f"{told[0]}xx"}


def _number(fields: Mapping[str, str], name: str) -> float:
    try:
        return float(fields.get(name, ""))
    except ValueError:
        raise ValueError(f"{name} is a number, not {fields.get(name, '')!r}") from None


def _rule(kind: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a rule as plain values, from the fields of a switch."""
    options: dict[str, Any] = {"kind": kind}
    for field in attrs.fields(EFFECTS[kind]):
        value = fields.get(field.name, "")
        if isinstance(field.default, bool):
            options[field.name] = value == "true"
        elif isinstance(field.default, str):
            options[field.name] = value
        elif value:
            number = _number(fields, field.name)
            options[field.name] = int(number) if number.is_integer() else number
    return {"effect": options} | ({"probability": _number(fields, "probability")} if "probability" in fields else {})
