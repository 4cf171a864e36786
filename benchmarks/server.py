"""A server of canned responses, in a process and on a core of its own, so that it is never the bottleneck.

An `asyncio.Protocol` without a framework: a response costs it about 20 microseconds. It serves what the benchmarks
request: the token, a vehicle, a page of status logs, and the fleet in pages with `Link` and rate-limit headers. It is
not a sandbox: it checks neither token nor parameters.

`POST /control` with a JSON object changes it: `{"fleet": 10000}`, `{"variant": "drift"}`, `{"hold": true}` (holds
responses back until `{"hold": false}`), `{"delay": 0.05}` (seconds per response), `{"limit": 9000}` (requests an hour,
which no request is refused for), `{"change": 0.05, "number": 7}` (a share of the fleet reports once more). The response
contains counters.

    python -m benchmarks.server [--core 1] [--pair pair.pem]       # prints its port

With a certificate and its key it listens on a second port, printed too, which speaks TLS and compresses with gzip.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qs

from benchmarks import documents, placing

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LIMIT", "main"]

LIMIT: Final = 1_000_000
_PAGE: Final = 100
_PREPARED: Final = 10
_FIRST_LOGS: Final = 3
# Of a fleet so many documents are made ahead, with marks for what differs from vehicle to vehicle.
_FORMS: Final = 200
_ID, _AT, _STORED, _LOG = "@id", "@at", "@stored", "@log"


class Fleet:
    """Vehicles with their logs, each with a past of more than a page. Only what changes is held for each of them."""

    def __init__(self, size: int) -> None:
        self._rng = rng = random.Random(7)
        self.ids = documents.item_ids(size)
        self._places = {vehicle_id: index for index, vehicle_id in enumerate(self.ids)}
        self._logs = [documents.encode(documents.status_log(rng, _ID, _AT, _STORED)) for _ in range(_FORMS)]
        shells = (documents.vehicle(rng, _ID, {_LOG: 0}) for _ in range(_FORMS))
        self._shells = [documents.encode(shell).split(documents.encode({_LOG: 0})) for shell in shells]
        # Six times as long between two of them as between two cycles: half an hour.
        past = ((documents.log_time(-6 * number), self._logs[number]) for number in range(1, _PAGE + 1))
        self._past = [(at, _filled(form, {_AT: at, _STORED: at})) for at, form in past]
        self._reported: dict[int, list[int]] = {}

    def _numbers(self, index: int) -> list[int]:
        """Return the numbers of the logs of a vehicle, newest first, without those of its past."""
        return [*self._reported.get(index, ()), *reversed(range(_FIRST_LOGS))]

    def _log(self, index: int, number: int) -> tuple[str, bytes]:
        at = documents.log_time(number, index)
        form = self._logs[(index + number) % _FORMS]
        return at, _filled(form, {_ID: self.ids[index], _AT: at, _STORED: documents.log_time(number, index + 5)})

    def _item(self, index: int) -> bytes:
        _, log = self._log(index, self._numbers(index)[0])
        head, tail = (_filled(part, {_ID: self.ids[index]}) for part in self._shells[index % _FORMS])
        return head + log + tail

    def change(self, share: float, number: int) -> int:
        """Let a share of the vehicles report once more, at the time of this number."""
        changed = self._rng.sample(range(len(self.ids)), round(len(self.ids) * share))
        for index in changed:
            self._reported.setdefault(index, []).insert(0, number)
        return len(changed)

    def item(self, vehicle_id: str) -> bytes | None:
        """Return a vehicle."""
        place = self._places.get(vehicle_id)
        return None if place is None else self._item(place)

    def page(self, after: str | None) -> tuple[bytes, str | None]:
        """Return the page after a vehicle, and the cursor of the next page; None on the last."""
        first = 0 if after is None else self._places[after] + 1
        last = min(first + _PAGE, len(self.ids))
        body = b"[%b]" % b",".join(self._item(index) for index in range(first, last))
        return body, self.ids[last - 1] if last < len(self.ids) else None

    def logs(self, vehicle_id: str, since: str | None) -> bytes | None:
        """Return the newest logs of a vehicle since a time."""
        place = self._places.get(vehicle_id)
        if place is None:
            return None
        new = [self._log(place, number) for number in self._numbers(place)]
        found = [encoded for at, encoded in [*new, *self._past][:_PAGE] if since is None or at >= since]
        return b"[%b]" % _filled(b",".join(found), {_ID: vehicle_id})


def _filled(form: bytes, values: dict[str, str]) -> bytes:
    for mark, value in values.items():
        form = form.replace(mark.encode(), value.encode())
    return form


class State:
    """The state that all connections share."""

    def __init__(self) -> None:
        self.base = ""
        self.secure_base = ""
        self.fleet = Fleet(_PAGE)
        self.living = False
        self.pages: dict[str, list[bytes]] = {}
        self.compressed: list[bytes] = []
        self.variant: documents.Variant = "plain"
        self.served = 0
        self.delay = 0.0
        self.limit = LIMIT
        self.held: list[tuple[Connection, bytes]] | None = None
        self.vary("plain")

    def vary(self, variant: documents.Variant) -> None:
        """Serve log pages of another kind."""
        if variant not in self.pages:
            self.pages[variant] = [documents.log_page(seed, variant) for seed in range(_PREPARED)]
        self.compressed = [gzip.compress(page) for page in self.pages[variant]]
        self.variant = variant

    def control(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Change what is served, and return the counters."""
        counted: dict[str, Any] = {"served": self.served}
        if "fleet" in wanted:
            if len(self.fleet.ids) != wanted["fleet"] or self.living:
                self.fleet = Fleet(wanted["fleet"])
            self.living = bool(wanted.get("living", False))
        if "variant" in wanted:
            self.vary(wanted["variant"])
        if "change" in wanted:
            counted["changed"] = self.fleet.change(wanted["change"], wanted["number"])
        if "hold" in wanted:
            held, self.held = self.held or [], [] if wanted["hold"] else None
            counted["held"] = len(held)
            for connection, response in held:
                connection.write(response)
        self.delay = wanted.get("delay", self.delay)
        self.limit = wanted.get("limit", self.limit)
        if "reset" in wanted:
            self.served = 0
        return counted

    def response(self, target: str, *, is_secure: bool) -> bytes:
        """Return the complete response to a GET; pages of logs are compressed over TLS."""
        self.served += 1
        path, _, query = target.partition("?")
        parts = path.split("/")  # "", "v2", "vehicles", ...
        if parts[2:] == ["vehicles"]:
            parameters = parse_qs(query)
            body, following = self.fleet.page(_first(parameters, "page_after"))
            link = ""
            if following is not None:
                expand = "&expand=latest_status_log" if "expand" in parameters else ""
                link = f"{self.base}/vehicles?page_size={_PAGE}{expand}&page_after={following}"
            return self._made(body, link)
        if parts[-1] == "status_logs":
            response = self._logs(parts[3], query, is_secure=is_secure)
            if response is not None:
                return response
        item = self.fleet.item(parts[-1])
        return self._missing() if item is None else self._made(item)

    def _logs(self, vehicle_id: str, query: str, *, is_secure: bool) -> bytes | None:
        if self.living:
            body = self.fleet.logs(vehicle_id, _first(parse_qs(query), "sampled_at__gte"))
            return None if body is None else self._made(body, "")
        pages = self.compressed if is_secure else self.pages[self.variant]
        base = self.secure_base if is_secure else self.base
        following = f"{base}/vehicles/{vehicle_id}/status_logs?page_size={_PAGE}&page_after=2026-03-14T09:05:00.000000Z"
        return self._made(pages[self.served % len(pages)], following, "Content-Encoding: gzip\r\n" if is_secure else "")

    def _made(self, body: bytes, following: str | None = None, encoding: str = "") -> bytes:
        link = (
            ""
            if following is None
            else f'Link: <{following or "about:blank"}>; rel="next", <about:blank>; rel="previous"\r\n'
        )
        return self._head("200 OK", "application/json", len(body), encoding + link) + body

    def _missing(self) -> bytes:
        body = b'{"title":"Not Found","detail":"No such vehicle."}'
        return self._head("404 Not Found", "application/problem+json", len(body), "") + body

    def _head(self, status: str, kind: str, length: int, more: str) -> bytes:
        left = max(self.limit - self.served, 1_000)
        return (
            f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nEvEnergy-Version: 2\r\n"
            f"X-RateLimit-Limit: {self.limit}\r\nX-RateLimit-Remaining: {left}\r\n{more}\r\n"
        ).encode()


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, state: State, *, is_secure: bool = False) -> None:
        self._state = state
        self._is_secure = is_secure
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Respond to each complete request."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = 0
            if head.startswith(b"POST"):
                length = next(
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
                )
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self._respond(method, target, body)

    def _respond(self, method: str, target: str, body: bytes) -> None:
        if method == "GET":
            response = self._state.response(target, is_secure=self._is_secure)
            if self._state.held is not None:
                self._state.held.append((self, response))
            elif self._state.delay:
                asyncio.get_running_loop().call_later(self._state.delay, self.write, response)
            else:
                self.write(response)
            return
        content: dict[str, Any] = (
            self._state.control(json.loads(body))
            if target == "/control"
            else {"access_token": "a-token", "token_type": "Bearer", "expires_in": 36_000, "scope": "vehicle:read"}
        )
        encoded = documents.encode(content)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(encoded)}\r\n\r\n"
        self.write(head.encode() + encoded)

    def write(self, response: bytes) -> None:
        """Send a response."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)


def _first(parameters: dict[str, list[str]], name: str) -> str | None:
    values = parameters.get(name)
    return values[0] if values else None


async def _serve(pair: str | None) -> None:
    state, loop = State(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=1_024)
    port = server.sockets[0].getsockname()[1]
    state.base = f"http://127.0.0.1:{port}/v2"
    ports = [port]
    if pair is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(pair)
        accept = partial(Connection, state, is_secure=True)
        secure = await loop.create_server(accept, "127.0.0.1", 0, ssl=context, backlog=1_024)
        ports.append(secure.sockets[0].getsockname()[1])
        state.secure_base = f"https://127.0.0.1:{ports[1]}/v2"
    print(*ports, flush=True)
    await server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, default=None)
    parser.add_argument("--pair", default=None)
    options = parser.parse_args(arguments)
    placing.pin(options.core)
    asyncio.run(_serve(options.pair))


if __name__ == "__main__":
    main()
