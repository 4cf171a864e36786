"""From a document to the files of the package: load, correct, normalise, parse, build, render.

Called by the command line, `diff` and `update`. Nothing is written here; `emit` does that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from generator import ir
from generator.build import Builder
from generator.document import is_url, load
from generator.emit import ROOT, render
from generator.normal import FILE, Corrections, Normalised, normalise
from generator.pins import check_pins
from generator.problems import BadDocument, Report

VENDORED: Final = Path("openapi/ev-energy-v2.yaml")


def build(
    spec: Path | str, source: str, report: Report | None = None, corrections: Path = FILE
) -> tuple[ir.Package, Normalised]:
    """Return all that would be emitted for a document, and its normal form.

    Raises:
        BadDocument: The document cannot be generated from.
        NotCarriedOver: Something of it would be lost.
        UnsuitableTool: A pinned tool has another version.
    """
    check_pins()
    # Only now: another version of the parser may fail to import.
    from generator.agreement import check_agreement  # noqa: PLC0415  # see above
    from generator.parse import parse  # noqa: PLC0415  # see above

    report = report if report is not None else Report()
    try:
        document = load(spec, source)
        corrected = Corrections(corrections)
        normalised = normalise(document, corrected, report)
        check_agreement(parse(normalised), normalised)
        package = Builder(document, normalised, corrected).package()
    except RecursionError as error:
        raise BadDocument(f"{spec}: its schemas are nested too deeply to be put together") from error
    corrected.report(report)
    return package, normalised


def generate(spec: Path | str, source: str, report: Report | None = None) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the generated files of a document by path, and what a maintainer may want to know.

    Args:
        spec: The document: a path, or an `http(s)` URL.
        source: How the generated files name it.
        report: Takes what was found on the way, warnings and notes apart.

    Raises:
        BadDocument: The document cannot be generated from.
        NotCarriedOver: Something of it would be lost.
    """
    report = report if report is not None else Report()
    package, normalised = build(spec, source, report)
    return render(package, normalised), (*report.warnings, *report.notes)


def source_name(spec: str) -> str:
    """Return how generated files name a document: no path of one maintainer's machine."""
    if is_url(spec):
        return spec
    path = Path(spec).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
