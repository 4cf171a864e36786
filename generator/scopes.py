"""The OAuth scopes of a document, as members of one enum."""

from __future__ import annotations

from generator.nodes import is_object, part
from generator.normal import Normalised
from generator.normal.names import members

__all__ = ["Scope", "scopes_of"]

Scope = tuple[str, str, str | None]
"""Name of the member, the scope, and its description if the document has one."""


def scopes_of(normalised: Normalised) -> list[Scope]:
    """Return the scopes that a document declares, and those that its operations use without declaring them."""
    described: dict[str, str | None] = {
        scope: None for operation in normalised.operations for scope in operation.scopes
    }
    schemes = part(normalised.source.data, "components", "securitySchemes")
    for scheme in schemes.values():
        for flow in part(scheme, "flows").values() if is_object(scheme) else ():
            declared = part(flow, "scopes") if is_object(flow) else {}
            described |= {scope: text if isinstance(text, str) and text else None for scope, text in declared.items()}
    return [(name, str(value), described[str(value)]) for value, name in members(sorted(described), {}).items()]
