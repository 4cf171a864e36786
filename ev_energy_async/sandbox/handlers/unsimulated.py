"""Responds to operations that the sandbox does not simulate yet, with examples of their schemas.

The document may gain an operation before the sandbox learns it: its shape can be tried at once, though nothing that is
written is kept.
"""

from http import HTTPStatus
from random import Random
from typing import Any, Final

from ev_energy_async.sandbox.handlers.calls import Call
from ev_energy_async.sandbox.protocol import Page, Reply, Schema, example_of, link_header, load

_PAGING: Final = frozenset({"page", "page_after"})


def answer_from_schema(call: Call) -> Reply:
    """Return the operation's first success with a body made up from its schema, the same each time for one URL."""
    document = load()
    status = min(status for status in call.operation.responses if status < HTTPStatus.BAD_REQUEST)
    schema = call.operation.responses[status]
    chance = Random(f"{call.world.seed} {call.url}")
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        return Reply(status, None, {"Location": f"{call.view.base_url}/"})
    if schema is None:
        return Reply(status, None)
    schema = document.resolve(schema)
    is_list = schema.get("type") == "array"
    made = example_of(document, schema, chance)
    body = made if is_list else made | _known(schema, call)
    is_page = is_list or not _PAGING.isdisjoint(call.operation.placed("query"))
    link = {"Link": link_header(Page[object]([], None, None), call.url, call.query.raw)} if is_page else {}
    return Reply(status, body, link)


def _known(schema: Schema, call: Call) -> dict[str, Any]:
    """Return the members of a resource that the request's path determines."""
    known = {"url": call.url}
    if call.operation.path.endswith("}"):
        known["id"] = list(call.path.values())[-1]
    return {name: value for name, value in known.items() if name in schema.get("properties", {})}
