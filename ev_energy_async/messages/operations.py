"""An operation and its parameters as the document describes them: plain data.

The generated endpoint functions hold one `Operation` each; `calls.requests` builds requests from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Kind", "Operation", "Param", "UserContext"]

T_co = TypeVar("T_co", covariant=True)

Kind: TypeAlias = Literal["string", "integer", "number", "boolean", "date-time", "date", "array", "id", "log-time"]
UserContext: TypeAlias = Literal["required", "optional", "none"]


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
