"""The three steps of an upload, the second of them at another origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from yarl import URL

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client


async def _started(client: Client, name: str = "invoice.pdf") -> tuple[str, str]:
    """The ID of a file whose upload was started, and where it goes."""
    kind = (await client.get("/rebate_evidence_types")).body[0]
    body = {"rebate_evidence_type": kind["url"], "file_name": name}
    started = await client.call("POST", "/rebate_evidence_files:start_upload", json=body)
    assert started.status == 201, started.body
    return started.body["id"], started.body["presigned_url"]


async def _store(client: Client, method: str, url: str, data: bytes | None = None) -> tuple[int, str, bytes]:
    async with client.session.request(method, URL(url, encoded=True), data=data) as response:
        return response.status, response.content_type, await response.read()


async def test_a_file_goes_to_the_second_origin_without_a_token(client: Client) -> None:
    file, presigned = await _started(client)
    assert presigned.startswith(client.sandbox.upload_origin + "/")
    finish = f"/rebate_evidence_files/{file}:finish_upload"
    assert (await client.call("POST", finish)).status == 400
    with_token = {"Authorization": f"Bearer {client.token}"}
    async with client.session.put(URL(presigned, encoded=True), data=b"%PDF", headers=with_token) as response:
        assert response.status == 400
    assert client.sandbox.uploaded(file) is None
    assert (await _store(client, "GET", presigned))[0] == 404
    assert (await _store(client, "PUT", presigned, b"%PDF"))[0] == 200
    assert (await client.call("POST", finish)).status == 200
    record = client.sandbox.requests[-2]
    assert (record.origin, record.method, record.status) == ("upload", "PUT", 200)
    assert "Signature=..." in record.path
    assert client.sandbox.uploaded(file) == b"%PDF"
    assert await _store(client, "GET", presigned) == (200, "application/octet-stream", b"%PDF")


@pytest.mark.parametrize("name", ["a b+c/d?.pdf", "Beleg €.pdf"])
async def test_any_file_name_is_part_of_the_url(client: Client, name: str) -> None:
    file, presigned = await _started(client, name)

    assert (await _store(client, "PUT", presigned, b"x"))[0] == 200

    assert client.sandbox.uploaded(file) == b"x"


async def test_an_address_is_good_for_an_hour(client: Client) -> None:
    file, presigned = await _started(client)
    client.sandbox.advance(3_599)
    assert (await _store(client, "PUT", presigned, b"in time"))[0] == 200

    client.sandbox.advance(1)
    status, kind, body = await _store(client, "PUT", presigned, b"late")

    assert (status, kind) == (403, "application/xml")
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in body
    assert client.sandbox.uploaded(file) == b"in time"


async def test_an_address_with_another_signature_opens_nothing(client: Client) -> None:
    file, presigned = await _started(client)

    for wrong in (presigned[:-1], presigned.partition("?")[0], presigned.replace(file, "rbef" + "0" * 26)):
        status, kind, body = await _store(client, "PUT", wrong, b"x")
        assert (status, kind) == (403, "application/xml")
        assert b"SignatureDoesNotMatch" in body

    assert client.sandbox.uploaded(file) is None
