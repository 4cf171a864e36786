"""The hand-written pages of the reference show all that users import."""

from __future__ import annotations

import ast
import re
import textwrap
from pkgutil import resolve_name
from types import ModuleType
from typing import Any, Final

from ev_energy_async.devices import Handles
from ev_energy_async.flows import Flows
from generator.reference.site import shown
from tests.public import PACKAGE, names_of, public_modules

from .pages import GUIDES, ROOT, examples_of

# These serve the other packages, too: users need what the package itself exports of them, or a guide imports.
SHARED: Final = frozenset(
    {"client", "clock", "codec", "devices", "health", "ids", "logs", "messages", "onboarding", "uploads", "values"}
)
# The first two are msgspec's, and the page on values says what they are.
FOREIGN: Final = frozenset({"UNSET", "UnsetType", "__version__"})


def exported_by(value: Any) -> list[str]:
    return names_of(value) if isinstance(value, ModuleType) else []


def imported_by_guides() -> set[str]:
    """The dotted names that examples of the guides import from the package; its models are in the generated pages."""
    found: set[str] = set()
    for example in examples_of(*GUIDES):
        for node in ast.walk(ast.parse(f"async def example():\n{textwrap.indent(example.code, '    ')}")):
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{PACKAGE}."):
                found |= {f"{node.module}.{each.name}" for each in node.names}
    return {each for each in found if not each.startswith(f"{PACKAGE}.models.")}


def test_the_reference_shows_every_public_name() -> None:
    values: dict[str, list[Any]] = {}
    for path in shown():
        value = resolve_name(path)
        for name, each in [(path, value), *((name, getattr(value, name)) for name in exported_by(value))]:
            values.setdefault(name.rpartition(".")[2], []).append(each)
    modules = public_modules()
    assert modules.keys() >= SHARED
    whole = [module for name, module in modules.items() if name not in SHARED]
    public = {f"{module.__name__}.{name}" for module in whole for name in names_of(module)}
    lacking: list[str] = []
    for path in sorted(public | imported_by_guides()):
        name, value = path.rpartition(".")[2], resolve_name(path)
        # A name of one package is shown where another gives the same thing.
        is_shown = any(each is value for each in values.get(name, ()))
        if not (is_shown or name in FOREIGN or isinstance(value, ModuleType)):
            lacking.append(path)
    assert lacking == []
    assert len(public) > 250


def test_the_client_is_shown_with_all_that_is_no_operation() -> None:
    page = (ROOT / "docs/python/client.md").read_text("utf-8")
    listed = re.findall(r"^ {8}- (\w+)$", page, re.MULTILINE)
    methods = [name for kind in (Handles, Flows) for name in vars(kind) if not name.startswith("_")]
    assert sorted(listed) == sorted(methods)
