"""Read a document and check what the generator relies on.

The full validation of the vendored document belongs to `make check`: it costs seconds and tells a maintainer of the
document more than a user of the generator.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import attrs
import yaml

from generator.problems import BadDocument
from generator.shapes import is_array, is_object

METHODS: Final = ("get", "put", "post", "patch", "delete", "head", "options", "trace")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml is there or it is not
    """Reads times as text: examples hold them, and what they mean is the schema's business."""


_resolvers: dict[str, list[tuple[str, Any]]] = yaml.SafeLoader.yaml_implicit_resolvers
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if tag != "tag:yaml.org,2002:timestamp"]
    for first, each in _resolvers.items()
}


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


def load(path: Path, source: str | None = None) -> Document:
    """Read a document in YAML or JSON.

    Args:
        path: Where it is.
        source: How the stamp of generated files names it; its path by default.

    Raises:
        BadDocument: It cannot be read, or is no OpenAPI 3.0 or 3.1 document.
    """
    try:
        raw = path.read_bytes()
        data = json.loads(raw) if path.suffix == ".json" else yaml.load(raw, Loader=_Loader)  # noqa: S506  # a safe loader
    except OSError as error:
        raise BadDocument(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise BadDocument(f"{path}: neither YAML nor JSON: {error}") from error
    if not is_object(data):
        raise BadDocument(f"{path}: not an OpenAPI document: no object at its root")
    if "swagger" in data:
        raise BadDocument(f"{path}: Swagger 2 is not supported; convert it to OpenAPI 3 first")
    version = str(data.get("openapi", ""))
    if not version.startswith(("3.0", "3.1")):
        raise BadDocument(f"{path}: not an OpenAPI 3.0 or 3.1 document (openapi: {version or 'absent'})")
    for key in ("info", "paths"):
        if not is_object(data.get(key)):
            raise BadDocument(f"{path}: not an OpenAPI document: `{key}` is missing or no object")
    _check_references(data)
    return Document(data, source or path.as_posix(), hashlib.sha256(raw).hexdigest())


def lookup(document: dict[str, Any], reference: str) -> Any:
    """Return what a local reference points to.

    Raises:
        BadDocument: It points nowhere, or out of the document.
    """
    if not reference.startswith("#/"):
        raise BadDocument(f"$ref {reference!r}: only references within the document are supported")
    node: Any = document
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if not is_object(node) or key not in node:
            raise BadDocument(f"$ref {reference!r}: points to nothing")
        node = node[key]
    return node


def _check_references(document: dict[str, Any]) -> None:
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        if is_object(node):
            reference = node.get("$ref")
            if isinstance(reference, str):
                lookup(document, reference)
            waiting += node.values()
        elif is_array(node):
            waiting += node
