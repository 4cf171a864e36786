"""Requests as they were read and replies as they will be written. Values, no I/O."""

from collections.abc import Mapping

import attrs

JsonObject = dict[str, object]
"""A JSON object whose values msgspec can encode."""


@attrs.frozen
class Request:
    """One HTTP request, read to its end."""

    method: str
    path: str
    """The raw path, percent-encoded as it was sent."""
    query: str
    """The raw query, without the question mark."""
    headers: Mapping[str, str]
    """By name, whatever the case."""
    body: bytes
    remote: str
    """The caller's address."""
    port: int = 0
    """The caller's port."""


@attrs.define
class Reply:
    """One HTTP response."""

    status: int
    body: object = None
    """The JSON value of the body; bytes are written as they are, `None` is no body."""
    headers: dict[str, str] = attrs.field(factory=dict[str, str])
    content_type: str = "application/json"
