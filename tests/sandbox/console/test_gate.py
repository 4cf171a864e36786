"""Access below `/_sandbox/`, to the control endpoint and the console alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from ev_energy_async.sandbox import Sandbox
from ev_energy_async.sandbox.protocol import Request
from tests.sandbox.raw import Line, Raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.sandbox import SteppedClock

FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"


@pytest.fixture
async def sandbox(clock: SteppedClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=1, clock=clock, control=True, console=True) as running:
        yield running


async def ask(sandbox: Sandbox, method: str, path: str, *headers: str, host: str = "", body: bytes = b"") -> Raw:
    line = await Line.to(sandbox.origin)
    try:
        line.host = host or line.host
        line.send(method, path, *headers, body=body)
        return await line.receive()
    finally:
        line.writer.close()


@pytest.mark.parametrize("path", ["/_sandbox/", "/_sandbox/ui/", "/_sandbox/ui/static/console.js"])
async def test_only_the_exact_hosts_of_this_machine_are_served(sandbox: Sandbox, path: str) -> None:
    port = int(sandbox.origin.rpartition(":")[2])
    for host in (f"localhost:{port}", f"LOCALHOST:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert (await ask(sandbox, "GET", path, host=host)).status == 200, host
    for host in (f"evil.example:{port}", "localhost", f"localhost:{port + 1}", f"127.0.0.1.evil.example:{port}"):
        assert (await ask(sandbox, "GET", path, host=host)).status == 421, host


@pytest.mark.parametrize(
    ("method", "path", "kind", "body"),
    [
        ("POST", "/_sandbox/advance", JSON, b'{"seconds": 60}'),
        ("POST", "/_sandbox/ui/clock", FORM, b"step=60"),
        ("PUT", "/_sandbox/faults", JSON, b'{"rules": [{"effect": "held"}]}'),
        ("DELETE", "/_sandbox/faults", JSON, b""),
        ("POST", "/_sandbox/ui/faults", FORM, b"kind=held&switch=on&probability=1"),
    ],
)
async def test_no_other_page_changes_anything(sandbox: Sandbox, method: str, path: str, kind: str, body: bytes) -> None:
    before = sandbox.now(), sandbox.faults
    for site in ("same-site", "cross-site", "none", "Same-Origin"):
        refused = await ask(sandbox, method, path, kind, f"Sec-Fetch-Site: {site}", body=body)
        assert refused.status == 403, site
    assert (sandbox.now(), sandbox.faults) == before
    for headers in ((), ("Sec-Fetch-Site: same-origin",)):
        assert (await ask(sandbox, method, path, kind, *headers, body=body)).status in {200, 303}


async def test_links_of_other_pages_may_lead_here(sandbox: Sandbox) -> None:
    assert (await ask(sandbox, "GET", "/_sandbox/ui/", "Sec-Fetch-Site: cross-site")).status == 200


async def test_other_machines_stay_outside(sandbox: Sandbox) -> None:
    host = sandbox.origin.removeprefix("http://")
    near = Request("GET", "/_sandbox/ui/", "", {"Host": host}, b"", "127.0.0.1")
    for remote, status in (("127.0.0.1", 200), ("::1", 200), ("192.168.1.20", 403), ("2001:db8::1", 403), ("", 403)):
        outcome = await sandbox.gate.serve(attrs.evolve(near, remote=remote), None)
        assert outcome is not None
        assert outcome.reply is not None
        assert outcome.reply.status == status, remote


async def test_there_is_no_console_unless_asked_for(clock: SteppedClock) -> None:
    async with Sandbox(vehicles=1, clock=clock, control=True) as sandbox:
        assert sandbox.console_url is None
        assert (await ask(sandbox, "GET", "/_sandbox/ui/")).status == 404
    async with Sandbox(vehicles=1, clock=clock, console=True) as sandbox:
        assert sandbox.control_url is None
        assert (await ask(sandbox, "POST", "/_sandbox/tokens", JSON, body=b"{}")).status == 404
        assert (await ask(sandbox, "GET", "/_sandbox/ui")).headers["location"] == "/_sandbox/ui/"
