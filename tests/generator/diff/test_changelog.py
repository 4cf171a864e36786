"""Entries in a changelog that people write in as well."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from generator.diff import insert
from generator.diff.changelog import HEAD

BY_HAND = """\
# Changelog

## [Unreleased]

Needs Python 3.12.

### Fixed

- A token is refreshed once
  (two lines of prose).

### Added

- `ev.fleet.watch`, by hand.

## [0.1.0] - 2026-10-01

### Added

- Everything.

[Unreleased]: https://example.org/compare
"""


def test_entries_go_below_unreleased_in_the_usual_order_of_sections() -> None:
    assert insert("", {"Removed": ["- `b`."], "Added": ["- `a`."]}) == (
        f"{HEAD}\n### Added\n\n- `a`.\n\n### Removed\n\n- `b`.\n"
    )


def test_what_people_wrote_is_kept_and_releases_are_left_alone() -> None:
    assert (
        insert(BY_HAND, {"Added": ["- `a`."], "Changed": ["- `c`."]}, note="Document of November.")
        == """\
# Changelog

## [Unreleased]

Needs Python 3.12.

Document of November.

### Added

- `ev.fleet.watch`, by hand.
- `a`.

### Changed

- `c`.

### Fixed

- A token is refreshed once
  (two lines of prose).

## [0.1.0] - 2026-10-01

### Added

- Everything.

[Unreleased]: https://example.org/compare
"""
    )


def test_the_same_entries_again_change_nothing() -> None:
    once = insert(BY_HAND, {"Added": ["- `a`."]}, note="Document of November.")

    assert insert(once, {"Added": ["- `a`."]}, note="Document of November.") == once


def test_an_entry_of_an_earlier_release_may_come_again() -> None:
    assert "### Added\n\n- `ev.fleet.watch`, by hand.\n- Everything.\n" in insert(BY_HAND, {"Added": ["- Everything."]})


def test_a_changelog_without_unreleased_gets_it_above_the_releases() -> None:
    text = "# Changelog\n\n## [0.1.0]\n\n- Everything.\n"

    assert insert(text, {"Added": ["- `a`."]}) == (
        "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- `a`.\n\n## [0.1.0]\n\n- Everything.\n"
    )


def test_a_changelog_without_any_release_gets_it_at_its_end() -> None:
    assert insert("# Changelog\n", {"Added": ["- `a`."]}) == "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- `a`.\n"


def test_without_changes_the_text_stays_as_it_is() -> None:
    assert insert(HEAD, {}) == HEAD


def test_no_line_of_our_own_changelog_stands_twice() -> None:
    text = (Path(__file__).parents[3] / "CHANGELOG.md").read_text("utf-8")
    begun = Counter(line.split(". ")[0].rstrip(".") for line in text.splitlines() if line.startswith("- "))
    assert [line for line, count in begun.items() if count > 1] == []
