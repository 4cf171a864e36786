"""HTTP below the API's own manners: bodies that are announced, too large, or not wanted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.sandbox.raw import Line, exchange

if TYPE_CHECKING:
    from ev_energy_async.sandbox import Sandbox

LIMIT = 20 * 1024 * 1024


def _patch(sandbox: Sandbox) -> tuple[str, str, str]:
    vehicle = next(iter(sandbox.world.vehicles))
    return (
        f"/v2/vehicles/{vehicle.id}",
        f"Authorization: Bearer {sandbox.issue_token()}",
        "Content-Type: application/json",
    )


async def test_a_client_that_waits_for_100_continue_gets_it(sandbox: Sandbox) -> None:
    path, *headers = _patch(sandbox)
    body = b'{"maximum_charge_limit_percentage": 77}'
    line = await Line.to(sandbox.origin)
    line.send("PATCH", path, *headers, "Expect: 100-continue", length=len(body))
    assert (await line.receive(head_only=True)).status == 100
    line.writer.write(body)
    answer = await line.receive()
    assert (answer.status, json.loads(answer.body)["maximum_charge_limit_percentage"]) == (200, 77)
    line.send("PATCH", path, *headers, body=b"{}")
    assert (await line.receive()).status == 200
    await line.close()


async def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes(sandbox: Sandbox) -> None:
    path, *headers = _patch(sandbox)
    line = await Line.to(sandbox.origin)
    line.send("PATCH", path, *headers, "Expect: 100-continue", length=LIMIT + 1)
    answer = await line.receive()
    assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")
    assert str(LIMIT) in json.loads(answer.body)["detail"]
    await line.close()
    line = await Line.to(sandbox.origin)
    line.send("POST", "/o/token/", length=LIMIT + 1)
    assert (await line.receive()).status == 413
    await line.close()


async def test_other_expectations_cant_be_met(sandbox: Sandbox) -> None:
    answer = await exchange(sandbox, "GET", "/v2/vehicles", headers=("Expect: miracles",))
    assert answer.status == 417


async def test_a_connection_serves_many_requests(sandbox: Sandbox) -> None:
    line = await Line.to(sandbox.origin)
    token = sandbox.issue_token()
    for _ in range(3):
        line.send("GET", "/v2/vehicles?page_size=1", f"Authorization: Bearer {token}")
        assert (await line.receive()).status == 200
    await line.close()


async def test_the_upload_origin_refuses_tokens_and_everything_but_put(sandbox: Sandbox) -> None:
    async def put(method: str, *headers: str, body: bytes = b"evidence") -> tuple[int | None, str]:
        line = await Line.to(sandbox.upload_origin)
        line.send(method, "/rbef00000000000000000000000000?signature=hush", *headers, body=body)
        answer = await line.receive()
        await line.close()
        return answer.status, answer.body.decode()

    status, text = await put("PUT", "Authorization: Bearer leaked")
    assert status == 400
    assert "leaked to another host" in text
    assert (await put("POST"))[0] == 405
    status, text = await put("PUT")
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)
    assert [served.origin for served in sandbox.requests] == ["upload"] * 3
    assert "hush" not in repr(sandbox.requests)
    assert sandbox.upload_origin != sandbox.origin
