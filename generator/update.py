"""Adopt a new version of the document: `python -m generator update SPEC`.

    compare -> changelog -> generate -> vendor -> test

Nothing is touched before the new document has been compared and generated from in memory. The vendored document is
exchanged last of what is written: the next run compares with it, so a run that was killed can be repeated and tells the
same changes, which the changelog takes only once. A step that fails has the changelog and the document as they were.

Exit status: 0 done, 1 done and the tests fail, 2 nothing done.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from generator.diff import changelog, compare, insert, markdown, read_side
from generator.document import fetch, is_url, read
from generator.emit import PACKAGE, ROOT, done_to, lock_of, write
from generator.generate import VENDORED
from generator.lock import difference, read_lock
from generator.problems import GenerationError

CHANGELOG: Final = "CHANGELOG.md"
DONE: Final = 0
TESTS_FAIL: Final = 1
NOTHING_DONE: Final = 2


def run_tests(root: Path) -> int:
    """Run the project's tests; returns the exit status."""
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "auto"], cwd=root, check=False).returncode


def update(
    spec: str,
    *,
    root: Path = ROOT,
    vendor: bool = True,
    note: str = "",
    tests: Callable[[Path], int] | None = run_tests,
    say: Callable[[str], None] = print,
) -> int:
    """Carry a new version of the document through the project.

    Args:
        spec: The document: path or URL.
        root: The project's folder.
        vendor: Whether the document is copied into the tree; else only what is generated from it is.
        note: A sentence for the changelog, above the entries.
        tests: What runs the tests in a folder and returns their exit status; None to leave them out.
        say: Receives progress messages.

    Returns:
        The exit status.

    Raises:
        BadDocument: One of the documents cannot be generated from; nothing has been written.
        NotCarriedOver: Something of it would be lost; nothing has been written.
        OSError: Something could not be written; what had been is as it was.
    """
    vendored = root / VENDORED
    raw = fetch(spec)
    read(raw, spec)  # one that is no document is refused by the name that the maintainer gave it
    source = VENDORED.as_posix() if vendor else spec if is_url(spec) else Path(spec).name
    old, new = read_side(vendored, VENDORED.as_posix()), read_side(raw, source)
    report = attrs.evolve(compare(old, new), new=spec)
    say(markdown(report))
    for line in difference(*map(read_lock, lock_of(new.files, root))):
        say(f"tables: {line}")

    log = root / CHANGELOG
    before = log.read_text(encoding="utf-8") if log.exists() else None
    after = insert(before or "", changelog(report), note)
    # Written beside the old one while there is nothing to undo yet: to exchange them then is one step.
    beside = vendored.with_name(f".{vendored.name}.new")
    try:
        if vendor:
            beside.write_bytes(raw)
        if after != before:
            log.write_text(after, encoding="utf-8")
        changed = write(new.files, root)
        if vendor:
            beside.replace(vendored)
    except BaseException:
        _put_back(log, before)
        beside.unlink(missing_ok=True)
        say(f"update: not done; {VENDORED} and {CHANGELOG} are as they were")
        raise
    say(f"{CHANGELOG}: {'entries under Unreleased' if after != before else 'nothing to add'}")
    for path in changed:
        say(f"{done_to(path, root)}: {PACKAGE}/{path}")
    say(
        f"vendored: {VENDORED}"
        if vendor
        else f"not vendored: {VENDORED} is as it was, the generated code is not its own"
    )
    if tests is None:
        say("tests: not run")
        return DONE
    if tests(root):
        say("tests: they fail; document, generated code and changelog are the new ones")
        return TESTS_FAIL
    say("tests: they pass")
    return DONE


def _put_back(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Carry a new version of the document through; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m generator update",
        description="Compare, generate, vendor and test a new version of the document, and write the changelog.",
        epilog="Exit status: 0 done, 1 done and the tests fail, 2 nothing done.",
    )
    parser.add_argument("spec", help="the new document: path or URL")
    parser.add_argument("--no-vendor", action="store_true", help=f"generate from it without copying it to {VENDORED}")
    parser.add_argument("--no-tests", action="store_true", help="leave the tests out")
    parser.add_argument("--version-note", default="", metavar="TEXT", help="a sentence for the changelog")
    options = parser.parse_args(arguments)
    try:
        return update(
            options.spec,
            vendor=not options.no_vendor,
            note=options.version_note,
            tests=None if options.no_tests else run_tests,
        )
    except (GenerationError, OSError, subprocess.CalledProcessError) as error:
        print(f"generator update: nothing done: {error}", file=sys.stderr)  # noqa: T201  # a command line
        return NOTHING_DONE
