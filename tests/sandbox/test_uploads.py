"""The three steps of an upload, the second of them at another origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarl import URL

if TYPE_CHECKING:
    from .conftest import Client


async def test_a_file_goes_to_the_second_origin_without_a_token(client: Client) -> None:
    kind = (await client.get("/rebate_evidence_types")).body[0]
    started = await client.call(
        "POST",
        "/rebate_evidence_files:start_upload",
        json={"rebate_evidence_type": kind["url"], "file_name": "invoice.pdf"},
    )
    assert started.status == 201, started.body
    presigned = started.body["presigned_url"]
    assert presigned.startswith(client.sandbox.upload_origin + "/")
    finish = f"/rebate_evidence_files/{started.body['id']}:finish_upload"
    assert (await client.call("POST", finish)).status == 400
    with_token = {"Authorization": f"Bearer {client.token}"}
    async with client.session.put(URL(presigned, encoded=True), data=b"%PDF", headers=with_token) as response:
        assert response.status == 400
    async with client.session.put(URL(presigned, encoded=True), data=b"%PDF") as response:
        assert response.status == 200
    assert (await client.call("POST", finish)).status == 200
    record = client.sandbox.requests[-2]
    assert (record.origin, record.method, record.status) == ("upload", "PUT", 200)
    assert "Signature=..." in record.path
