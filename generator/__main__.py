"""The command line of the generator: `python -m generator [--check] [-v] [--spec PATH-OR-URL]`.

`python -m generator diff ...`, `reference ...` and `update ...` have modules of their own, which parse what follows.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from generator.emit import ROOT, compare, done_to, write
from generator.generate import VENDORED, generate, source_name
from generator.problems import GenerationError, Report

_COMMANDS: Final = ("diff", "reference", "update")
_DIFFERENT: Final = 1
_BAD: Final = 2


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the generator on the package below a folder; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in _COMMANDS:
        command: Callable[[list[str]], int] = importlib.import_module(f"generator.{given[0]}").main
        return command(given[1:])
    parser = argparse.ArgumentParser(
        prog="python -m generator",
        description="Generate the SDK from its document.",
        epilog="Other commands: `diff OLD NEW`, `reference FOLDER`, `update`; each has its own --help.",
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
        files, _ = generate(spec, source_name(spec), report)
        changed = compare(files, root) if options.check else write(files, root)
    except GenerationError as error:
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
        print(f"{'out of step' if options.check else done_to(path, root)}: ev_energy_async/{path}")  # noqa: T201  # a command line
    if options.check and changed:
        print("run `make generate`", file=sys.stderr)  # noqa: T201  # a command line
        return _DIFFERENT
    return 0


if __name__ == "__main__":
    sys.exit(main())
