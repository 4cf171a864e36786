"""The API's document as code: requests and responses, their parameters, schemas, pages and problems.

Reads parameters and bodies, checks them against the schemas, cuts pages, and writes problem documents. Every other
package of the sandbox builds on it; it knows nothing of the world and does no I/O.
"""

from ev_energy_async.sandbox.protocol.document import Document, Operation, Schema, load
from ev_energy_async.sandbox.protocol.examples import example, example_of
from ev_energy_async.sandbox.protocol.expand import Tree, tree
from ev_energy_async.sandbox.protocol.messages import JsonObject, Reply, Request
from ev_energy_async.sandbox.protocol.paging import (
    NOWHERE,
    PAGE_SIZE,
    NoSuchPage,
    Ordered,
    Page,
    by_cursor,
    by_number,
    link_header,
)
from ev_energy_async.sandbox.protocol.params import Query, check_path, read_body, read_json, read_query
from ev_energy_async.sandbox.protocol.problems import FieldErrors, Problem, invalid, not_found
from ev_energy_async.sandbox.protocol.routes import Routes
from ev_energy_async.sandbox.protocol.schema import mismatches

__all__ = [
    "Document",
    "FieldErrors",
    "JsonObject",
    "NOWHERE",
    "NoSuchPage",
    "Operation",
    "Ordered",
    "PAGE_SIZE",
    "Page",
    "Problem",
    "Query",
    "Reply",
    "Request",
    "Routes",
    "Schema",
    "Tree",
    "by_cursor",
    "by_number",
    "check_path",
    "example",
    "example_of",
    "invalid",
    "link_header",
    "load",
    "mismatches",
    "not_found",
    "read_body",
    "read_json",
    "read_query",
    "tree",
]
