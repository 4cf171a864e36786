"""The package to be emitted, as plain values: the templates lay it out and decide nothing."""

from __future__ import annotations

import keyword

import attrs

from generator.types import NULL, Type


@attrs.frozen
class Field:
    """A field of a model."""

    name: str
    key: str
    type: Type
    required: bool
    description: str
    unit: str | None
    deprecated: bool
    personal: str | None = None

    @property
    def text(self) -> str:
        """The text of its docstring; empty if nothing is known."""
        is_said = "deprecated" in self.description.lower()
        return f"{self.description} Deprecated.".strip() if self.deprecated and not is_said else self.description

    @property
    def metadata(self) -> dict[str, object]:
        """The metadata of the field: its unit, whether it is deprecated, and what it tells about a person."""
        facts = {
            "wire": self.key if self.key != self.name else "",
            "unit": self.unit,
            "deprecated": self.deprecated,
            "personal": self.personal,
        }
        return {name: value for name, value in facts.items() if value}


@attrs.frozen
class Renamed:
    """An old name that still works, and warns: what it was, what it is now, since which release."""

    was: str
    now: str
    since: str


@attrs.frozen
class Model:
    """An attrs class; `has_fields` if it also has a TypedDict, for bodies given as mappings."""

    name: str
    description: str
    fields: tuple[Field, ...]
    more: Field | None
    tags: tuple[tuple[str, tuple[str, ...]], ...]
    has_fields: bool
    renamed: tuple[Renamed, ...]

    def field(self, key: str) -> Field:
        """Return the field of a key."""
        return next(f for f in self.fields if f.key == key)

    @property
    def has_plain_keys(self) -> bool:
        """Whether all its keys can be written as names in Python."""
        return all(f.key.isidentifier() and not keyword.iskeyword(f.key) for f in self.fields)


@attrs.frozen
class Enum:
    """An open enum of strings or integers."""

    name: str
    description: str
    base: str
    members: tuple[tuple[str, str | int], ...]

    @property
    def guard(self) -> str:
        """Name of the member for unlisted values, for type checkers only."""
        taken = {name for name, _ in self.members}
        return next(name for name in ("UNLISTED", "UNLISTED_", "UNLISTED__") if name not in taken)


@attrs.frozen
class Alias:
    """A name for a type that is no class of its own."""

    name: str
    description: str
    type: Type


@attrs.frozen
class ModelModule:
    """A module of models."""

    name: str
    title: str
    enums: tuple[Enum, ...]
    models: tuple[Model, ...]
    aliases: tuple[Alias, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names it defines."""
        classes = [e.name for e in self.enums] + [m.name for m in self.models] + [a.name for a in self.aliases]
        return tuple(sorted([*classes, *(f"{m.name}Fields" for m in self.models if m.has_fields)]))


@attrs.frozen
class Parameter:
    """A parameter of an endpoint function and its row in the table of the operation."""

    name: str
    wire: str
    where: str
    kind: str
    type: Type
    required: bool
    description: str
    minimum: float | None
    maximum: float | None
    values: tuple[str | int, ...]
    prefix: str | None
    items: str


@attrs.frozen
class Body:
    """The body of an operation; without a type it is an object without any key."""

    type: Type | None
    media: str
    description: str
    fields: tuple[Field, ...]

    @property
    def has_keywords(self) -> bool:
        """Whether its keys can be given as keywords: those of an object."""
        return self.type is not None and self.type.kind in {"model", "map"}

    @property
    def name(self) -> str:
        """The name of its parameter, which is positional: not one that a keyword has."""
        return "body_" if any(field.key == "body" for field in self.fields) else "body"

    @property
    def hint(self) -> str:
        """The annotation of a body that is passed as one object."""
        if self.type is None:
            return "None"
        return "Mapping[str, Any]" if self.type.kind == "map" else self.type.write("m.")

    @property
    def keywords(self) -> str:
        """The annotation of its keywords."""
        return "Any" if self.type is None or self.type.kind == "map" else f"Unpack[m.{self.type.name}Fields]"


@attrs.frozen
class Outcome:
    """The result of a call.

    Attributes:
        into: Type of the response, for a list of arrays that of an item; None if no response has a body.
        item: Type of an item of a list; None for what is no list.
        items: The key of the items, where a page is an object.
        by_status: Types of responses whose status has another type; None for one without a body.
        optional: Whether there may be no body.
        location: Whether the response may be the address that a redirect names.
        accept: Media types of the responses, where they are not JSON alone.
    """

    into: Type | None
    item: Type | None
    items: str | None
    by_status: tuple[tuple[int, Type | None], ...]
    optional: bool
    location: bool
    accept: str

    @property
    def lists(self) -> bool:
        """Whether it is a page of items."""
        return self.item is not None

    @property
    def data(self) -> str:
        """The annotation of the data of a call: for a list, of one item."""
        if self.item is not None:
            return self.item.read("m.")
        kinds = [each for _, each in self.by_status if each is not None]
        first = [Type("scalar", "str")] if self.location else []
        parts = [*first, *([self.into] if self.into else []), *kinds]
        nothing = [NULL] if not parts or self.optional else []
        members = [each for kind in [*parts, *nothing] for each in kind.alternatives]
        # None last, each once, and the address of a redirect first.
        members.sort(key=lambda each: each.kind == "null")
        return Type("union", of=tuple(members)).read("m.")

    @property
    def returns(self) -> str:
        """The annotation of what the function returns."""
        return f"Paginator[{self.data}]" if self.lists else self.data


@attrs.frozen
class Endpoint:
    """An endpoint function."""

    name: str
    function: str
    method: str
    path: str
    summary: str
    description: str
    footer: str
    deprecated: bool
    parameters: tuple[Parameter, ...]
    body: Body | None
    outcome: Outcome
    responses: tuple[int, ...]
    idempotent: bool
    raises: tuple[tuple[str, str], ...]
    scopes: tuple[str, ...]
    public: bool
    user: str

    @property
    def attribute(self) -> str:
        """Its name on the group."""
        return self.name.partition(".")[2]

    def placed(self, where: str) -> tuple[Parameter, ...]:
        """Its parameters in one place."""
        return tuple(p for p in self.parameters if p.where == where)


@attrs.frozen
class RenamedEndpoint:
    """An old name on a group, of a function that may be in the module of another.

    Attributes:
        attribute: The old name.
        home: The module of the function.
        function: The function under its new name.
        gets_item: Whether it gets an item of a collection.
        told: The names to tell.
    """

    attribute: str
    home: str
    function: str
    gets_item: bool
    told: Renamed


@attrs.frozen
class Group:
    """The operations of one collection; `many` is the function that gets an item of it."""

    name: str
    title: str
    description: str
    endpoints: tuple[Endpoint, ...]
    many: str | None
    renamed: tuple[RenamedEndpoint, ...]

    @property
    def many_is_deprecated(self) -> bool:
        """Whether the function that gets an item is deprecated."""
        return any(e.deprecated for e in self.endpoints if e.function == self.many)

    @property
    def elsewhere(self) -> tuple[tuple[str, str], ...]:
        """Module and name of each function that is in the module of another group."""
        return tuple(sorted({(r.home, r.function) for r in self.renamed if r.home != self.name}))


@attrs.frozen
class Package:
    """All that is emitted."""

    modules: tuple[ModelModule, ...]
    groups: tuple[Group, ...]
    renamed_models: tuple[Renamed, ...]
    renamed_functions: tuple[Renamed, ...]
    tables: str
