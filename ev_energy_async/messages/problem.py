"""Problem documents (RFC 9457): what an error body says.

Pure. `errors` shows them; what is no problem document, as a proxy's page, becomes one with the status' phrase alone.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import attrs
import msgspec

from ev_energy_async.values import is_array, is_mapping, is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.messages.request import Request

__all__ = ["Problem", "without_input"]

_SHORTEST_HIDDEN: Final = 4
# A body beyond this, as the boundary of a region, is searched for the words of the answer and not the other way round:
# to read it would keep everybody waiting for seconds.
_LARGEST_READ: Final = 64 * 1024
_WORD: Final = re.compile(r"[\w@+-][\w@+.:/%-]{2,}\w")  # of _SHORTEST_HIDDEN characters and more
_PHRASES: Final = {int(status): status.phrase for status in HTTPStatus}


@attrs.frozen
class Problem:
    """A problem document (RFC 9457, section 3), or what could be made of another error body.

    Its `repr` shows no words of the server, since they may quote what it was given; `str` shows them.

    Attributes:
        title: Summary of the kind of problem.
        detail: What went wrong this time; None if the body does not say.
        type: URI of the kind of problem; None where the status says enough.
        status: The status that the document repeats, if it does.
        instance: URI of this occurrence, if there is one.
        field_errors: Messages by field of the request, empty if there are none.
        extensions: The other members, as they came.
    """

    title: str
    detail: str | None = attrs.field(default=None, repr=False)
    type: str | None = None
    status: int | None = None
    instance: str | None = attrs.field(default=None, repr=False)
    field_errors: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict[str, tuple[str, ...]], repr=False)
    extensions: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)

    @classmethod
    def parse(cls, status: int, body: bytes) -> Problem:
        """Read an error body; one that is no problem document gives the status' phrase as title."""
        # Not every status has a phrase: proxies answer 520 and the like.
        phrase = _PHRASES.get(status, f"Status {status}")
        try:
            members = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return cls(phrase)
        if not is_object(members):
            return cls(phrase)
        rest: dict[str, Any] = members

        def text(name: str) -> str | None:
            value = rest.pop(name, None)
            return value if isinstance(value, str) else None

        stated = rest.pop("status", None)
        return cls(
            title=text("title") or phrase,
            detail=text("detail"),
            type=text("type"),
            status=int(stated) if isinstance(stated, int | float) else None,
            instance=text("instance"),
            field_errors=_field_errors(rest.pop("field_errors", None)),
            extensions=rest,
        )

    def __str__(self) -> str:
        parts = [self.title if not self.detail else f"{self.title}: {self.detail}"]
        parts += [f"{field}: {' '.join(messages)}" for field, messages in self.field_errors.items()]
        return "; ".join(parts)


def _field_errors(value: Any) -> dict[str, tuple[str, ...]]:
    if not is_object(value):
        return {}
    members: dict[str, Any] = value
    return {name: tuple(map(str, texts)) if is_array(texts) else (str(texts),) for name, texts in members.items()}


def without_input(text: str, request: Request[Any]) -> str:
    """Return a text without the values that a request carried: they may be personal or secret, and servers quote them.

    Args:
        text: What a server said.
        request: What it was asked; its query and its body, as JSON or as a form, are looked through.
    """
    body = request.body or b"null"
    if len(body) > _LARGEST_READ:
        large = body
        text = _WORD.sub(lambda word: "..." if _may_be_input(word[0].encode(), large) else word[0], text)
        body = b"null"
    values = {value for _, value in parse_qsl(request.query)}
    try:
        if "form" in request.headers.get("Content-Type", ""):
            values |= {value for _, value in parse_qsl(body.decode())}
        else:
            values |= _texts(body)
    except ValueError:
        pass
    # The longest first, since one may hold another; what is shorter tells of nobody, and stands in every sentence.
    known = sorted((re.escape(value) for value in values if len(value) >= _SHORTEST_HIDDEN), key=len, reverse=True)
    return re.sub("|".join(known), "...", text) if known else text


def _texts(body: bytes) -> set[str]:
    """Return all values of a JSON document as they may be quoted: numbers as they are spelled."""
    found: set[str] = set()
    waiting: list[Any] = [json.loads(body, parse_float=str, parse_int=str)]
    while waiting:
        value = waiting.pop()
        if is_mapping(value):
            waiting += value.values()
        elif is_array(value):
            waiting += value
        elif isinstance(value, str):
            found.add(value)
    return found


def _may_be_input(word: bytes, body: bytes) -> bool:
    """Whether a word of an answer stands in a body, other than as one of its keys."""
    return word in body and b'"%b":' % word not in body
