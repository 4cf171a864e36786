"""One style: a small document, and what is generated from it or the sentence that refuses it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from tests.generator.small import Node, document

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = "dict[str, Any] | list[Any] | str | int | float | bool | None"


@attrs.frozen(kw_only=True)
class Reply:
    """The response of the API."""

    body: Json = None
    status: int = 200
    media: str = "application/json"
    text: str | None = None
    """The body as it is, if it is no JSON."""


@attrs.frozen(kw_only=True)
class Style:
    """A style that is carried over.

    Attributes:
        paths: The operations of the document.
        schemas: Its schemas.
        security: Its security schemes.
        call: What a user writes, as an expression; `ev` is the client, `m` are the models.
        signature: The signature of the generated function.
        sends: Method, target, headers of its own and body of the request that goes out.
        reply: The response.
        returns: What the call returns, as `repr` shows it.
        raises: The error of the call, in place of what it sends and returns.
        drift: What the client reports.
        warns: The warning that a call gives, at the line of the caller.
    """

    paths: Node
    schemas: Node = attrs.field(factory=dict[str, Any])
    security: Node = attrs.field(factory=dict[str, Any])
    call: str
    signature: str | None = None
    sends: str | None = None
    reply: Reply = Reply()
    returns: str | None = None
    raises: str | None = None
    drift: tuple[str, ...] = ()
    warns: str | None = None

    def document(self) -> Node:
        return document(copy.deepcopy(self.paths), copy.deepcopy(self.schemas))


@attrs.frozen(kw_only=True)
class Refused:
    """A style that is refused: with a sentence that names the place and the reason."""

    document: Node
    told: str


def merged(styles: Mapping[str, Style]) -> Node:
    """Return one document of all styles, whose paths and schemas have names of their own."""
    paths: Node = {}
    schemas: Node = {}
    security: Node = {}
    for name, style in styles.items():
        for have, more in ((paths, style.paths), (schemas, style.schemas), (security, style.security)):
            clash = have.keys() & more.keys()
            assert not clash, f"{name}: {clash} is there already"
            have.update(copy.deepcopy(more))
    made = document(paths, schemas)
    made["components"]["securitySchemes"] = security
    return made
