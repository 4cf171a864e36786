"""Problem documents (RFC 9457): error bodies, read and made fit to be shown.

Pure. `errors` shows them; an error body that is no problem document, such as a proxy's page, becomes one with the
status' phrase as its title.
"""

from __future__ import annotations

import base64
import json
import re
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote_plus

import attrs
import msgspec

from ev_energy_async.masking import Secret, masked, printable
from ev_energy_async.values import is_array, is_mapping, is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.messages.request import RawResponse, Request

__all__ = ["Problem", "credentials_in", "known_secrets", "without_input"]

_SHORTEST_HIDDEN: Final = 4
# A larger body, such as the boundary of a region, is not parsed, which would block the loop for seconds: the words of
# the response are looked up in it instead.
_LARGEST_READ: Final = 64 * 1024
_WORD: Final = re.compile(r"[\w@+-][\w@+.:/%-]{2,}\w")  # of _SHORTEST_HIDDEN characters and more
# No form has more fields; a server that sends a million must not fill the memory of whoever keeps the error.
_MOST_FIELDS: Final = 100
_MOST_MESSAGES: Final = 20
_STATUSES: Final = range(100, 1000)
_PHRASES: Final = {int(status): status.phrase for status in HTTPStatus}


@attrs.frozen
class Problem:
    """A problem document (RFC 9457, section 3), or a stand-in for another error body.

    Texts are the server's, with the credentials of the call masked. `repr` shows none of them, since they may quote the
    request; `str` shows them, escaped and cut.

    Attributes:
        title: Summary of the kind of problem.
        detail: Description of this occurrence; None if the body has none.
        type: URI of the kind of problem; None where the status is enough.
        status: The status as the document repeats it; None if it does not.
        instance: URI of this occurrence; None if it has none.
        field_errors: Messages by field of the request.
        extensions: The other members.
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
        """Return the problem in an error body; one that is no problem document gives the status' phrase as title."""
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
            status=int(stated) if isinstance(stated, int | float) and stated in _STATUSES else None,
            instance=text("instance"),
            field_errors=_field_errors(rest.pop("field_errors", None)),
            extensions=rest,
        )

    @property
    def text(self) -> str:
        """Title, detail and field errors as the server wrote them, in one text."""
        parts = [self.title if not self.detail else f"{self.title}: {self.detail}"]
        parts += [f"{field}: {' '.join(messages)}" for field, messages in self.field_errors.items()]
        return "; ".join(parts)

    @classmethod
    def of(cls, response: RawResponse) -> Problem:
        """Return the problem in a response, without the credentials of the call: a server may quote them anywhere."""
        secrets, body = known_secrets(response.request), response.body
        if any(secret and secret.reveal().encode() in body for secret in secrets):
            body = masked(body.decode(errors="replace"), secrets).encode()
        return cls.parse(response.status, body)

    def __str__(self) -> str:
        return printable(self.text)


def _field_errors(value: Any) -> dict[str, tuple[str, ...]]:
    if not is_object(value):
        return {}
    members: dict[str, Any] = value
    return {
        name: tuple(map(str, texts[:_MOST_MESSAGES])) if is_array(texts) else (str(texts),)
        for name, texts in islice(members.items(), _MOST_FIELDS)
    }


def without_input(text: str, request: Request[Any]) -> str:
    """Return a server's text as it may be shown: without the values that the request carried, escaped, and cut.

    What a request carries may be personal or secret, and servers quote it.

    Args:
        text: The server's text.
        request: The request that it answers; its credentials, its query and its body, as JSON or as a form, are masked.
    """
    text = masked(text[:_LARGEST_READ], known_secrets(request))
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
    # The longest first, since one may hold another; what is shorter identifies nobody, and stands in every sentence.
    known = sorted((re.escape(value) for value in values if len(value) >= _SHORTEST_HIDDEN), key=len, reverse=True)
    return printable(re.sub("|".join(known), "...", text) if known else text)


def known_secrets(request: Request[Any]) -> list[Secret[str]]:
    """Return the credentials of a call: those it has sent so far, and those of this request."""
    known = request.options.record.secrets
    sent = known if request.authorization is None else [*known, request.authorization]
    return [secret for each in sent for secret in credentials_in(each)]


def credentials_in(sent: Secret[str]) -> list[Secret[str]]:
    """Return the secrets in what a call sends.

    Args:
        sent: An `Authorization` header, with a token or with a password (RFC 7617); or a presigned URL, which is a
            secret as a whole and in the values of its query.
    """
    scheme, space, value = sent.reveal().partition(" ")
    if not space:
        return [sent, *(Secret(value) for _, value in parse_qsl(sent.reveal().partition("?")[2]))]
    if scheme != "Basic":
        return [Secret(value)]
    password = unquote_plus(base64.b64decode(value).decode(errors="replace").partition(":")[2])
    return [Secret(value), Secret(password)]


def _texts(body: bytes) -> set[str]:
    """Return all values of a JSON document as they may be quoted; numbers are spelled as they came."""
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
    """Whether a word of a response occurs in a request body, other than as one of its keys."""
    return word in body and b'"%b":' % word not in body
