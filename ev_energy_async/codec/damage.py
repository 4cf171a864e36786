"""Takes documents apart whose text is damaged: half an emoji, NaN, raw control characters, bytes that are not UTF-8.

msgspec gives such a document up as a whole. Here the items of an array, or the members of an object, are told apart by
brackets and quotes alone, so that damage inside one costs that one. `codec` is the only caller. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ev_energy_async.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["is_utf8", "pieces", "pieces_by_key", "replaced"]

# A string may hold anything but its closing quote; an unclosed one swallows the rest.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)|[\[\]{},]', re.DOTALL)
_KEY: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*:', re.DOTALL)
_HEAD: Final = re.compile(r'\s*([\[{]*(?:"[^"\\]*")?)')
_CLOSES: Final = {"[": "]", "{": "}"}
# Tokens between two pauses: some 10 ms of work.
_PAUSE: Final = 10_000


def is_utf8(data: bytes) -> bool:
    """Return whether a document is UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def replaced(data: bytes) -> bytes:
    """Return a document with U+FFFD in place of the bytes that are not UTF-8."""
    return data.decode(errors="replace").encode()


def pieces(data: bytes) -> Generator[None, None, list[bytes]]:
    """Return the texts between the outermost commas of an array or an object; pause now and then.

    Raises:
        DecodeError: It is neither an array nor an object, breaks off, or is followed by something.
    """
    text = data.decode(errors="replace").strip("\ufeff \t\r\n")
    opening = text[:1]
    if opening not in _CLOSES:
        raise DecodeError("JSON is malformed: expected an array or an object")
    found: list[bytes] = []
    depth, start = 0, 1
    for number, token in enumerate(_TOKEN.finditer(text)):
        if number % _PAUSE == _PAUSE - 1:
            yield
        mark = token[0][0]
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
            if depth == 0:
                if token.end() != len(text) or mark != _CLOSES[opening]:
                    break
                last = text[start : token.start()].strip()
                return [*found, last.encode()] if last or found else found
        elif mark == "," and depth == 1:
            found.append(text[start : token.start()].strip().encode())
            start = token.end()
    if not text.endswith(_CLOSES[opening]):
        raise DecodeError(f"JSON is malformed: it does not end after item {len(found)}")
    # A quote or a bracket too many or too few. Items begin alike, so what looks like a beginning is taken for one.
    rest = text[start:-1]
    head = _HEAD.match(text, 1)
    beginning = re.escape(head[1] if head else "")
    found += [piece.strip().encode() for piece in re.split(rf",\s*(?={beginning})", rest)]
    if len(found) == 1:
        raise DecodeError("JSON is malformed: its items cannot be separated")
    return found


def pieces_by_key(data: bytes) -> Generator[None, None, dict[str, bytes]]:
    """Return the members of an object, those with a readable key; pause now and then.

    Raises:
        DecodeError: It is not an object.
    """
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        raise DecodeError("JSON is malformed: expected an object")
    found: dict[str, bytes] = {}
    for piece in (yield from pieces(data)):
        text = piece.decode()
        key = _KEY.match(text)
        try:
            name: Any = None if key is None else msgspec.json.decode(key[1])
        except msgspec.DecodeError:
            continue
        if key is not None:
            found[name] = text[key.end() :].strip().encode()
    return found
