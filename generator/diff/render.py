"""A report as Markdown, to be read; as JSON, to be processed; and as entries of a changelog."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from generator.diff.change import Change, Report
from generator.diff.rules import RULES, Section, sentence

SECTIONS: Final[tuple[Section, ...]] = ("Added", "Changed", "Deprecated", "Removed")
_WITHOUT_EFFECT: Final = "none"


def entries(changes: Iterable[Change], *, pointers: bool = False) -> list[str]:
    """Return changes as sentences, those that are alike in one, breaking ones first."""
    alike: dict[tuple[str, str, bool], list[Change]] = {}
    for change in sorted(changes, key=lambda c: (not c.rule.breaking, c.order)):
        text = sentence(change.rule, change.before, change.after, many=False)
        key = (change.kind, text, change.shown)
        alike.setdefault(key, []).append(change)
    return [_entry(same, pointers=pointers) for same in alike.values()]


def _entry(same: list[Change], *, pointers: bool) -> str:
    first = same[0]
    subjects = ", ".join(dict.fromkeys(f"`{change.python}`" for change in same))
    text = sentence(first.rule, first.before, first.after, many="`, `" in subjects)
    where = [side for side, breaks in (("wire", first.rule.wire), ("source", first.rule.source)) if breaks]
    mark = f"**Breaking ({', '.join(where)}):** " if where else ""
    unseen = "" if first.shown else " (the generated code does not show it)"
    at = ", ".join(dict.fromkeys(f"`{change.pointer}`" for change in same if change.pointer)) if pointers else ""
    return f"- {mark}{subjects} {text}{unseen}.{f' {at}' if at else ''}"


_BREAKING: Final = (
    "Wire: a released client fails with the new server. Source: code fails with the SDK that is generated anew.",
    "",
)


def changelog(report: Report) -> dict[Section, list[str]]:
    """Return the entries of a changelog by section; changes without effect have none."""
    noticed = [change for change in report.changes if change.rule.bump != _WITHOUT_EFFECT]
    return {section: made for section in SECTIONS if (made := entries(c for c in noticed if c.rule.section == section))}


def markdown(report: Report) -> str:
    """Return a report to be read by a maintainer."""
    lines = [f"# What changes for users: {report.old} to {report.new}", "", *_verdict(report), ""]
    breaking = [c for c in report.changes if c.rule.breaking]
    rest = [c for c in report.changes if not c.rule.breaking and c.rule.bump != _WITHOUT_EFFECT]
    parts: list[tuple[str, list[Change]]] = [("Breaking", breaking)]
    parts += [(section, [c for c in rest if c.rule.section == section]) for section in SECTIONS]
    parts += [("Without effect on users", [c for c in report.changes if c.rule.bump == _WITHOUT_EFFECT])]
    for title, some in parts:
        if some:
            lines += [f"## {title}", "", *(_BREAKING if title == "Breaking" else ()), *entries(some, pointers=True), ""]
    if report.notes:
        lines += ["## To look at", "", *(f"- {note}" for note in report.notes), ""]
    if report.changes:
        lines += _legend(report)
    return "\n".join(lines).rstrip("\n") + "\n"


def _verdict(report: Report) -> list[str]:
    if not report.changes:
        return ["No change: only docstrings differ." if report.only_docstrings else "No change."]
    what = "Breaking" if report.breaking else "Not breaking"
    bump = {"none": "no release"}.get(report.bump, f"a {report.bump} release")
    below = {"none": "none"}.get(report.bump_below_one, f"a {report.bump_below_one} release")
    return [f"{what}. Calls for {bump}; while the version is 0.x, for {below}."]


def _legend(report: Report) -> list[str]:
    kinds = sorted({change.kind for change in report.changes}, key=list(RULES).index)
    lines = [
        "## Why",
        "",
        "The version follows the source (semver.org, items 4 and 6 to 8).",
        "",
        "| Change | Wire | Source | Version | Reason |",
        "|---|---|---|---|---|",
    ]
    for kind in kinds:
        rule = RULES[kind]
        sides = " | ".join("breaks" if breaks else "fine" for breaks in (rule.wire, rule.source))
        lines.append(f"| {kind} | {sides} | {rule.bump} | {rule.why} |")
    return [*lines, ""]


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as a value that JSON can hold."""
    return {
        "old": report.old,
        "new": report.new,
        "status": report.status,
        "breaking": report.breaking,
        "bump": report.bump,
        "bump_below_1_0": report.bump_below_one,
        "only_docstrings": report.only_docstrings,
        "notes": list(report.notes),
        "changes": [
            {
                "kind": change.kind,
                "python": change.python,
                "at": change.at,
                "pointer": change.pointer or None,
                "before": change.before or None,
                "after": change.after or None,
                "breaking": {"wire": change.rule.wire, "source": change.rule.source},
                "bump": change.rule.bump,
                "section": change.rule.section,
                "text": sentence(change.rule, change.before, change.after, many=False),
                "why": change.rule.why,
                "shown": change.shown,
            }
            for change in report.changes
        ],
    }
