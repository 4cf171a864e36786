"""Each row of the table of rules, by a document that has changed that way; where it makes sense, in both directions."""

from __future__ import annotations

import attrs
import pytest

from generator.diff import compare
from generator.diff.rules import RULES
from tests.generator.diff.cases_operations import OPERATIONS
from tests.generator.diff.cases_schemas import SCHEMAS
from tests.generator.diff.documents import base, changed, side, told
from tests.generator.diff.edits import LIST

CASES = {**OPERATIONS, **SCHEMAS}


@pytest.mark.parametrize("name", CASES)
def test_a_change_and_its_reversal_are_reported_as_what_they_are(name: str) -> None:
    case = CASES[name]
    new = side(changed(case.edit))

    there, back = compare(base(), new), compare(new, base())

    assert told(there.changes) >= set(case.there.items())
    assert {c.kind for c in there.changes} == set(case.there)
    assert told(back.changes) >= set(case.back.items())
    assert {c.kind for c in back.changes} == set(case.back)
    assert all(change.shown for change in (*there.changes, *back.changes))


# What no document alone brings about: declared renames, corrections, and names of Python that nothing explains.
ELSEWHERE = {
    "operation-renamed-alias",
    "schema-renamed-alias",
    "response-field-renamed",
    "response-field-renamed-alias",
    "body-field-renamed",
    "user-required",
    "user-not-required",
    "python-added",
    "python-changed",
    "python-removed",
}


def test_every_row_of_the_table_has_a_document_that_needs_it() -> None:
    assert {kind for case in CASES.values() for kind in (*case.there, *case.back)} | ELSEWHERE == set(RULES)


def test_a_user_that_corrections_ask_for_breaks_the_wire_alone() -> None:
    # That a user is needed is said in corrections.yaml, so both documents are the same.
    asked = attrs.evolve(
        base().normal,
        operations=tuple(
            attrs.evolve(o, user="required" if o.key == LIST else o.user) for o in base().normal.operations
        ),
    )
    new = attrs.evolve(base(), normal=asked)

    assert {(c.kind, c.rule.wire, c.rule.source) for c in compare(base(), new).changes} == {
        ("user-required", True, False)
    }
    offered = attrs.evolve(
        asked,
        operations=tuple(attrs.evolve(o, user="optional" if o.key == LIST else o.user) for o in asked.operations),
    )
    assert told(compare(new, attrs.evolve(new, normal=offered)).changes) == {("user-not-required", "ev.vehicles.list")}


@pytest.mark.parametrize("kind", RULES)
def test_a_row_calls_for_a_major_version_exactly_if_it_breaks_source(kind: str) -> None:
    assert (RULES[kind].bump == "major") == RULES[kind].source


@pytest.mark.parametrize("kind", [kind for kind in RULES if kind.startswith("response-")])
def test_of_a_schema_that_travels_both_ways_the_worse_meaning_covers_the_other(kind: str) -> None:
    other = RULES.get(kind.replace("response-", "body-"), RULES[kind])
    one, worse = sorted((RULES[kind], other), key=lambda rule: rule.wire + rule.source)
    assert (one.wire, one.source) <= (worse.wire, worse.source)
    assert worse.wire >= one.wire
    assert worse.source >= one.source


@pytest.mark.parametrize(
    ("kind", "wire", "source"),
    [
        ("response-field-added", False, False),
        ("response-field-required", False, True),
        ("required-response-field-added", False, True),
        ("response-value-added", False, False),
        ("response-field-removed", False, True),
        ("required-parameter-added", True, True),
        ("parameter-value-added", False, False),
        ("parameter-value-removed", True, True),
        ("operation-renamed", False, True),
        ("operation-moved", True, False),
        ("response-field-nullable", False, True),
        ("body-field-required", True, True),
        ("scope-added", True, False),
        ("token-required", True, False),
        ("paging-added", True, True),
        ("schema-renamed", False, True),
        ("schema-renamed-alias", False, False),
    ],
)
def test_wire_and_source_are_judged_apart(kind: str, wire: bool, source: bool) -> None:
    assert (RULES[kind].wire, RULES[kind].source) == (wire, source)
