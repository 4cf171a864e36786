"""Read a document and check what the generator relies on.

The full validation of the vendored document belongs to `make check`: it costs seconds and tells a maintainer of the
document more than a user of the generator.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import attrs

from generator.document.fetch import fetch
from generator.document.syntax import decode
from generator.document.wellformed import METHODS, check, lookup
from generator.nodes import is_object
from generator.problems import BadDocument

__all__ = ["METHODS", "Document", "load", "lookup", "read"]

_VERSIONS: Final = ("3.0", "3.1")


@attrs.frozen
class Document:
    """A document as it was read.

    Attributes:
        data: The document itself.
        source: How a maintainer names it.
        sha256: Hash of its bytes.
    """

    data: dict[str, Any]
    source: str
    sha256: str

    @property
    def version(self) -> str:
        """The version that the document states of itself."""
        return str(self.data["info"]["version"])


def load(spec: Path | str, source: str | None = None) -> Document:
    """Read a document in YAML or JSON.

    Args:
        spec: Where it is: a path, or an `http(s)` URL.
        source: How the stamp of generated files names it; `spec` by default.

    Raises:
        BadDocument: It cannot be read, or is no OpenAPI 3.0 or 3.1 document.
    """
    return read(fetch(spec), source or (spec if isinstance(spec, str) else spec.as_posix()))


def read(raw: bytes, source: str) -> Document:
    """Return the document that some bytes hold.

    Raises:
        BadDocument: They hold no OpenAPI 3.0 or 3.1 document.
    """
    data = decode(raw, source)
    if not is_object(data):
        raise BadDocument(f"{source}: not an OpenAPI document: no object at its root")
    if "swagger" in data:
        raise BadDocument(f"{source}: Swagger 2 is not supported; convert it to OpenAPI 3 first")
    version = str(data.get("openapi", ""))
    if not version.startswith(_VERSIONS):
        raise BadDocument(f"{source}: not an OpenAPI 3.0 or 3.1 document (openapi: {version[:40] or 'absent'})")
    for key in ("info", "paths"):
        if not is_object(data.get(key)):
            raise BadDocument(f"{source}: not an OpenAPI document: `{key}` is missing or no object")
    try:
        check(data)
    except BadDocument as error:
        raise BadDocument(f"{source}: {error}") from error
    return Document(data, source, hashlib.sha256(raw).hexdigest())
