"""Python names of operations, functions and anonymous schemas.

The rule for operations: the group is the first segment of the path. GET is `list` where the response is an array or
declares `Link`, else `get`; POST is `create`, PATCH `update`, DELETE `delete`. Below an item the name of what is there
follows (`list_status_logs`, `get_status_log`); a verb stands alone (`reconnect`), below an item of a sub-collection
with that in the singular (`cancel_dispatch_event`). What the rule names badly is corrected in corrections.yaml.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar, cast

from generator.problems import BadDocument

Key = TypeVar("Key")
Value = TypeVar("Value", str, int)

_VERBS: Final = {"get": "get", "post": "create", "patch": "update", "put": "replace", "delete": "delete"}

# What `EvEnergy` itself has; a group of the same name would hide it.
FACADE: Final = frozenset({
    "add_observer", "as_user", "authenticate", "base_url", "boundary_meter", "budget", "check", "clock", "close",
    "ct_clamp", "evse", "find_onboarding_url", "fleet", "from_env", "has_credentials", "home_battery", "inverter",
    "label", "link_origins", "login", "onboarding_url", "options", "revoke", "send", "stats",
    "upload_rebate_evidence", "user_id", "vehicle", "with_auth", "with_options",
})  # fmt: skip


_LONGEST: Final = 120
# Names that modules of operations, and functions in them, use themselves.
_IN_OPERATIONS: Final = frozenset(
    {"build_request", "deprecated", "deprecated_endpoint", "dt", "endpoint", "m", "many", "renamed"}
)
# Names that modules of models import, and those that hold the classes of groups.
_IN_MODULES: Final = frozenset({
    "Any", "AwareDatetime", "Decimal", "File", "Final", "Group", "LazyGroup", "Literal", "Mapping", "Model",
    "OnBadItem", "OpenIntEnum", "OpenModel", "OpenStrEnum", "Operation", "Paginator", "Param", "Ref", "Sender",
    "Sequence", "TYPE_CHECKING", "TypeAlias", "TypedDict", "UNSET", "UUID", "Unpack", "UnsetType", "annotations",
    "attrs", "deprecated", "dt", "model", "open_keys", "tagged", "warn_renamed",
})  # fmt: skip
# What the generator writes beside the modules of groups, and what it could not hide behind a name.
_OTHER_MODULES: Final = frozenset({"groups"})
METHODS_OF_MODELS: Final = frozenset({"from_dict", "from_json", "to_dict", "to_json"})
"""The methods of all models, which no field may hide."""
# What the body of a model's class names: a field of that name would be found in its stead.
_IN_MODELS: Final = METHODS_OF_MODELS | {
    "Any", "AwareDatetime", "Decimal", "File", "Literal", "Mapping", "Sequence", "UNSET", "UUID", "UnsetType", "attrs",
    "attr_dict", "bool", "bytes", "dict", "dt", "float", "int", "list", "open_keys", "self", "str",
}  # fmt: skip
# What functions of operations call their own arguments, and what they call themselves.
_IN_FUNCTIONS: Final = frozenset({"body", "build_request", "fields", "on_bad_item", "request", "sender"})


class Paths:
    """All paths of a document; distinguishes collections from verbs."""

    def __init__(self, operations: Iterable[tuple[str, str]]) -> None:
        self._methods: dict[tuple[str, ...], set[str]] = {}
        for method, path in operations:
            self._methods.setdefault(segments(path), set()).add(method)
        self._collections = {
            key[: i + 1]
            for key in self._methods
            for i in range(len(key) - 1)
            if not _is_item(key[i]) and _is_item(key[i + 1])
        }

    def is_collection(self, prefix: tuple[str, ...]) -> bool:
        """Whether this path has items below it."""
        return prefix in self._collections

    def has_get(self, prefix: tuple[str, ...]) -> bool:
        """Whether the path itself can be read."""
        return "get" in self._methods.get(prefix, ())


def segments(path: str) -> tuple[str, ...]:
    """Split a path; a verb behind a colon is a segment of its own."""
    return tuple(part for part in re.split(r"/|(?=:)", path) if part)


def _is_item(segment: str) -> bool:
    return segment.startswith("{")


def snake(text: str) -> str:
    """Return a segment as part of a Python name."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()


def singular(plural: str) -> str:
    """Return the singular of a collection's name."""
    if plural.endswith("ies"):
        return plural[:-3] + "y"
    return plural[:-1] if plural.endswith("s") and not plural.endswith("ss") else plural


def pascal(text: str) -> str:
    """Return a snake-case name as the name of a class."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", text) if part)


def operation_name(method: str, path: str, paths: Paths, *, lists: bool) -> str:
    """Return what an operation is called on the client, as `group.name`, by the rule."""
    parts = segments(path)
    if not parts:
        return f"root.{_VERBS[method]}"
    group = snake(parts[0])
    verb = "list" if lists else _VERBS.get(method, method)
    if len(parts) == 1 or (len(parts) == 2 and _is_item(parts[1])):  # noqa: PLR2004  # a collection or an item of it
        return f"{group}.{verb}"
    *parents, last = parts
    here = tuple(parts)
    if _is_item(last):
        return f"{group}.{verb}_{singular(snake(parents[-1]))}"
    is_verb = method == "post" and not paths.is_collection(here) and not paths.has_get(here)
    if not is_verb:
        named = snake(last)
        return f"{group}.{verb}_{singular(named) if method == 'post' else named}"
    owner = [p for p in parents[1:] if not _is_item(p)]
    return f"{group}.{snake(last)}" + (f"_{singular(snake(owner[-1]))}" if owner else "")


def function_name(name: str, paths: Paths) -> str:
    """Return the name of the module function: verb first, then the resource, then the rest."""
    group, _, method = name.partition(".")
    if method == "list":
        return f"list_{group}"
    verb, _, rest = method.partition("_")
    # The group's own spelling in paths may have hyphens.
    collection = paths.is_collection((group,)) or paths.is_collection((group.replace("_", "-"),))
    resource = singular(group) if collection or (paths.has_get((group,)) and group.endswith("s")) else group
    return "_".join(filter(None, (verb, resource, rest)))


def is_keyword(name: str) -> bool:
    """Whether Python keeps a name for itself."""
    return keyword.iskeyword(name)


def check_identifier(name: str, what: str) -> str:
    """Return a name that is valid in generated code.

    Raises:
        BadDocument: It is no identifier of plain letters, or a keyword.
    """
    if is_keyword(name):
        raise BadDocument(f"{what}: {name!r} is a keyword of Python")
    if not name.isidentifier() or not name.isascii() or len(name) > _LONGEST:
        raise BadDocument(f"{what}: {name[:_LONGEST]!r} is no Python identifier")
    return name


def check_name(name: str, what: str) -> str:
    """Return a name that a function, a parameter or a group of operations can have.

    Raises:
        BadDocument: It is not an identifier, a keyword, private, or a name that modules of operations use.
    """
    check_identifier(name, what)
    if name.startswith("_") or name in _IN_OPERATIONS:
        raise BadDocument(f"{what}: {name!r} is a name that generated code needs itself; correct it (`names`)")
    return name


def check_group(name: str, what: str) -> str:
    """Return a name that a group of operations can have on the client.

    Raises:
        BadDocument: The client has something else of that name.
    """
    if name in FACADE | _OTHER_MODULES:
        raise BadDocument(f"{what}: its group {name!r} is a name of the client itself; correct it in corrections.yaml")
    return name


def check_class(name: str, what: str) -> str:
    """Return a name that a class can have.

    Raises:
        BadDocument: It is not an identifier, or hides a builtin or a name that generated modules use.
    """
    check_identifier(name, what)
    cure = "correct it in corrections.yaml (`classes`)"
    if hasattr(builtins, name):
        raise BadDocument(f"{what}: {name!r} is a builtin of Python; {cure}")
    if name.startswith("_") or name in _IN_MODULES:
        raise BadDocument(f"{what}: {name!r} is a name that generated code needs itself; {cure}")
    return name


def check_field(name: str, what: str) -> str:
    """Return a name that a field of a model can have: the key itself, since models have the keys of the wire.

    Raises:
        BadDocument: It is not an identifier, or would hide what the annotations of other fields mean.
    """
    check_identifier(name, what)
    if name.startswith("_") or name in _IN_MODELS:
        raise BadDocument(f"{what}: {name!r} cannot be a field: generated code needs the name itself")
    return name


def fields(keys: Iterable[str], corrected: Mapping[str, str]) -> dict[str, str]:
    """Return the name of the field for each key of an object: the key itself, wherever that can be a field.

    Args:
        keys: The keys.
        corrected: Names that corrections give to some of them.
    """
    # A method of all models is hidden by no other name of our choice: the document, or a correction, has to decide.
    return _distinct({key: key for key in keys}, corrected, _IN_MODELS - METHODS_OF_MODELS)


def classes(schemas: Iterable[str], corrected: Mapping[str, str]) -> dict[str, str]:
    """Return the name of the class of each schema: its own, wherever that can be one.

    Args:
        schemas: The names that the document gives.
        corrected: Names that corrections give to some of them.
    """
    # The keys of a model, as a type, have its name with `Fields` behind it.
    reserved = _IN_MODULES | {name for name in dir(builtins) if not name.startswith("_")}
    reserved |= {f"{name}Fields" for name in schemas}
    rule = {name: name if _is_free(name, reserved) else pascal(name) for name in schemas}
    rule = {name: f"Schema{called}" if not called or called[0].isdigit() else called for name, called in rule.items()}
    return _distinct(rule, corrected, reserved, pad="Schema")


def parameters(
    keys: Iterable[tuple[str, str]], corrected: Mapping[tuple[str, str], str], taken: Iterable[str]
) -> dict[tuple[str, str], str]:
    """Return the Python name of each parameter of an operation: lower case, double underscores folded.

    Args:
        keys: Place and name of each.
        corrected: Names that corrections give to some of them.
        taken: Names that the function has for something else.
    """
    rule = {key: re.sub(r"[^A-Za-z0-9]+", "_", key[1]).strip("_").lower() for key in keys}
    return _distinct(rule, corrected, _IN_FUNCTIONS | frozenset(taken))


def members(values: Iterable[Value], corrected: Mapping[Value, str]) -> dict[Value, str]:
    """Return the name of the member of an enum for each value: the value in UPPER_SNAKE."""
    return _distinct({value: member_name(value) for value in values}, corrected, frozenset())


def _distinct(
    rule: Mapping[Key, str], corrected: Mapping[Key, str], reserved: frozenset[str], *, pad: str = "_"
) -> dict[Key, str]:
    """Return a name for each key: that of the rule if it can be one, padded until it clashes with no other."""
    made = {key: check_identifier(corrected[key], str(key)) for key in rule if key in corrected}

    def order(key: Key) -> tuple[bool, bool, str]:
        text = str(key)
        # Names that need no change are kept, whatever else would get the same name.
        written: object = cast("tuple[object, ...]", key)[-1] if isinstance(key, tuple) else key
        return not _is_free(rule[key], reserved), rule[key] != written, text

    for key in sorted(rule.keys() - made.keys(), key=order):
        name = rule[key]
        if not _is_free(name, reserved):
            name = re.sub(r"[^A-Za-z0-9_]+", "_", name)[:_LONGEST].strip("_") or "value"
            name = f"value_{name}" if name[0].isdigit() else name
        while not _is_free(name, reserved) or name in made.values():
            # `from_`, as PEP 8 has it.
            name += pad
        made[key] = name
    return made


def _is_free(name: str, reserved: frozenset[str]) -> bool:
    return (
        name.isidentifier()
        and name.isascii()
        and len(name) <= _LONGEST
        and not name.startswith("_")
        and not is_keyword(name)
        and name not in reserved
    )


def member_name(value: object) -> str:
    """Return the name of an enum member: the value in UPPER_SNAKE."""
    text = str(value)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper()
    return f"VALUE_{name}" if not name or name[0].isdigit() else name
