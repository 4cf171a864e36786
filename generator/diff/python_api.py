"""The Python API of generated code, read with griffe and never imported: an inventory of names and what they are.

Names are those that a user writes: `models.Vehicle.description`, `api.list_vehicles(expand)`, `ev.vehicles.list`. What
griffe itself calls a breakage comes beside it, as a second opinion that knows no document.
"""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path
from typing import Final

import attrs
import griffe

PACKAGE: Final = "ev_energy_async"
# Parameters that bind a function to its client; no caller gives them.
_BOUND: Final = ("sender",)

# Aliases into hand-written modules cannot be resolved, as these are not there: nothing to report.
logging.getLogger("griffe").setLevel(logging.ERROR)


@attrs.frozen
class Fact:
    """A name of the API.

    Attributes:
        annotation: Its type, or what a function returns.
        rest: What else there is to it: default, value, kind.
    """

    annotation: str
    rest: str = ""

    def __str__(self) -> str:
        return self.annotation or self.rest


@attrs.frozen
class Api:
    """The API of one generation.

    Attributes:
        tree: What griffe read.
        facts: What each name is.
    """

    tree: griffe.Object | griffe.Alias
    facts: dict[str, Fact]

    def annotation(self, name: str) -> str:
        """Return the type at a name, without what says that it may be left out; empty if there is no such name."""
        fact = self.facts.get(name)
        parts = re.split(r" \| ", fact.annotation) if fact else []
        return " | ".join(part for part in parts if part != "UnsetType").replace("m.", "")


def read_api(files: dict[str, str]) -> Api:
    """Read generated files, given by their path below the package."""
    with tempfile.TemporaryDirectory(prefix="generated-") as scratch:
        root = Path(scratch) / PACKAGE
        root.mkdir()
        (root / "__init__.py").write_text("", encoding="utf-8")
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        tree = griffe.load(
            PACKAGE,
            search_paths=[scratch],
            allow_inspection=False,
            resolve_aliases=True,
            resolve_external=False,
            try_relative_path=False,
        )
    return Api(tree, dict(_facts(tree)))


def breakages(old: Api, new: Api) -> dict[str, str]:
    """Return what griffe finds broken, by the name that a user knows, and in which way."""
    found: dict[str, str] = {}
    for breakage in griffe.find_breaking_changes(old.tree, new.tree):
        name = _public(breakage.obj.path, is_group=isinstance(breakage.obj, griffe.Module))
        value = breakage.old_value if breakage.old_value is not None else breakage.new_value
        inner = f"({value.name})" if isinstance(value, griffe.Parameter) else ""
        # What a positional parameter is called is no caller's business.
        by_place = isinstance(value, griffe.Parameter) and value.kind is griffe.ParameterKind.positional_only
        if name is not None and not by_place:
            found[name + inner] = breakage.kind.value
    return found


def _public(path: str, *, is_group: bool) -> str | None:
    """Return what a user calls an object; None for one that no user sees."""
    parts = path.split(".")[1:]
    match parts:
        case ["models", module, *names] if module.startswith("_") and names:
            return ".".join(("models", *names))
        case ["models", *names]:
            return ".".join(("models", *names)) if names and not names[-1].startswith("_") else None
        case ["api", "groups", "Groups", group]:
            return f"ev.{group}"
        case ["api", "groups" | "_document", *_]:
            return None
        case ["api", name]:
            return f"ev.{name}" if is_group else f"api.{name}"
        case ["api", group, owner, *names] if owner[:1].isupper():
            return ".".join(("ev", group, *names))
        case ["api", _, function, *_] if not function.startswith("_"):
            return f"api.{function}"
        case _:
            return None


def _facts(tree: griffe.Object | griffe.Alias) -> list[tuple[str, Fact]]:
    facts: list[tuple[str, Fact]] = []
    models = tree.members["models"]
    for name, member in models.members.items():
        # Modules of models are private; their content is seen through the names that the package exports.
        if not name.startswith("_") and _is_ours(member) and not member.is_module:
            facts += _class(f"models.{name}", member)
    for name, module in tree.members["api"].members.items():
        if name == "_document":
            version = module.members.get("API_VERSION")
            facts += [("API_VERSION", Fact("", _value(version)))] if version else []
        elif name != "groups" and isinstance(module, griffe.Module):
            # A group is there as long as it has an operation; no fact of its own.
            facts += _group(name, module)
    return facts


def _is_ours(member: griffe.Object | griffe.Alias) -> bool:
    target = member.target_path if isinstance(member, griffe.Alias) else member.path
    return target.startswith((f"{PACKAGE}.models.", f"{PACKAGE}.api."))


def _class(name: str, member: griffe.Object | griffe.Alias) -> list[tuple[str, Fact]]:
    target = member.final_target if isinstance(member, griffe.Alias) else member
    if not isinstance(target, griffe.Class):
        # A type that is no class of its own is written as text, so that it may name what comes later.
        return [(name, Fact((_value(target) or _annotation(target)).strip("'\""), target.kind.value))]
    made = [(name, Fact("", f"class({', '.join(str(base) for base in target.bases)})"))]
    for inner, each in target.members.items():
        # What only a type checker sees of an open enum is the same in all.
        if not inner.startswith("_") and inner != "UNLISTED":
            made.append((f"{name}.{inner}", Fact(_annotation(each), _value(each))))
    return made


def _group(group: str, module: griffe.Object | griffe.Alias) -> list[tuple[str, Fact]]:
    made: list[tuple[str, Fact]] = []
    for name, member in module.members.items():
        if isinstance(member, griffe.Function):
            made += _function(member)
        elif isinstance(member, griffe.Class):
            made += [(f"ev.{group}.{n}", Fact("", _value(m))) for n, m in member.members.items() if n[:1] != "_"]
        elif isinstance(member, griffe.Attribute) and name.startswith("_") and not name.startswith("__"):
            # The row that a function makes its request of: path, scopes and checks, which no signature shows.
            made.append((f"api.{name[1:].lower()}:request", Fact("", _value(member))))
    return made


def _function(function: griffe.Function) -> list[tuple[str, Fact]]:
    name = f"api.{function.name}"
    kinds = {each.name: each for each in function.parameters if each.name not in _BOUND}
    # Positional parameters have no name for a caller, so their number and types in order are what counts.
    positional = [str(p.annotation) for p in kinds.values() if p.kind is griffe.ParameterKind.positional_only]
    colour = "async def" if "async" in function.labels else "def"
    made = [(name, Fact(str(function.returns), f"{colour}({', '.join(positional)})"))]
    for each in kinds.values():
        if each.kind is not griffe.ParameterKind.positional_only:
            required = "required" if each.default is None and each.name != "fields" else ""
            made.append((f"{name}({each.name})", Fact(str(each.annotation), required)))
    return made


def _annotation(member: griffe.Object | griffe.Alias) -> str:
    return str(getattr(member, "annotation", None) or "")


def _value(member: griffe.Object | griffe.Alias) -> str:
    return str(getattr(member, "value", None) or "")
