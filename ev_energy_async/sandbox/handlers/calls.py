"""One call on its way to its handler, and what a handler is."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ev_energy_async.sandbox.instants import Instant
from ev_energy_async.sandbox.protocol import Operation, Query, Reply, Tree
from ev_energy_async.sandbox.resources import View
from ev_energy_async.sandbox.world import User, World


@attrs.define
class Call:
    """A request that was let in: identified, counted, checked."""

    operation: Operation
    world: World
    now: Instant
    view: View
    """Turns things of the world into JSON as this caller sees them."""
    url: str
    """The URL requested, without the query."""
    path: dict[str, str]
    query: Query
    expand: Tree
    body: dict[str, Any]
    user: User | None
    """The user in whose context the call is made, where the operation takes one."""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The request's headers, by name whatever the case."""
    scopes: frozenset[str] | None = None
    """The scopes of the caller's token; None where they are not checked."""


Handler = Callable[[Call], Reply]
"""Responds to a call, or raises `Problem`."""
