"""What `check_sandbox` takes out of schemathesis' way; schemathesis imports it."""

from __future__ import annotations

from typing import Any, Final, TypeVar, cast

import schemathesis

_METHODS: Final = frozenset({"get", "post", "patch", "put", "delete"})

T = TypeVar("T")


def _hook(function: T) -> T:
    """Hand a hook over, typed: schemathesis types its own decorator in part."""
    cast("Any", schemathesis).hook(function)
    return function


@_hook
def before_load_schema(_context: schemathesis.HookContext, schema: dict[str, Any]) -> None:
    """Let every operation answer 400: the published document leaves it out of some that check a header or a filter."""
    for item in schema["paths"].values():
        for method, operation in item.items():
            if method in _METHODS:
                operation["responses"].setdefault("400", {"$ref": "#/components/responses/BadRequest"})


@_hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Leave out headers that nobody knows: they have to be ignored (RFC 9110, section 5.1), not refused."""
    headers: dict[str, Any] = dict(cast("Any", case).headers or {})
    return not any(name.lower().startswith("x-schemathesis") for name in headers)
