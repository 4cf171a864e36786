"""A document as it was written: fetched, decoded within bounds, checked, its references resolved.

Called by `normal`, `diff` and the command line. It corrects nothing, and chooses no name.
"""

from generator.document.fetch import fetch, is_url
from generator.document.load import Document, load, read
from generator.document.resolve import FORMS, JSON, RawOperation, Resolver, has_schema
from generator.document.syntax import decode
from generator.document.wellformed import METHODS, SCHEMAS, UNIONS, lookup

__all__ = [
    "FORMS", "JSON", "METHODS", "SCHEMAS", "UNIONS", "Document", "RawOperation", "Resolver", "decode", "fetch",
    "has_schema", "is_url", "load", "lookup", "read",
]  # fmt: skip
