"""Compare two documents, as the command line and `update` ask for it."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import NoReturn

from generator.diff.change import NOT_COMPARED, Change, Report
from generator.diff.left_out import compare_facts
from generator.diff.operations import compare_operations
from generator.diff.reconcile import reconcile
from generator.diff.renames import read_renames, sort_out
from generator.diff.render import as_json, markdown
from generator.diff.schemas import compare_schemas, find_renames
from generator.diff.side import Side, read_side
from generator.emit import PACKAGE, ROOT
from generator.normal import FILE
from generator.problems import GenerationError


def compare(old: Side, new: Side, corrections: Path = FILE, version: str | None = None) -> Report:
    """Return what changes for users from one document to another.

    Args:
        old: The document that the released SDK was generated from.
        new: The one that the next will be.
        corrections: The file whose `renames` say what keeps its old name for a while.
        version: The version of the package as it is; read from its source by default.

    Raises:
        BadDocument: The renames cannot be read.
    """
    entries = read_renames(corrections)
    declared = sort_out(entries, old.normal, new.normal)
    renames, undeclared = find_renames(old, new, declared)
    changes = [
        *compare_operations(old, new, renames),
        *compare_schemas(old, new, renames, undeclared),
        *compare_facts(old, new),
    ]
    told = reconcile(old, new, changes)
    # Aliases that are promised and not there.
    lost = [c for c, now in zip(changes, told, strict=False) if c.kind != now.kind]
    return Report(
        old=old.document.source,
        new=new.document.source,
        changes=tuple(sorted(told, key=lambda change: change.order)),
        only_docstrings=not told and _code(old) != _code(new),
        notes=(
            *(f"{FILE.name} promises that `{c.before}` works on; the generated code does not have it." for c in lost),
            *(
                f"{FILE.name}: `{each.was}` was kept since {each.since} for one minor release; remove the entry."
                for each in entries
                if each.is_due(version or _version())
            ),
            *_suggestions(told),
            *(warning for warning in new.warnings if warning not in old.warnings),
        ),
    )


def _suggestions(changes: list[Change]) -> list[str]:
    """Return a note for each model that lost one field and got another of its type: it may be a rename."""
    gone: dict[str, list[Change]] = {}
    come: dict[str, list[Change]] = {}
    for change in changes:
        found = gone if change.kind == "response-field-removed" else come
        if change.kind in {"response-field-removed", "response-field-added", "required-response-field-added"}:
            found.setdefault(change.python.rpartition(".")[0], []).append(change)
    pairs = [(was[0], come[owner][0]) for owner, was in gone.items() if len(was) == len(come.get(owner, ())) == 1]
    return [
        f"{was.at} is gone, and {now.at} is new and of its type ({now.after}). If it is a rename, say so in "
        f"{FILE.name}: `renames: [{{was: {was.at}, now: {now.at}, since: ..., why: ...}}]`."
        for was, now in pairs
        if _bare(was.before) == _bare(now.after)
    ]


def _bare(annotation: str) -> str:
    return annotation.replace(" | UnsetType", "")


def _version() -> str:
    """Return the version of the package, which is never imported."""
    text = (ROOT / PACKAGE / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'__version__ = "([^"]+)"', text)
    return found[1] if found else "0.0"


def _code(side: Side) -> dict[str, str]:
    """Return what is generated, the file that names the document aside."""
    return {name: text for name, text in side.files.items() if name != "api/_document.py"}


class _Parser(argparse.ArgumentParser):
    """Leaves what is said of wrong arguments, and the exit status, to `main`."""

    def error(self, message: str) -> NoReturn:
        raise argparse.ArgumentError(None, message)


def main(arguments: list[str]) -> int:
    """Compare two documents and print the report; returns the exit status."""
    parser = _Parser(
        prog="python -m generator diff",
        description="Tell what a change of the document means for users of the SDK.",
        epilog="Exit status: 0 no change, 1 changes that break nothing, 2 a breaking change, 3 not compared.",
    )
    parser.add_argument("old", help="the document that the SDK was generated from: path or URL")
    parser.add_argument("new", help="the document that it shall be generated from: path or URL")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    try:
        options = parser.parse_args(arguments)
        report = compare(read_side(options.old), read_side(options.new))
    except (argparse.ArgumentError, GenerationError) as error:
        print(f"generator diff: not compared: {error}", file=sys.stderr)  # noqa: T201  # a command line
        return NOT_COMPARED
    text = json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n" if options.json else markdown(report)
    print(text, end="")  # noqa: T201  # a command line
    return report.status
