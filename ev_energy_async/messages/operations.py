"""What the document says of an operation, and how Python arguments become a `Request`.

The generated endpoint functions hold one `Operation` each and call `request` on it. Everything that can be checked
before sending is checked here: IDs, times, bounds, listed values, the body.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeGuard, TypeVar
from urllib.parse import quote

import attrs

from ev_energy_async import codec
from ev_energy_async.errors import DecodeError, InvalidArgument
from ev_energy_async.ids import id_text
from ev_energy_async.messages.options import check_on_bad_item
from ev_energy_async.messages.request import Request
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ev_energy_async.messages.options import OnBadItem

__all__ = ["Kind", "Operation", "Param", "UserContext", "utc_text"]

T_co = TypeVar("T_co", covariant=True)

Kind: TypeAlias = Literal["string", "integer", "number", "boolean", "date-time", "date", "array", "id", "log-time"]
UserContext: TypeAlias = Literal["required", "optional", "none"]

# The unreserved characters of RFC 3986, section 2.3.
_BARE: Final = re.compile(r"[A-Za-z0-9_.~-]*")
_PYTHON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


@attrs.frozen
class Param:
    """A parameter of an operation.

    Attributes:
        name: Its name in Python.
        kind: Its type in the document; `id` is a path segment that names a resource.
        wire: Its name on the wire where that differs.
        required: Whether the document demands it.
        minimum: Least value of a number.
        maximum: Greatest value of a number.
        values: The values it may take, if the document lists them.
        prefix: The prefix of an ID.
    """

    name: str
    kind: Kind = "string"
    wire: str = ""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    prefix: str | None = None

    def encode(self, value: object) -> list[tuple[str, str]]:
        """Return the pairs that carry a value in the query: none if it is unset, several for an array.

        Raises:
            InvalidArgument: It cannot be sent.
        """
        if value is UNSET:
            if self.required:
                raise InvalidArgument(self.name, value, "a value")
            return []
        wire = self.wire or self.name
        if self.kind != "array":
            return [(wire, self.text(value))]
        if isinstance(value, str | bytes) or not _is_iterable(value):
            raise InvalidArgument(self.name, value, f"a list of {self._listed() if self.values else 'strings'}")
        return [(wire, self._check_listed(item)) for item in value]

    def header(self, value: object) -> list[tuple[str, str]]:
        """Return the pair that carries a value in the headers: none if it is unset.

        Raises:
            InvalidArgument: It cannot be sent in a header (RFC 9110, section 5.5).
        """
        pairs = self.encode(value)
        if not all(text.isascii() and text.isprintable() for _, text in pairs):
            raise InvalidArgument(self.name, value, "visible ASCII characters, as a header takes them")
        return pairs

    def text(self, value: object) -> str:
        """Return one value as it stands on the wire, unencoded.

        Raises:
            InvalidArgument: It is of another type, out of bounds, or not among the listed values.
        """
        if self.kind == "id":
            return id_text(self.name, value, self.prefix)
        if self.kind == "date-time":
            return utc_text(self.name, value)
        if self.kind == "log-time":
            # The text that stands in the URL of a log names it exactly; a datetime has lost digits beyond microseconds.
            return id_text(self.name, value) if isinstance(value, str) else utc_text(self.name, value)
        if self.kind == "date":
            if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
                return value.isoformat()
            raise InvalidArgument(self.name, value, "a date")
        if self.values:
            return self._check_listed(value)
        types = _PYTHON_TYPES[self.kind]
        if not isinstance(value, types) or (isinstance(value, bool) and self.kind != "boolean"):
            raise InvalidArgument(self.name, value, self._expected())
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float) and not self._within(value):
            raise InvalidArgument(self.name, value, self._expected())
        return _unicode(self.name, str(value))

    def _within(self, value: float) -> bool:
        # Written so that NaN is outside.
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum) and abs(value) < float("inf")

    def _check_listed(self, value: object) -> str:
        text = value.value if isinstance(value, Enum) else value
        if not isinstance(text, str) or (self.values and text not in self.values):
            raise InvalidArgument(self.name, value, f"one of {self._listed()}" if self.values else "a string")
        return _unicode(self.name, text)

    def _listed(self) -> str:
        return ", ".join(map(repr, self.values))

    def _expected(self) -> str:
        article = "an" if self.kind == "integer" else "a"
        if self.minimum is not None and self.maximum is not None:
            return f"{article} {self.kind} from {self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"{article} {self.kind} of at least {self.minimum:g}"
        return f"{article} {self.kind}"


def _encoded(text: str) -> str:
    """Return a segment of a path, or a name or value of a query, percent-encoded (RFC 3986, section 2)."""
    # Most have nothing to encode, and to see that is a tenth of the work.
    return text if _BARE.fullmatch(text) else quote(text, safe="")


# There are some hundred names; of values none is kept, since they may be personal.
_encoded_name: Final = lru_cache(maxsize=1024)(_encoded)


def _unicode(argument: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(argument, text, "text without lone surrogates") from error
    return text


def _is_iterable(value: object) -> TypeGuard[Iterable[object]]:
    return isinstance(value, Iterable)


def utc_text(argument: str, value: object) -> str:
    """Return an aware time as RFC 3339 text in UTC, as in `2026-03-14T07:05:00.250000Z`.

    Raises:
        InvalidArgument: It is no `datetime`, or a naive one: which instant it means would be a guess.
    """
    if not isinstance(value, dt.datetime) or value.utcoffset() is None:
        raise InvalidArgument(argument, value, "a datetime with a time zone")
    try:
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    except OverflowError as error:
        raise InvalidArgument(argument, value, "a datetime from year 1 to 9999 in UTC") from error


@attrs.frozen(eq=False, kw_only=True)
class Operation(Generic[T_co]):
    """An operation of the API.

    Attributes:
        name: Its name on the client, e.g. `vehicles.list_status_logs`.
        method: HTTP method.
        path: Path template below the base URL.
        into: Returns the type of the decoded body, for lists that of one item; called at the first answer, since
            models load lazily. None where no answer has a body.
        path_params: The parameters of the template, in its order.
        query: The query parameters.
        headers: The header parameters that are not the client's own.
        body: Returns the type of the request body, None for one that is an empty object; None if there is no body.
        items: The key under which the items of a page stand, where a page is an object.
        scopes: OAuth scopes that the token needs.
        public: Whether it works without a token.
        user: What the `EvEnergy-User` header does here.
        location: Whether the answer is the address that a redirect names, not followed.
        is_list: Whether the answer is a page of items.
        answers: The statuses that the operation declares as answers of its own, beyond those that any may give.
        idempotent: Whether a second call does what the first did, though the method does not say so.
    """

    name: str
    method: str
    path: str
    into: Callable[[], Any] | None = None
    path_params: tuple[Param, ...] = ()
    query: tuple[Param, ...] = ()
    headers: tuple[Param, ...] = ()
    body: Callable[[], Any] | None = None
    items: str | None = None
    scopes: tuple[str, ...] = ()
    public: bool = False
    user: UserContext = "none"
    location: bool = False
    is_list: bool = False
    answers: tuple[int, ...] = ()
    idempotent: bool = False

    def request(
        self,
        path: Sequence[object] = (),
        query: Sequence[object] = (),
        headers: Sequence[object] = (),
        body: object = UNSET,
        fields: Mapping[str, object] | None = None,
        on_bad_item: OnBadItem | None = None,
    ) -> Request[T_co]:
        """Return the request that calls this operation with these arguments, each in the order of its table.

        Args:
            path: Values of the path parameters.
            query: Values of the query parameters.
            headers: Values of the header parameters.
            body: The request body as a model or a mapping.
            fields: The request body as keywords.
            on_bad_item: What to do with an item of a list that cannot be decoded; None leaves it to the client.

        Raises:
            InvalidArgument: An argument cannot be sent; says which, what was given, and what is expected.
        """
        target = self.path
        for param, value in zip(self.path_params, path, strict=True):
            target = target.replace(f"{{{param.wire or param.name}}}", _encoded(param.text(value)))
        pairs: list[str] = []
        for param, value in zip(self.query, query, strict=True):
            if value is not UNSET or param.required:
                pairs += [f"{_encoded_name(name)}={_encoded(text)}" for name, text in param.encode(value)]
        named: dict[str, str] = {}
        for param, value in zip(self.headers, headers, strict=True):
            named.update(param.header(value))
        if on_bad_item is not None:
            check_on_bad_item(on_bad_item)
        if self.body is None:
            return Request(self, target, "&".join(pairs), named, on_bad_item=on_bad_item)
        named["Content-Type"] = "application/json"
        return Request(self, target, "&".join(pairs), named, _encode(self.body(), body, fields or {}))

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors carry their operation from process to process. The types of its answer and body hang on functions that
        # do not pickle; a record of what was called does without them.
        fields = {each.name: getattr(self, each.name) for each in attrs.fields(type(self))}
        return _record, ({name: value for name, value in fields.items() if name not in {"into", "body"}},)

    def __copy__(self) -> Operation[T_co]:
        return self

    def __deepcopy__(self, memo: object) -> Operation[T_co]:
        return self

    def answer_type(self) -> Any:
        """Return the type that the body of an answer is decoded to; None if no answer has one."""
        if self.into is None:
            return None
        into: Any = self.into()
        return list[into] if self.is_list and self.items is None else into


def _record(fields: dict[str, Any]) -> Operation[Any]:
    return Operation(**fields)


def _is_body(value: object, into: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(into, type) and isinstance(value, into))


def _encode(into: Any, body: object, fields: Mapping[str, object]) -> bytes:
    if into is None:
        return b"{}"
    if body is not UNSET and fields:
        raise InvalidArgument("body", body, f"the body or keywords ({', '.join(sorted(fields))}), not both")
    given: Any = fields if body is UNSET else body
    model = getattr(into, "__name__", "object")
    if not _is_body(given, into):
        raise InvalidArgument("body", given, f"a mapping or {model}")
    try:
        encoded = codec.encode(given)
        # Reading it back as the model checks types, times without a zone and missing keys in one go.
        back = codec.encode(codec.decode_strict(encoded, into))
    except DecodeError as error:
        raise InvalidArgument("body", given, f"{model}: {error.reason} at {error.path}") from error
    unknown = codec.lost_keys(encoded, back)
    if unknown:
        raise InvalidArgument("body", given, f"keys of {model}; unknown: {', '.join(unknown)}")
    # What was read back is spelled in one way, however the body was given.
    return back
