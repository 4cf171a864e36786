"""The meaning of each kind of change for users of the SDK: one table, with reasons.

Two questions are asked of each change, since their responses differ:

* wire: does an OLD client, as released, fail with the NEW server?
* source: does OLD code fail with the SDK generated from the NEW document, at run time or in a type checker?

The version that a change calls for follows the source alone (https://semver.org, items 6 to 8): a path that moved
breaks every released client, yet the release that knows the new path changes no line of anybody's code, and must reach
those who pin `~=1.4`; a scope that is needed from now on is needed by each release alike. So `major` is what breaks
source, `minor` what adds or deprecates something, `patch` what fixes or merely informs the client, `none` what no user
can notice.

Below 1.0 item 4 leaves all of that free. What package managers treat as compatible there is the same second number
(`~=0.1.2`), so `minor` is for what breaks source and `patch` for all else.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import attrs

Bump: TypeAlias = Literal["none", "patch", "minor", "major"]
Section: TypeAlias = Literal["Added", "Changed", "Deprecated", "Removed"]

BUMPS: Final[tuple[Bump, ...]] = ("none", "patch", "minor", "major")


@attrs.frozen
class Rule:
    """The meaning of a kind of change.

    Attributes:
        wire: Whether an old client fails with the new server.
        source: Whether old code fails with the regenerated SDK.
        bump: The version it calls for, from 1.0 on.
        section: Where a changelog has it.
        text: The predicate of a sentence about what changed: `{before}` and `{after}` are filled in, `{is}`, `{does}`
            (`takes`/`take`) follow the number of subjects.
        why: Why it breaks or does not.
    """

    wire: bool
    source: bool
    bump: Bump
    section: Section
    text: str
    why: str

    @property
    def breaking(self) -> bool:
        """Whether anything fails."""
        return self.wire or self.source


def _both(section: Section, text: str, why: str) -> Rule:
    return Rule(True, True, "major", section, text, why)


def _wire(section: Section, text: str, why: str) -> Rule:
    return Rule(True, False, "patch", section, text, why)


def _source(section: Section, text: str, why: str) -> Rule:
    return Rule(False, True, "major", section, text, why)


def _fine(bump: Bump, section: Section, text: str, why: str) -> Rule:
    return Rule(False, False, bump, section, text, why)


_IGNORED: Final = "The SDK neither sends nor checks it."
_NOTICE: Final = "It works as before; the docstring says that it will go."

OPERATIONS: Final[dict[str, Rule]] = {
    "operation-added": _fine("minor", "Added", "{is} new (`{after}`)", "Nobody calls it yet."),
    "operation-removed": _both("Removed", "{is} gone (`{before}`)", "The server responds with 404; the name is gone."),
    "operation-renamed": _source(
        "Changed", "{is} now called `{after}`", "Names are not on the wire; the old one is gone from the SDK."
    ),
    "operation-renamed-alias": _fine(
        "minor",
        "Deprecated",
        "{is} now called `{after}`; the old name warns for one minor release",
        "Names are not on the wire, and the old one keeps working, with a DeprecationWarning.",
    ),
    "operation-moved": _wire(
        "Changed", "moved from `{before}` to `{after}`", "Old clients call an address that is gone; the name stays."
    ),
    "operation-deprecated": _fine("minor", "Deprecated", "{is} deprecated by the API", _NOTICE),
    "operation-undeprecated": _fine("patch", "Changed", "{is} no longer deprecated", "The notice is withdrawn."),
    "scope-added": _wire(
        "Changed",
        "{needs} the scope {after}",
        "A token without it is refused with 403, whichever release sends it; no line of code changes.",
    ),
    "scope-removed": _fine("patch", "Changed", "no longer {needs} the scope {before}", "A token that has it works."),
    "token-required": _wire(
        "Changed", "{needs} a token now", "Calls of a client without credentials are refused with 401."
    ),
    "token-not-required": _fine(
        "minor", "Changed", "can be called without a token", "A token that is sent does no harm."
    ),
    "user-required": _wire(
        "Changed",
        "{needs} `as_user` under client credentials",
        "Calls without a user are refused with 400; the signature stays.",
    ),
    "user-not-required": _fine("patch", "Changed", "no longer {needs} `as_user`", "A user may still be named."),
    "user-accepted": _fine("minor", "Changed", "{heeds} `as_user`", "Calls without a user work as before."),
    "user-ignored": _wire(
        "Changed",
        "no longer {heeds} `as_user`",
        "The header is sent and not heeded: a response that was narrowed to a user no longer is.",
    ),
    "response-media-changed": _wire(
        "Changed", "{returns} {after} instead of {before}", "An old client does not ask for it, and may be refused."
    ),
    "paging-added": _both(
        "Changed",
        "{returns} `{after}` instead of `{before}`: the response comes in pages",
        "An old client sees the first page alone; `await` returns one page where it returned everything.",
    ),
    "paging-removed": _source(
        "Changed",
        "{returns} `{after}` instead of `{before}`: the response no longer comes in pages",
        "An old client finds one page and no link to another; there is no paginator to iterate over.",
    ),
    "returns-widened": _both(
        "Changed",
        "may return `{after}` instead of `{before}`",
        "An old client cannot decode the new form; type checkers ask for a check.",
    ),
    "returns-narrowed": _fine(
        "patch", "Changed", "always {returns} `{after}` (was `{before}`)", "Whatever comes now could come before."
    ),
    "returns-changed": _both(
        "Changed", "{returns} `{after}` instead of `{before}`", "Old clients cannot decode it, nor old code use it."
    ),
    "response-added": _fine("minor", "Changed", "{returns} `{after}`", "Code that expected None does not look at it."),
    "response-removed": _both(
        "Changed", "no longer {returns} anything (was `{before}`)", "There is nothing to decode, and no value."
    ),
    "response-may-be-empty": _both(
        "Changed", "may return None", "An old client finds no JSON to decode; type checkers ask for a check."
    ),
    "response-never-empty": _fine("patch", "Changed", "never {returns} None", "A check for None does no harm."),
    "response-may-redirect": _both(
        "Changed", "may return the location of a redirect", "An old client takes a redirect for an error."
    ),
    "response-never-redirects": _fine("patch", "Changed", "never {returns} a location", "A check for it does no harm."),
    "status-added": _fine("patch", "Changed", "may respond with {after}", "Errors of any status come as `ApiError`."),
    "status-removed": _fine("none", "Changed", "no longer {declares} the response {before}", "Nothing to catch."),
    "error-body-changed": _fine(
        "none", "Changed", "{declares} another body for {after}", "Problems are read by hand-written code, leniently."
    ),
    "headers-changed": _fine(
        "none", "Changed", "{declares} the response headers {after} instead of {before}", "Headers are read if there."
    ),
    "operation-id-changed": _fine(
        "none", "Changed", "{has} the operationId `{after}` instead of `{before}`", "Names do not derive from it."
    ),
    "body-added": _fine("minor", "Added", "{takes} a body (`{after}`)", "Nothing in it is required."),
    "required-body-added": _both(
        "Added", "{takes} a body (`{after}`) with required keys", "Calls without it are refused, by SDK and server."
    ),
    "body-media-changed": _wire(
        "Changed", "{takes} {after} instead of {before}", "An old client sends the other, and may be refused."
    ),
    "body-type-changed": _both(
        "Changed", "{takes} another body (`{after}` instead of `{before}`)", "What was sent is refused."
    ),
    "body-removed": _both(
        "Removed", "no longer {takes} a body (was `{before}`)", "What is passed has no parameter and no meaning."
    ),
}  # fmt: skip

PARAMETERS: Final[dict[str, Rule]] = {
    "parameter-added": _fine("minor", "Added", "{is} new (`{after}`)", "It is optional."),
    "required-parameter-added": _both(
        "Added", "{is} new and required (`{after}`)", "Calls without it are refused, by SDK and server."
    ),
    "parameter-removed": _both(
        "Removed", "{is} gone", "The server refuses it or no longer filters by it; the keyword is gone."
    ),
    "parameter-required": _both("Changed", "{is} required now", "Calls without it are refused, by SDK and server."),
    "parameter-optional": _fine("minor", "Changed", "{is} optional now", "Calls with it work as before."),
    "parameter-widened": _fine(
        "minor", "Changed", "{takes} `{after}` instead of `{before}`", "What was sent may still be sent."
    ),
    "parameter-narrowed": _both(
        "Changed", "{takes} only `{after}` instead of `{before}`", "Some of what was sent is refused."
    ),
    "parameter-type-changed": _both(
        "Changed", "{takes} `{after}` instead of `{before}`", "What was sent is refused, by SDK and server."
    ),
    "parameter-value-added": _fine("minor", "Added", "{takes} {after} as well", "What was sent may still be sent."),
    "parameter-value-removed": _both(
        "Removed", "no longer {takes} {before}", "The server refuses it, and its Literal type narrows."
    ),
    "parameter-limit-tightened": _wire(
        "Changed",
        "{has} tighter limits ({after} instead of {before})",
        "The server refuses values that it took; the SDK may say so before anything is sent. The signature stays.",
    ),
    "parameter-limit-loosened": _fine(
        "patch", "Changed", "{has} looser limits ({after} instead of {before})", "What was sent may still be sent."
    ),
    "parameter-format-changed": _fine(
        "none", "Changed", "{is} declared as {after} instead of {before}", "Both are the same in Python and in a URL."
    ),
    "parameter-deprecated": _fine("minor", "Deprecated", "{is} deprecated by the API", _NOTICE),
    "parameter-undeprecated": _fine("patch", "Changed", "{is} no longer deprecated", "The notice is withdrawn."),
    "path-parameter-renamed": _fine(
        "none", "Changed", "{is} called `{after}` in the document", "Parameters in the path are positional-only."
    ),
    "path-parameters-changed": _both(
        "Changed", "{takes} ({after}) instead of ({before})", "They are positional, so calls mean something else."
    ),
}  # fmt: skip

# Schemas, by how they travel: in responses, or in bodies that the client sends.
SCHEMAS: Final[dict[str, Rule]] = {
    "schema-added": _fine("minor", "Added", "{is} new", "Nobody uses it yet."),
    "schema-removed": _source("Removed", "{is} gone", "Names are not on the wire; the class cannot be imported."),
    "schema-renamed": _source(
        "Changed", "{is} now called `{after}`", "Names are not on the wire; the old one cannot be imported."
    ),
    "schema-renamed-alias": _fine(
        "minor",
        "Deprecated",
        "{is} now called `{after}`; the old name warns for one minor release",
        "Names are not on the wire, and the old one can be imported, with a DeprecationWarning.",
    ),
    "schema-kind-changed": _both(
        "Changed", "{is} {after} instead of {before}", "Neither old decoders nor old code know what to do with it."
    ),
    "response-field-added": _fine("minor", "Added", "{is} new (`{after}`)", "Unknown keys are ignored."),
    "required-response-field-added": _source(
        "Added",
        "{is} new and always there (`{after}`)",
        "Unknown keys are ignored; code that builds the model itself, as tests do, has to give it.",
    ),
    "response-field-removed": _source(
        "Removed",
        "{is} gone (was `{before}`)",
        "An old client delivers UNSET, no error, and reports a drift if it was required; the attribute is gone.",
    ),
    "response-field-renamed": _source(
        "Changed",
        "{is} now called `{after}`",
        "An old client delivers UNSET, as for a field that is gone; the old attribute is gone.",
    ),
    "response-field-renamed-alias": _fine(
        "minor",
        "Deprecated",
        "{is} now called `{after}`; the old name warns for one minor release",
        "An old client delivers UNSET; old code reads the new field, with a DeprecationWarning.",
    ),
    "response-field-optional": _source(
        "Changed",
        "may be absent (`{after}` instead of `{before}`)",
        "An old client delivers UNSET and reports a drift; type checkers ask for a check.",
    ),
    "response-field-required": _source(
        "Changed",
        "{is} always there",
        "A check for UNSET does no harm; code that builds the model itself, as tests do, has to give it.",
    ),
    "response-field-nullable": _source(
        "Changed",
        "may be null (`{after}` instead of `{before}`)",
        "An old client delivers None and reports a drift; type checkers ask for a check.",
    ),
    "response-field-not-nullable": _fine("patch", "Changed", "{is} never null", "A check for None does no harm."),
    "response-field-widened": _both(
        "Changed",
        "may be more (`{after}` instead of `{before}`)",
        "An old client cannot decode the new form; type checkers ask for a check.",
    ),
    "response-field-narrowed": _fine(
        "patch", "Changed", "{is} always `{after}` (was `{before}`)", "Each value there is now was possible before."
    ),
    "response-field-type-changed": _both(
        "Changed", "{is} `{after}` instead of `{before}`", "Old clients cannot decode it, nor old code use it."
    ),
    "response-field-opened": _source(
        "Changed",
        "{is} `{after}` instead of `{before}`",
        "An old client keeps any text in its open enum; what an enum has and a string has not is gone.",
    ),
    "response-value-added": _fine(
        "minor", "Added", "{is} new", "Enums are open: an old client delivers a member that carries the value."
    ),
    "response-value-removed": _source(
        "Removed", "{is} gone", "An old client never meets it; code that names the member fails."
    ),
    "response-limit-changed": _fine(
        "none", "Changed", "{has} other limits ({after} instead of {before})", "Limits of responses are not checked."
    ),
    "body-field-added": _fine("minor", "Added", "{is} new (`{after}`)", "It is optional."),
    "required-body-field-added": _both(
        "Added", "{is} new and required (`{after}`)", "Bodies without it are refused, by SDK and server."
    ),
    "body-field-removed": _both(
        "Removed", "{is} gone (was `{before}`)", "The server refuses or ignores it; the keyword is gone."
    ),
    "body-field-renamed": _both(
        "Changed", "{is} now called `{after}`", "The server knows the new key alone; so does the signature."
    ),
    "body-field-optional": _fine("minor", "Changed", "{is} optional now", "Bodies with it work as before."),
    "body-field-required": _both("Changed", "{is} required now", "Bodies without it are refused, by SDK and server."),
    "body-field-nullable": _fine(
        "minor", "Changed", "may be null (`{after}` instead of `{before}`)", "What was sent may still be sent."
    ),
    "body-field-not-nullable": _both(
        "Changed", "may no longer be null (`{after}` instead of `{before}`)", "A null is refused, by SDK and server."
    ),
    "body-field-widened": _fine(
        "minor", "Changed", "{takes} `{after}` instead of `{before}`", "What was sent may still be sent."
    ),
    "body-field-narrowed": _both(
        "Changed", "{takes} only `{after}` instead of `{before}`", "Some of what was sent is refused."
    ),
    "body-field-type-changed": _both(
        "Changed", "{takes} `{after}` instead of `{before}`", "What was sent is refused, by SDK and server."
    ),
    "body-value-added": _fine("minor", "Added", "{is} new", "What was sent may still be sent."),
    "body-value-removed": _both("Removed", "{is} gone", "The server refuses it; member and Literal type are gone."),
    "body-limit-tightened": _wire(
        "Changed",
        "{has} tighter limits ({after} instead of {before})",
        "The server refuses values that it took. The signature stays.",
    ),
    "body-limit-loosened": _fine(
        "none", "Changed", "{has} looser limits ({after} instead of {before})", "What was sent may still be sent."
    ),
    "format-changed": _fine(
        "none", "Changed", "{is} declared as {after} instead of {before}", "Both are the same in JSON and in Python."
    ),
    "field-deprecated": _fine("minor", "Deprecated", "{is} deprecated by the API", _NOTICE),
    "field-undeprecated": _fine("patch", "Changed", "{is} no longer deprecated", "The notice is withdrawn."),
}  # fmt: skip

OTHERS: Final[dict[str, Rule]] = {
    "webhook-added": _fine("minor", "Added", "{is} a new message (`{after}`)", "A receiver ignores types it ignores."),
    "webhook-removed": _wire("Removed", "{is} no longer sent", "Receivers get it no longer; no name is gone."),
    "webhook-payload-changed": _both(
        "Changed", "{has} `{after}` for data instead of `{before}`", "An old receiver cannot decode it."
    ),
    "api-version-changed": _fine(
        "minor",
        "Changed",
        "{is} `{after}` instead of `{before}`",
        "Released clients keep requesting the version they were generated for.",
    ),
    "by-hand": _fine(
        "none",
        "Changed",
        "{is} {after} instead of {before} in the document",
        "The hand-written client states it; a maintainer has to look at it.",
    ),
    "constraint-changed": _fine(
        "none", "Changed", "{has} {after} instead of {before} in the document", _IGNORED
    ),
    "python-added": _fine(
        "minor", "Added", "{is} new in Python (`{after}`)", "No change of the document explains it; nothing is lost."
    ),
    "python-changed": _source(
        "Changed",
        "{is} `{after}` instead of `{before}` in Python",
        "No change of the document explains it, so that old code fits is not known.",
    ),
    "python-removed": _source(
        "Removed", "{is} gone in Python (was `{before}`)", "No change of the document explains it; the name is gone."
    ),
}  # fmt: skip

RULES: Final[dict[str, Rule]] = {**OPERATIONS, **PARAMETERS, **SCHEMAS, **OTHERS}
# The order of changes in the report.
ORDER: Final[dict[str, int]] = {kind: place for place, kind in enumerate(RULES)}

_VERBS: Final = ("take", "need", "heed", "return", "declare")


def sentence(rule: Rule, before: str, after: str, *, many: bool) -> str:
    """Return the predicate of a rule's sentence, for one subject or many."""
    verbs = {f"{verb}s": verb if many else f"{verb}s" for verb in _VERBS}
    text = rule.text.format(
        before=before, after=after, **verbs, **{"is": "are" if many else "is", "has": "have" if many else "has"}
    )
    # Items that the generated code does not contain have no type to report.
    return re.sub(r" \((was )?``\)", "", text)
