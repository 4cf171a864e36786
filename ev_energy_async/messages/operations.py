"""An operation and its parameters as the document describes them: plain data.

The generated endpoint functions hold one `Operation` each; `calls.requests` builds requests from it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec.structs import asdict

from ev_energy_async._attributes import WithAttributes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["IDEMPOTENT_METHODS", "SAFE_METHODS", "Kind", "Operation", "Param", "UserContext"]

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that only read (RFC 9110, section 9.2.1)."""
IDEMPOTENT_METHODS: Final = SAFE_METHODS | {"PUT", "DELETE"}
"""Methods that have the same effect when they are repeated (RFC 9110, section 9.2.2)."""

T_co = TypeVar("T_co", covariant=True)

Kind: TypeAlias = Literal[
    "string", "integer", "number", "boolean", "date-time", "date", "uuid", "decimal", "array", "id", "log-time"
]
UserContext: TypeAlias = Literal["required", "optional", "none"]


class Param(WithAttributes, msgspec.Struct, frozen=True):
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
        items: The type of the items of an array.
    """

    name: str
    kind: Kind = "string"
    wire: str = ""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str | int, ...] = ()
    prefix: str | None = None
    items: Kind = "string"


class Operation(WithAttributes, msgspec.Struct, Generic[T_co], frozen=True, eq=False, kw_only=True):
    """An operation of the API.

    Attributes:
        name: Its name on the client, e.g. `vehicles.list_status_logs`.
        method: HTTP method.
        path: Path template below the base URL.
        into: Returns the type of the decoded body, for lists that of one item; called at the first response, since
            models load lazily. None where no response has a body.
        path_params: The parameters of the template, in order.
        query: The query parameters.
        headers: The header parameters that are not the client's own.
        body: Returns the type of the request body, None for one that is an empty object; None if there is no body.
        items: The key under which the items of a page stand, where a page is an object.
        scopes: OAuth scopes that the token needs.
        public: Whether it works without a token.
        user: What the `EvEnergy-User` header does here.
        location: Whether the result is the address that a redirect names; it is not followed.
        is_list: Whether the response is a page of items.
        responses: The statuses that the operation declares as responses of its own, beyond those that any may give.
        idempotent: Whether a second call has the same effect as the first although its method promises nothing.
        by_status: Returns the types of responses whose status has another type than `into`, by status; None for one
            without a body.
        media: Media type of the request body.
        accept: Media types of the responses, where they are not JSON alone.
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
    responses: tuple[int, ...] = ()
    idempotent: bool = False
    by_status: Callable[[], Mapping[int, Any]] | None = None
    media: str = "application/json"
    accept: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors carry their operation from process to process. Its types hang on functions that do not pickle; a record
        # of what was called does without them.
        kept = {name: value for name, value in asdict(self).items() if name not in {"into", "body", "by_status"}}
        return _record, (kept,)

    def __copy__(self) -> Operation[T_co]:
        return self

    def __deepcopy__(self, memo: object) -> Operation[T_co]:
        return self

    def response_type(self) -> Any:
        """Return the type that the body of a response is decoded to; None if no response has one."""
        if self.into is None:
            return None
        into: Any = self.into()
        return list[into] if self.is_list and self.items is None else into

    @lru_cache(maxsize=1024)  # noqa: B019  # there are some hundred operations, and they stay
    def type_for(self, status: int) -> Any:
        """Return the type that the body of a response is decoded to; None if a response of this status has none."""
        others: Mapping[int, Any] = {} if self.by_status is None else self.by_status()
        return others[status] if status in others else self.response_type()


def _record(fields: dict[str, Any]) -> Operation[Any]:
    return Operation(**fields)
