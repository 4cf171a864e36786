"""Exceptions from schemathesis' checks for `check_sandbox`; schemathesis imports this module."""

from __future__ import annotations

from typing import Any, Final, TypeVar, cast

import schemathesis

_METHODS: Final = frozenset({"get", "post", "patch", "put", "delete"})

T = TypeVar("T")


def _hook(function: T) -> T:
    """Register a hook, typed: schemathesis types its decorator only in part."""
    cast("Any", schemathesis).hook(function)
    return function


@_hook
def before_load_schema(_context: schemathesis.HookContext, schema: dict[str, Any]) -> None:
    """Declare 400 for every operation: the published document omits it for some that validate a header or a filter."""
    for item in schema["paths"].values():
        for method, operation in item.items():
            if method in _METHODS:
                operation["responses"].setdefault("400", {"$ref": "#/components/responses/BadRequest"})


@_hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Drop unknown headers, which must be ignored (RFC 9110, section 5.1), not rejected."""
    headers: dict[str, Any] = dict(cast("Any", case).headers or {})
    return not any(name.lower().startswith("x-schemathesis") for name in headers)
