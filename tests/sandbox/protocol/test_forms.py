"""Bodies that are not JSON: forms where the document offers them, and what is refused elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from ev_energy_async.sandbox.protocol.forms import FORM_OPERATIONS
from tests.openapi import document as published

if TYPE_CHECKING:
    from ev_energy_async.sandbox.protocol.document import Document
    from tests.sandbox.conftest import Client

BOUNDARY = "----somewhere"


def _multipart(fields: dict[str, str]) -> tuple[bytes, str]:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return f"{''.join(parts)}--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"


def _encoded(fields: dict[str, str]) -> tuple[bytes, str]:
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def test_forms_are_taken_where_the_document_offers_them(document: Document) -> None:
    offering = {
        (operation.method, operation.path)
        for operation in published().operations
        if "multipart/form-data" in operation.node.get("requestBody", {}).get("content", {})
    }
    named = {(document.operations[name].method, document.operations[name].path) for name in FORM_OPERATIONS}
    assert named == offering


@pytest.mark.parametrize("form", [_multipart, _encoded])
async def test_a_form_does_what_json_does(client: Client, form: Any) -> None:
    data, kind = form({"email": "kim+é@example.com"})

    made = await client.call("POST", "/users", data=data, headers={"Content-Type": kind})

    assert made.status == 201, made.body
    user = f"/users/{made.body['id']}"
    assert (await client.get(user)).body["email"] == "kim+é@example.com"
    data, kind = form({"email": "lind&co@example.com"})
    assert (await client.call("PATCH", user, data=data, headers={"Content-Type": kind})).status == 200
    assert (await client.get(user)).body["email"] == "lind&co@example.com"


async def test_a_form_writes_null_as_null(client: Client) -> None:
    data, kind = _encoded({"email": "kim@example.com", "terms_consent_datetime": "null", "odd[latitude]": "53"})

    made = await client.call("POST", "/users", data=data, headers={"Content-Type": kind})

    assert made.status == 201, made.body


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"nothing", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\nno name\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"%%%", "application/x-www-form-urlencoded"),
        (b"email=a%40b.example", "text/plain"),
        (b"\xff\xff=1", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_is_refused(client: Client, body: bytes, kind: str) -> None:
    answer = await client.call("POST", "/users", data=body, headers={"Content-Type": kind})

    assert answer.status == 400, answer.body


async def test_a_form_is_refused_where_json_is_wanted(client: Client) -> None:
    car = next(iter(client.sandbox.world.vehicles)).id
    data, kind = _encoded({"smart_charging_enabled": "true"})

    answer = await client.call("PATCH", f"/vehicles/{car}", data=data, headers={"Content-Type": kind})

    assert (answer.status, "application/json" in answer.body["detail"]) == (400, True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"email": "nobody"}', b"{}"])
async def test_a_password_reset_that_can_not_be_read_is_a_422(client: Client, body: bytes) -> None:
    answer = await client.call("POST", "/auth/password_reset", data=body, headers={"Content-Type": "application/json"})

    assert answer.status == 422, answer.body
