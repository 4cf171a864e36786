"""One change, and the report of all of them: what is breaking, which version they call for, which exit status."""

from __future__ import annotations

from typing import Final

import attrs

from generator.diff.rules import BUMPS, ORDER, RULES, Bump, Rule

NO_CHANGE: Final = 0
NOT_BREAKING: Final = 1
BREAKING: Final = 2
NOT_COMPARED: Final = 3


@attrs.frozen
class Change:
    """One change of a document, or of the Python API.

    Attributes:
        kind: Its row in the table of rules.
        python: The name that a user would notice, `ev.vehicles.list(expand=...)`.
        at: Where it is, in any factoring of the document: `GET /vehicles ? expand`, `Vehicle.description`.
        pointer: Where that is in the document at hand, as a JSON pointer; in the old one if it is gone from the new.
        before: What there was; empty if there was nothing.
        after: What there is; empty if there is nothing.
        touches: Names of the Python API that it explains the changes of, and of all below them.
        mentions: Classes: a change of an annotation that names one of them is explained.
        shown: Whether the generated code differs where the change says.
    """

    kind: str
    python: str
    at: str
    pointer: str = ""
    before: str = ""
    after: str = ""
    touches: frozenset[str] = frozenset()
    mentions: frozenset[str] = frozenset()
    shown: bool = True

    @property
    def rule(self) -> Rule:
        """Its row in the table of rules."""
        return RULES[self.kind]

    @property
    def order(self) -> tuple[int, str, str]:
        """Its place in the report: by kind, then by name."""
        return ORDER[self.kind], self.python, self.at


@attrs.frozen
class Report:
    """All changes from one document to another.

    Attributes:
        old: How the old document is named.
        new: How the new one is named.
        changes: The changes, in the order of the report.
        only_docstrings: Whether the generated code differs although nothing changed.
        notes: Further notes for maintainers.
    """

    old: str
    new: str
    changes: tuple[Change, ...]
    only_docstrings: bool = False
    notes: tuple[str, ...] = ()

    @property
    def breaking(self) -> bool:
        """Whether an old client or old code fails."""
        return any(c.rule.breaking for c in self.changes)

    @property
    def bump(self) -> Bump:
        """The version that the changes call for, from 1.0 on."""
        return BUMPS[max((BUMPS.index(c.rule.bump) for c in self.changes), default=0)]

    @property
    def bump_below_one(self) -> Bump:
        """The version that they call for while it is 0.x."""
        below: dict[Bump, Bump] = {"major": "minor", "minor": "patch"}
        return below.get(self.bump, self.bump)

    @property
    def status(self) -> int:
        """The exit status."""
        return BREAKING if self.breaking else NOT_BREAKING if self.changes else NO_CHANGE
