"""The reference that the generator writes: all of the API is in it, and its examples are calls that the API takes."""

from __future__ import annotations

import ast
import inspect
import re
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import ApiError, BadRequest, ClientCredentials, EvEnergy, models
from ev_energy_async.calls import Group
from ev_energy_async.sandbox import Sandbox
from generator.generate import VENDORED, build
from generator.reference import reference
from generator.reference.calls import examples
from generator.reference.inventory import entries
from tests.openapi import document

from .pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from generator.ir import Package
    from generator.normal import Normalised

ID: Final = re.compile(r"\b([a-z]{4})[A-Z\d]{26}\b")
# What these do is in the way of other examples.
LAST: Final = ("delete", "disconnect", "cancel")
# The document's values are not the sandbox's: a log of another time is not found, a session of another day has ended.
TAKEN: Final = frozenset({404, 409, 422})


@pytest.fixture(scope="module")
def built() -> tuple[Package, Normalised]:
    return build(ROOT / VENDORED, VENDORED.name)


@pytest.fixture(scope="module")
def pages(built: tuple[Package, Normalised]) -> dict[str, str]:
    return reference(*built)


def operations(ev: EvEnergy) -> Iterator[str]:
    for group in dir(ev):
        if not group.startswith("_") and isinstance(getattr(ev, group), Group):
            of: Any = getattr(ev, group)
            names: list[str] = list(of.__class__.__dict__)
            yield from (f"{group}.{name}" for name in names if not name.startswith("_") and name != "get_many")


async def test_each_operation_and_each_model_is_in_the_reference(pages: dict[str, str]) -> None:
    async with EvEnergy() as ev:
        named = list(operations(ev))
    assert len(named) == len(document().operations)
    for name in named:
        group, _, attribute = name.partition(".")
        assert f"{group}.md#{attribute})" in pages["operations.md"], name
        assert f"## `ev.{name}(" in pages[f"{group}.md"], name
        assert f"ev.{name}(" in pages[f"{group}.md"].split(f"`ev.{name}(", 1)[1], f"{name}: no example"
    text = "".join(page for name, page in pages.items() if name.startswith("models/"))
    classes = {name for name in models.__all__ if not name.endswith("Fields")}
    assert {name for name in classes if f"## {name} {{" not in text} == set()


def test_the_inventory_names_what_can_be_imported(pages: dict[str, str], tmp_path: Path) -> None:
    for name, page in pages.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(page, "utf-8")
    names = [line.split()[0] for line in entries(tmp_path)]
    assert len([name for name in names if ".api." in name]) == len(document().operations)
    for name in names:
        assert callable(resolve_name(name)) or name.startswith("ev_energy_async.models.")


def test_prose_of_the_document_starts_no_markup(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        prose = re.sub(r"```.*?```|`[^`\n]*`|<br>", "", page, flags=re.DOTALL)
        assert re.findall(r"<(?![ =\d])", prose) == [], name


async def test_the_sandbox_takes_each_example_of_the_reference(built: tuple[Package, Normalised]) -> None:
    codes, done, refused = examples(*built), 0, dict[str, str]()
    async with Sandbox(vehicles=20, rate_limit=100_000) as sandbox:
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret)
        async with EvEnergy(credentials, base_url=sandbox.base_url) as ev:
            user = next(iter(sandbox.world.users)).id
            known = {"user": user, **await ids_of(ev.as_user(user))}
            for name, code in sorted(codes.items(), key=lambda each: each[0].partition(".")[2].startswith(LAST)):
                # No two users have one address.
                own = code.replace("https://api.ev.energy/v2", sandbox.base_url).replace("@example", f"-{name}@example")
                own = ID.sub(lambda found: known.get(found[1], found[0]), own)
                try:
                    await run(own, ev, ev.as_user(user))
                    done += 1
                except ApiError as error:
                    if error.status not in TAKEN:
                        refused[name] = str(error)
    assert refused == {}
    assert done >= 165


async def ids_of(ev: EvEnergy) -> dict[str, str]:
    """Return an ID of each kind that the sandbox has, by its prefix."""
    found = dict[str, str]()
    for group in (getattr(ev, name.partition(".")[0]) for name in operations(ev) if name.endswith(".list")):
        if all(p.default is not p.empty for p in inspect.signature(group.list).parameters.values()):
            response: Any = await group.list.with_response()
            for each in ID.finditer(response.body.decode()):
                found.setdefault(each[1], each[0])
    return found


async def run(code: str, ev: EvEnergy, driver: EvEnergy) -> None:
    """Run an example on a client; on a user's if the API asks for one."""
    compiled = compile(code, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    try:
        await eval(compiled, {"ev": ev, "print": str})  # noqa: S307  # our own text
    except BadRequest as error:
        if "EvEnergy-User" not in error.problem.field_errors:
            raise
        await eval(compiled, {"ev": driver, "print": str})  # noqa: S307  # our own text
    except ValueError as error:
        if "as_user" not in str(error):
            raise
        await eval(compiled, {"ev": driver, "print": str})  # noqa: S307  # our own text
