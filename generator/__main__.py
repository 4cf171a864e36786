"""The command line of the generator: `python -m generator [--check] [--spec PATH]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from generator.build import Builder
from generator.corrections import Corrections
from generator.emit import ROOT, compare, render, write
from generator.load import load
from generator.normalise import normalise
from generator.parse import parse
from generator.problems import BadDocument, NotCarriedOver

VENDORED: Final = Path("openapi/ev-energy-v2.yaml")
_DIFFERENT: Final = 1
_BAD: Final = 2


def generate(spec: Path, source: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the generated files of a document by path, and what a maintainer may want to know.

    Raises:
        BadDocument: The document cannot be generated from.
        NotCarriedOver: Something of it would be lost.
    """
    document = load(spec, source)
    corrections = Corrections()
    normalised = normalise(document, corrections)
    package = Builder(document, normalised, parse(normalised), corrections).package()
    notes = (*normalised.notes, *(f"correction without effect: {each}" for each in corrections.unused()))
    return render(package, normalised), notes


def main(arguments: list[str] | None = None) -> int:
    """Run the generator; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m generator", description="Generate the SDK from its document.")
    parser.add_argument("--spec", type=Path, default=ROOT / VENDORED, help=f"the document (default: {VENDORED})")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the tree is out of step")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what was noted on the way")
    options = parser.parse_args(arguments)
    spec: Path = options.spec
    try:
        source = spec.resolve().relative_to(ROOT).as_posix() if spec.resolve().is_relative_to(ROOT) else spec.name
        files, notes = generate(spec, source)
        changed = compare(files) if options.check else write(files)
    except (BadDocument, NotCarriedOver) as error:
        print(f"generator: {error}", file=sys.stderr)  # noqa: T201  # a command line
        return _BAD
    if options.verbose:
        for note in notes:
            print(f"note: {note}")  # noqa: T201  # a command line
    for path in changed:
        print(f"{'out of step' if options.check else 'wrote'}: ev_energy_async/{path}")  # noqa: T201  # a command line
    if options.check and changed:
        print("run `make generate`", file=sys.stderr)  # noqa: T201  # a command line
        return _DIFFERENT
    return 0


if __name__ == "__main__":
    sys.exit(main())
