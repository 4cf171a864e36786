"""The command line of the generator: `python -m generator [--check] [-v] [--spec PATH-OR-URL]`.

`python -m generator diff ...` and `python -m generator update ...` have modules of their own, which parse what follows.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from generator import ir
from generator.build import Builder
from generator.corrections import FILE, Corrections
from generator.emit import ROOT, compare, render, write
from generator.fetch import is_url
from generator.load import load
from generator.normalise import Normalised, normalise
from generator.parse import parse
from generator.problems import BadDocument, NotCarriedOver, Report

VENDORED: Final = Path("openapi/ev-energy-v2.yaml")
_COMMANDS: Final = ("diff", "update")
_DIFFERENT: Final = 1
_BAD: Final = 2


def build(
    spec: Path | str, source: str, report: Report | None = None, corrections: Path = FILE
) -> tuple[ir.Package, Normalised]:
    """Return all that would be emitted for a document, and its normal form.

    Raises:
        BadDocument: The document cannot be generated from.
        NotCarriedOver: Something of it would be lost.
    """
    report = report if report is not None else Report()
    try:
        document = load(spec, source)
        corrected = Corrections(corrections)
        normalised = normalise(document, corrected, report)
        package = Builder(document, normalised, parse(normalised), corrected).package()
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


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the generator on the package below a folder; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in _COMMANDS:
        command: Callable[[list[str]], int] = importlib.import_module(f"generator.{given[0]}").main
        return command(given[1:])
    parser = argparse.ArgumentParser(
        prog="python -m generator",
        description="Generate the SDK from its document.",
        epilog="Other commands: `diff OLD NEW`, `update`; each has its own --help.",
    )
    parser.add_argument("--spec", default=str(ROOT / VENDORED), help=f"the document: path or URL (default: {VENDORED})")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the tree is out of step")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say what was brought into another form, and where"
    )
    options = parser.parse_args(given)
    spec: str = options.spec
    report = Report()
    try:
        files, _ = generate(spec, _source(spec), report)
        changed = compare(files, root) if options.check else write(files, root)
    except (BadDocument, NotCarriedOver) as error:
        print(f"generator: {error}", file=sys.stderr)  # noqa: T201  # a command line
        return _BAD
    except OSError as error:
        print(f"generator: cannot write: {error}", file=sys.stderr)  # noqa: T201  # a command line
        return _BAD
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201  # a command line
    for note in report.notes if options.verbose else ():
        print(f"note: {note}")  # noqa: T201  # a command line
    for path in changed:
        print(f"{'out of step' if options.check else 'wrote'}: ev_energy_async/{path}")  # noqa: T201  # a command line
    if options.check and changed:
        print("run `make generate`", file=sys.stderr)  # noqa: T201  # a command line
        return _DIFFERENT
    return 0


def _source(spec: str) -> str:
    """Return how generated files name a document: no path of one maintainer's machine."""
    if is_url(spec):
        return spec
    path = Path(spec).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


if __name__ == "__main__":
    sys.exit(main())
