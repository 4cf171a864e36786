"""One side of a comparison: a document, its normal form, and the Python API that is generated from it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from generator.bodies import closure
from generator.diff.pointers import Pointers
from generator.diff.python_api import Api, read_api
from generator.document import Document, fetch
from generator.emit import render
from generator.generate import build
from generator.normal import FILE, Corrections, Normalised
from generator.problems import Report


@attrs.frozen
class Side:
    """One side of a comparison.

    Attributes:
        document: The document as it was read.
        normal: Its normal form.
        files: What is generated from it, by path below the package.
        api: The Python API of that.
        warnings: What the generation warned of.
        pointers: Where things are in the document.
    """

    document: Document
    normal: Normalised
    files: dict[str, str]
    api: Api
    warnings: tuple[str, ...]
    pointers: Pointers

    @property
    def roles(self) -> dict[str, frozenset[str]]:
        """The direction of each schema: in responses, in bodies and parameters, or both; unused ones in responses."""
        responses: list[Any] = [a.schema for o in self.normal.operations for a in o.responses.values()]
        responses += [payload for _, payload in self.normal.webhooks.values()]
        bodies: list[Any] = [o.body for o in self.normal.operations]
        bodies += [p["schema"] for o in self.normal.operations for p in o.parameters]
        sent, received = self.reached(bodies), self.reached(responses)
        return {
            name: frozenset({*(["body"] if name in sent else []), *(["response"] if name in received else [])})
            or frozenset({"response"})
            for name in self.normal.schemas
        }

    @property
    def in_bodies(self) -> set[str]:
        """The schemas that have a TypedDict, since a body may hold them."""
        return self.reached([o.body for o in self.normal.operations])

    def reached(self, roots: Iterable[Any]) -> set[str]:
        """Return the names of all schemas that can be reached from some."""
        return closure(roots, self.normal.schemas)


def read_side(spec: Path | str | bytes, source: str | None = None, corrections: Path = FILE) -> Side:
    """Read a document and generate from it, in memory and in a scratch folder.

    Args:
        spec: The document: its path, its URL, or its bytes.
        source: How generated code names it; `spec` by default.
        corrections: The file of corrections.

    Raises:
        BadDocument: The document cannot be generated from.
        NotCarriedOver: Something of it would be lost.
    """
    named = source or ("document" if isinstance(spec, bytes) else str(spec))
    with tempfile.TemporaryDirectory(prefix="document-") as scratch:
        # Read once, so that a document that changes meanwhile is compared with itself.
        path = Path(scratch) / "document.yaml"
        path.write_bytes(spec if isinstance(spec, bytes) else fetch(spec))
        report = Report()
        package, normal = build(path, named, report, corrections)
    files = render(package, normal)
    classes = {entry["name"]: entry["at"] for entry in Corrections(corrections).entries("classes")}
    pointers = Pointers(normal.source.data, normal, classes)
    return Side(normal.source, normal, files, read_api(files), report.warnings, pointers)
