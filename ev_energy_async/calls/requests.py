"""Builds requests from the arguments of endpoint functions.

Only the generated endpoint functions call this. Whatever can be checked before sending is checked here: IDs, times,
bounds, listed values, the body.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar
from urllib.parse import quote
from uuid import UUID

import attrs
import msgspec
from msgspec.structs import replace

from ev_energy_async import codec
from ev_energy_async._base import InvalidArgument
from ev_energy_async.calls.forms import MULTIPART, URLENCODED, multipart, urlencoded
from ev_energy_async.clock import utc_text
from ev_energy_async.errors import DecodeError
from ev_energy_async.ids import id_text
from ev_energy_async.messages import Request, check_on_bad_item
from ev_energy_async.values import UNSET, File, Model, is_list, is_mapping, plain, set_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.messages import OnBadItem, Operation, Param

__all__ = ["build_request"]

T = TypeVar("T")

# The unreserved characters of RFC 3986, section 2.3.
_BARE: Final = re.compile(r"[A-Za-z0-9_.~-]*")
# The largest page of the API: it costs one request, as the smallest does.
_PAGE_SIZE: Final = 100
_PYTHON_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def build_request(
    operation: Operation[T],
    path: Sequence[object] = (),
    query: Sequence[object] = (),
    headers: Sequence[object] = (),
    body: object = UNSET,
    fields: Mapping[str, object] | None = None,
    on_bad_item: OnBadItem | None = None,
) -> Request[T]:
    """Return the request that calls an operation with these arguments.

    Args:
        operation: The operation to call.
        path: Values of its path parameters, in their order.
        query: Values of its query parameters, in their order.
        headers: Values of its header parameters, in their order.
        body: The request body as a model or a mapping.
        fields: The request body as keywords; None where it has none.
        on_bad_item: What to do with an item of a list that cannot be decoded; None leaves it to the client.

    Raises:
        InvalidArgument: An argument cannot be sent.
    """
    target = operation.path
    for param, value in zip(operation.path_params, path, strict=True):
        target = target.replace(f"{{{param.wire or param.name}}}", _encoded(_text(param, value)))
    pairs: list[str] = []
    for param, given in zip(operation.query, query, strict=True):
        value = given
        if given is UNSET and not param.required:
            if param.name != "page_size":
                continue
            value = _PAGE_SIZE
        pairs += [f"{_encoded_name(name)}={_encoded(text)}" for name, text in _pairs(param, value)]
    named: dict[str, str] = {}
    if operation.headers:  # few have any
        for param, value in zip(operation.headers, headers, strict=True):
            named.update(_header(param, value))
    if operation.accept:
        named["Accept"] = f"{operation.accept}, application/problem+json"
    if on_bad_item is not None:
        check_on_bad_item(on_bad_item)
    if operation.body is None:
        return Request(operation, target, "&".join(pairs), named, on_bad_item=on_bad_item)
    named["Content-Type"], encoded = _encoded_body(operation.media, operation.body(), body, fields)
    return Request(operation, target, "&".join(pairs), named, encoded)


def _pairs(param: Param, value: object) -> list[tuple[str, str]]:
    """Return a parameter's pairs of name and value: none if it is unset, several for an array."""
    if value is UNSET:
        if param.required:
            raise InvalidArgument(param.name, value, "a value")
        return []
    wire = param.wire or param.name
    if param.kind != "array":
        return [(wire, _text(param, value))]
    if isinstance(value, str | bytes) or is_mapping(value) or not _is_iterable(value):
        kinds = {"string": "strings", "boolean": "booleans", "uuid": "UUIDs"}
        items = kinds.get(param.items, f"{param.items}s")
        raise InvalidArgument(param.name, value, f"a list of {_listed(param) if param.values else items}")
    item = replace(param, kind=param.items)
    return [(wire, _text(item, each)) for each in value]


def _header(param: Param, value: object) -> list[tuple[str, str]]:
    """Return a parameter's header as pairs of name and value (RFC 9110, section 5.5): none if it is unset."""
    pairs = _pairs(param, value)
    if not all(text.isascii() and text.isprintable() for _, text in pairs):
        raise InvalidArgument(param.name, value, "visible ASCII characters")
    if param.kind != "array" or not pairs:
        return pairs
    # One header for all items (OpenAPI 3.1, section 4.8.12, style `simple`), which has no escape for its separator.
    if any("," in text for _, text in pairs):
        raise InvalidArgument(param.name, value, "items without commas, which separate them in a header")
    return [(pairs[0][0], ",".join(text for _, text in pairs))]


def _text(param: Param, value: object) -> str:
    """Return one value as the wire has it, unencoded."""
    if param.kind == "id":
        return id_text(param.name, value, param.prefix)
    if param.kind == "date-time":
        return utc_text(param.name, value)
    if param.kind == "log-time":
        # The text in the URL of a log names it exactly; a `datetime` has no digits beyond microseconds.
        return id_text(param.name, value) if isinstance(value, str) else utc_text(param.name, value)
    if param.kind == "date":
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return value.isoformat()
        raise InvalidArgument(param.name, value, "a date")
    if param.kind == "uuid":
        return str(_converted(param, value, lambda given: UUID(str(given)), "a UUID"))
    if param.kind == "decimal":
        number = _converted(param, value, Decimal, "a decimal number")
        if not number.is_finite():
            raise InvalidArgument(param.name, value, "a decimal number")
        return format(number, "f")
    if param.values:
        return _check_listed(param, value)
    found = plain(value)
    if not isinstance(found, _PYTHON_TYPES[param.kind]) or (isinstance(found, bool) and param.kind != "boolean"):
        raise InvalidArgument(param.name, value, _expected(param))
    if isinstance(found, bool):
        return "true" if found else "false"
    if not isinstance(found, int | float):
        return _unicode(param.name, str(found))
    if not _within(param, found):
        raise InvalidArgument(param.name, value, _expected(param))
    return str(found)


def _converted(param: Param, value: object, kind: Callable[[Any], T], expected: str) -> T:
    """Return a value that is of a type, or text or an integer that it is made of."""
    given: Any = value if isinstance(value, UUID | Decimal) else plain(value)
    # Not a float: what it stands for in decimals is not what was written.
    if not isinstance(given, str | int | UUID | Decimal) or isinstance(given, bool):
        raise InvalidArgument(param.name, value, expected)
    try:
        return kind(given)
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise InvalidArgument(param.name, value, expected) from error


def _within(param: Param, value: float) -> bool:
    # Written so that NaN is outside.
    above = param.minimum is None or value >= param.minimum
    return above and (param.maximum is None or value <= param.maximum) and abs(value) < math.inf


def _check_listed(param: Param, value: object) -> str:
    text = plain(value)
    # By type as well: True is 1 to Python.
    if not any(type(text) is type(listed) and text == listed for listed in param.values):
        raise InvalidArgument(param.name, value, f"one of {_listed(param)}")
    return _unicode(param.name, str(text))


def _listed(param: Param) -> str:
    return ", ".join(map(repr, param.values))


def _expected(param: Param) -> str:
    article = "an" if param.kind == "integer" else "a"
    if param.minimum is not None and param.maximum is not None:
        return f"{article} {param.kind} from {param.minimum:g} to {param.maximum:g}"
    if param.minimum is not None:
        return f"{article} {param.kind} of at least {param.minimum:g}"
    return f"{article} {param.kind}"


def _encoded(text: str) -> str:
    """Return a segment of a path, or a name or value of a query, percent-encoded (RFC 3986, section 2)."""
    # Most have nothing to encode, and a match costs a tenth of `quote`.
    return text if _BARE.fullmatch(text) else quote(text, safe="")


# There are some hundred names. Values are not cached, since they may be personal.
_encoded_name: Final = lru_cache(maxsize=1024)(_encoded)


def _unicode(argument: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(argument, text, "text without lone surrogates") from error
    return text


def _is_iterable(value: object) -> TypeGuard[Iterable[object]]:
    return isinstance(value, Iterable)


def _encoded_body(media: str, into: Any, body: object, fields: Mapping[str, object] | None) -> tuple[str, bytes]:
    """Return the content type and the bytes of a body."""
    if into is bytes or media.startswith("text/"):
        if into is bytes:
            if not isinstance(body, bytes):
                raise InvalidArgument("body", body, "bytes")
            return media, body
        if not isinstance(body, str):
            raise InvalidArgument("body", body, "a string")
        return f"{media}; charset=utf-8", _unicode("body", body).encode()
    if media not in {MULTIPART, URLENCODED}:
        return media, _body(into, body, fields)
    given = _keys(fields or {} if body is UNSET else body)
    files = [(name, file) for name, value in given.items() for file in _files(value)]
    # A file is checked as one without content: it is no JSON, and may be large.
    shown = {name: _without_content(value) for name, value in given.items()} if files else body
    checked = _body(into, shown, {} if files else fields)
    values = {name: bytes(raw) for name, raw in _parts(checked).items() if name not in dict(files)}
    null = next((name for name, raw in values.items() if raw == b"null"), None)
    if null is not None:
        raise InvalidArgument("body", None, f"a value for {null}, since a form has no null")
    return multipart(values, files) if media == MULTIPART else (media, urlencoded(values))


_parts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _keys(body: object) -> Mapping[str, object]:
    """Return the set keys of a model or a mapping."""
    if isinstance(body, Model):
        keys = {each.name: each.metadata.get("wire", each.name) for each in attrs.fields(type(body))}
        return {keys[name]: value for name, value in set_fields(body)}
    return body if is_mapping(body) else {}


def _files(value: object) -> list[File]:
    if isinstance(value, bytes):
        return [File(value)]
    if is_list(value):
        return [file for item in value for file in _files(item)]
    return [value] if isinstance(value, File) else []


def _without_content(value: object) -> object:
    if is_list(value):
        return [_without_content(item) for item in value]
    return File(b"") if isinstance(value, File | bytes) else value


def _body(into: Any, body: object, fields: Mapping[str, object] | None) -> bytes:
    if into is None:
        return b"{}"
    if body is not UNSET and fields:
        raise InvalidArgument("body", body, f"the body or keywords ({', '.join(sorted(fields))}), not both")
    given: Any = (fields or {}) if body is UNSET and fields is not None else body
    model = codec.spoken(into)
    if given is UNSET or not _may_be(given, into):
        raise InvalidArgument("body", given, f"a mapping or {model}" if fields is not None else model)
    try:
        encoded = codec.encode(given)
        # Decoding it as the model checks types, times without an offset and missing keys in one go.
        back = codec.encode(codec.decode_strict(encoded, into))
    except DecodeError as error:
        raise InvalidArgument("body", given, f"{model}: {error.reason} at {error.path}") from error
    unknown = codec.lost_keys(encoded, back)
    if unknown:
        raise InvalidArgument("body", given, f"keys of {model}; unknown: {', '.join(unknown)}")
    # The decoded body is spelled in one way, however it was given.
    return back


def _may_be(value: object, into: Any) -> bool:
    """Whether a value may be a body of a type: a model of it, or what JSON has in its place."""
    if isinstance(value, Model):
        return type(value) in codec.members(into)
    return not isinstance(into, type) or isinstance(value, Mapping)
