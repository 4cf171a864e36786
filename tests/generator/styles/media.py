"""Bodies that are no JSON: forms, with files or without; text; bytes; kinds of JSON."""

from __future__ import annotations

from typing import Any

from tests.generator.small import document, item, operation, ref, thing
from tests.generator.styles.kit import Refused, Style
from tests.generator.styles.unions import STRING

FILE = {"type": "string", "format": "binary"}


def posts(path: str, media: str, schema: Any) -> dict[str, Any]:
    return {path: item(post=operation(requestBody={"content": {media: {"schema": schema}}}))}


def part(boundary: str, name: str, text: str, more: str = "", filename: str = "") -> str:
    file = f'; filename="{filename}"' if filename else ""
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}{more}\r\n\r\n{text}\r\n'


def form(path: str, boundary: str, *parts: str) -> str:
    head = f"POST {path} Content-Type: multipart/form-data; boundary={boundary};"
    return f"{head} {''.join(parts)}--{boundary}--\r\n"


OCTETS = "\r\nContent-Type: application/octet-stream"
UPLOAD = thing(
    file=FILE, title=STRING, size={"type": "integer"}, tags={"type": "array", "items": STRING}, meta=thing(a=STRING)
)

MEDIA = {
    "a file in a form": Style(
        paths=posts("/filing", "multipart/form-data", {**UPLOAD, "required": ["file"]}),
        call="ev.filing.create(file=b'abc', title='x', size=3, tags=['a', 'b'], meta={'a': 'y'})",
        signature="(body: 'm.FilingCreate | m.FilingCreateFields | UnsetType' = UNSET, /, "
        "**fields: 'Unpack[m.FilingCreateFields]') -> 'None'",
        sends=form(
            "/filing",
            "BOUNDARY",
            part("BOUNDARY", "meta", '{"a":"y"}', "\r\nContent-Type: application/json"),
            part("BOUNDARY", "size", "3"),
            part("BOUNDARY", "tags", "a"),
            part("BOUNDARY", "tags", "b"),
            part("BOUNDARY", "title", "x"),
            part("BOUNDARY", "file", "abc", OCTETS, "file"),
        ),
        returns="None",
    ),
    "files with names": Style(
        paths=posts("/uploads", "multipart/form-data", thing(files={"type": "array", "items": FILE})),
        call="""ev.uploads.create(m.UploadCreate(files=[File(b'a', 'x".txt', 'text/plain'), File(b'b')]))""",
        schemas={},
        sends=form(
            "/uploads",
            "BOUNDARY",
            part("BOUNDARY", "files", "a", "\r\nContent-Type: text/plain", "x%22.txt"),
            part("BOUNDARY", "files", "b", OCTETS, "file"),
        ),
        returns="None",
    ),
    "a file that is none": Style(
        paths=posts("/bad_upload", "multipart/form-data", thing(file=FILE)),
        call="ev.bad_upload.create(file='text')",
        raises="InvalidArgument: body: expected BadUploadCreate: Expected `object`, got `str` at $.file, got "
        "a mapping with 'file'",
    ),
    "a file that is missing": Style(
        paths=posts("/no_upload", "multipart/form-data", {**thing(file=FILE, a=STRING), "required": ["file"]}),
        call="ev.no_upload.create(a='x')",
        raises="InvalidArgument: body: expected NoUploadCreate: Object missing required field `file` at $, got "
        "a mapping with 'a'",
    ),
    "a form without files": Style(
        paths=posts(
            "/form", "application/x-www-form-urlencoded", thing(a=STRING, n={"type": "number"}, b={"type": "boolean"})
        ),
        call="ev.form.create(a='x & y', n=1.5, b=True)",
        sends="POST /form Content-Type: application/x-www-form-urlencoded; a=x+%26+y&b=true&n=1.5",
        returns="None",
    ),
    "null in a form": Style(
        paths=posts("/null_form", "application/x-www-form-urlencoded", thing(a={"type": ["string", "null"]})),
        call="ev.null_form.create(a=None)",
        raises="InvalidArgument: body: expected a value for a, since a form has no null, got None",
    ),
    "text as a body": Style(
        paths=posts("/text", "text/csv", STRING),
        call="ev.text.create('a,é')",
        signature="(body: 'str', /) -> 'None'",
        sends="POST /text Content-Type: text/csv; charset=utf-8; a,é",
        returns="None",
    ),
    "bytes as a body": Style(
        paths=posts("/bytes", "application/octet-stream", FILE),
        call="ev.bytes.create(b'abc')",
        signature="(body: 'bytes', /) -> 'None'",
        sends="POST /bytes Content-Type: application/octet-stream; abc",
        returns="None",
    ),
    "text in place of bytes": Style(
        paths=posts("/bad_bytes", "application/octet-stream", FILE),
        call="ev.bad_bytes.create('abc')",
        raises="InvalidArgument: body: expected bytes, got 'abc'",
    ),
    "a merge patch": Style(
        paths={
            "/patched/{patched_id}": item(
                patch=operation(
                    None,
                    "patched_id",
                    requestBody={"content": {"application/merge-patch+json": {"schema": ref("Patched")}}},
                )
            )
        },
        schemas={"Patched": thing(a={"type": ["string", "null"]})},
        call="ev.patched.update('x', a=None)",
        sends='PATCH /patched/x Content-Type: application/merge-patch+json; {"a":null}',
        returns="None",
    ),
}

MEDIA_REFUSED = {
    "a form that is no object": Refused(
        document=document(posts("/a", "multipart/form-data", STRING)),
        told="a form .multipart/form-data. has to be an object",
    ),
    "a stream of events": Refused(
        document=document(
            {"/a": item(get=operation({"200": {"description": "", "content": {"text/event-stream": {}}}}))}
        ),
        told="/paths/~1a/get/responses/200: a body of text/event-stream can neither be sent nor read",
    ),
    "binary data in JSON": Refused(
        document=document(posts("/a", "application/json", thing(a=FILE))),
        told="POST /a: application/json: `format: binary` has no form in it",
    ),
    "a file inside of a value of a form": Refused(
        document=document(posts("/a", "multipart/form-data", thing(a=thing(b=FILE)))),
        told="POST /a: multipart/form-data: `format: binary` has no form in it",
    ),
    "a file in a form without files": Refused(
        document=document(posts("/a", "application/x-www-form-urlencoded", thing(a=FILE))),
        told="POST /a: application/x-www-form-urlencoded: `format: binary` has no form in it",
    ),
}
