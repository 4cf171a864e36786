"""Public names exist, and nothing is imported before it is used."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ev_energy_async
from ev_energy_async import api, models
from ev_energy_async._lazy import lazy_module

if TYPE_CHECKING:
    from types import ModuleType

PACKAGE = Path(ev_energy_async.__file__)


def names_for_type_checkers(module: Path) -> set[str]:
    """Return the names that a module re-exports under `TYPE_CHECKING`."""
    blocks = [
        node
        for node in ast.parse(module.read_text("utf-8")).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    return {
        alias.name
        for block in blocks
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        # Only `name as name` is a re-export.
        if alias.asname == alias.name
    }


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after running some code."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(  # our own code
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=PACKAGE.parent.parent
    )
    return set(done.stdout.split())


def below(loaded: set[str], *packages: str) -> set[str]:
    """Return the modules that are inside some packages, without the packages themselves."""
    return {name for name in loaded if name.startswith(tuple(f"{package}." for package in packages))}


def names_of(module: ModuleType) -> list[str]:
    """Return the names that a package declares."""
    names: list[str] = vars(module)["__all__"]
    return names


FACES = sorted(path for path in PACKAGE.parent.rglob("__init__.py") if "import face" in path.read_text("utf-8"))


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.parent.name)
def test_a_package_exports_what_type_checkers_see(path: Path) -> None:
    package = importlib.import_module(".".join(path.relative_to(PACKAGE.parent.parent).parent.parts))
    offered = names_of(package)
    assert offered == sorted(names_for_type_checkers(path))
    assert [name for name in offered if getattr(package, name, None) is None] == []
    assert set(offered) <= set(dir(package))
    # A submodule becomes an attribute of its package when it is imported: a name of the same spelling would vanish.
    modules = {each.name for each in pkgutil.iter_modules(package.__path__)}
    assert not modules & set(offered)


@pytest.mark.parametrize("name", names_of(ev_energy_async))
def test_a_public_name_can_be_imported(name: str) -> None:
    assert getattr(ev_energy_async, name) is not None
    assert name in dir(ev_energy_async)


@pytest.mark.parametrize("module", [ev_energy_async, models, api])
def test_an_unknown_name_is_an_attribute_error(module: Any) -> None:
    assert not hasattr(module, "Vehicule")
    with pytest.raises(AttributeError, match="Vehicule"):
        _ = module.Vehicule


@pytest.mark.parametrize("path", sorted(PACKAGE.parent.glob("*.py")), ids=lambda path: path.stem)
def test_the_names_that_a_module_exports_exist(path: Path) -> None:
    module = importlib.import_module("ev_energy_async" if path.stem == "__init__" else f"ev_energy_async.{path.stem}")
    offered: list[str] = getattr(module, "__all__", [])
    assert [name for name in offered if not hasattr(module, name)] == []
    assert len(offered) == len(set(offered))


def test_every_error_that_can_be_raised_can_be_caught_by_name() -> None:
    def subclasses(kind: type[BaseException]) -> set[type[BaseException]]:
        return {kind}.union(*map(subclasses, kind.__subclasses__()))

    ours = {each for each in subclasses(ev_energy_async.EvEnergyError) if each.__module__ == "ev_energy_async.errors"}
    assert {each.__name__ for each in ours} <= set(names_of(ev_energy_async))


def test_importing_the_package_imports_none_of_it() -> None:
    assert below(loaded_by("import ev_energy_async"), "ev_energy_async") == {"ev_energy_async._lazy"}


def test_a_lazy_module_is_imported_once_when_it_is_first_used_and_shows_what_is_patched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seldom_used.py").write_text("class Thing: ...\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    lazy = lazy_module("seldom_used")
    assert "seldom_used" not in sys.modules
    first = lazy.Thing

    module = sys.modules.pop("seldom_used")
    assert lazy.Thing is first

    with monkeypatch.context() as patch:
        patch.setattr(module, "Thing", "another")
        assert lazy.Thing == "another"
    assert lazy.Thing is first


def test_a_client_costs_only_what_it_needs() -> None:
    loaded = loaded_by("from ev_energy_async import EvEnergy; EvEnergy()")
    assert "ev_energy_async.client" in loaded
    assert not {"cattrs", "oauthlib", "ulid", "jsonschema", "click", "rich", "aiohttp.web"} & loaded
    assert not below(loaded, "ev_energy_async.models", "ev_energy_async.sandbox")
    assert below(loaded, "ev_energy_async.api") == {"ev_energy_async.api._document", "ev_energy_async.api.groups"}


def test_a_group_loads_only_itself() -> None:
    loaded = loaded_by("from ev_energy_async import EvEnergy; EvEnergy().vehicles.list()")
    groups = below(loaded, "ev_energy_async.api")
    assert groups == {f"ev_energy_async.api.{name}" for name in ("_document", "groups", "vehicles")}
    assert not below(loaded, "ev_energy_async.models")
