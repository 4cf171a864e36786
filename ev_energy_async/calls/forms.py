"""Bodies that are forms: `multipart/form-data` (RFC 7578) and `application/x-www-form-urlencoded`.

`requests` calls this with the parts of a body that has been checked against its model. Pure: files come as bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ev_energy_async.values import File

__all__ = ["MULTIPART", "URLENCODED", "multipart", "urlencoded"]

MULTIPART: Final = "multipart/form-data"
URLENCODED: Final = "application/x-www-form-urlencoded"
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def multipart(values: Mapping[str, bytes], files: Iterable[tuple[str, File]]) -> tuple[str, bytes]:
    """Return the content type and the body of a form with files.

    Args:
        values: JSON of each value that is no file; arrays become one part an item, objects stay JSON.
        files: The files, by the names of their fields.
    """
    parts: list[tuple[str, bytes]] = []
    for name, value in values.items():
        for item in _items(value):
            text, is_json = _text(item)
            media = "\r\nContent-Type: application/json" if is_json else ""
            parts.append((f'Content-Disposition: form-data; name="{_escaped(name)}"{media}', text))
    for name, file in files:
        head = f'Content-Disposition: form-data; name="{_escaped(name)}"; filename="{_escaped(file.filename)}"'
        parts.append((f"{head}\r\nContent-Type: {file.content_type}", file.data))
    # Of their content, so that no part can hold it by chance and a repeated body is the same.
    digest = hashlib.sha256()
    for head_text, data in parts:
        digest.update(head_text.encode())
        digest.update(data)
    boundary = digest.hexdigest()[:40]
    chunks: list[bytes] = []
    for head_text, data in parts:
        chunks += [f"--{boundary}\r\n{head_text}\r\n\r\n".encode(), data, b"\r\n"]
    return f"{MULTIPART}; boundary={boundary}", b"".join([*chunks, f"--{boundary}--\r\n".encode()])


def urlencoded(values: Mapping[str, bytes]) -> bytes:
    """Return the body of a form without files.

    Args:
        values: JSON of each value; arrays become one pair an item.
    """
    pairs = [(name, _text(item)[0].decode()) for name, value in values.items() for item in _items(value)]
    return urlencode(pairs).encode()


def _items(value: bytes) -> list[bytes]:
    return [bytes(item) for item in _ITEMS.decode(value)] if value.startswith(b"[") else [value]


def _text(value: bytes) -> tuple[bytes, bool]:
    """Return a JSON value as the text of a part, and whether it stays JSON."""
    if value.startswith(b'"'):
        return msgspec.json.decode(value, type=str).encode(), False
    return value, value.startswith((b"{", b"["))


def _escaped(name: str) -> str:
    """Return a name as it stands in quotes (RFC 7578, section 2, as browsers encode it)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
