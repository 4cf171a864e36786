"""Old names of renamed items work for a minor release, warn at each use, and keep their type."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from generator.emit import PACKAGE, ROOT, write
from generator.problems import BadDocument
from tests.generator.small import Made, document, item, made, ok, operation, ref, thing

if TYPE_CHECKING:
    from collections.abc import Callable

STRING = {"type": "string"}
RENAMES = {
    "Home": "House",
    "Mood": "State",
    "Labels": "Tags",
    "Thing.odometer": "Thing.mileage_metres",
    "things.reconnect": "things.renew",
    "things.list_parts": "parts.list",
    "parts.get": "parts.get_all_of",
    "parts.renew": "things.renew",
    "cars.list": "things.list",
}
USING = """
import asyncio, json, sys, warnings
from types import SimpleNamespace

warnings.simplefilter("always")
told = []
warnings.showwarning = lambda message, category, filename, *_: told.append((str(message), category.__name__, filename))

def uses(use):
    told.clear()
    value = use()
    assert {each[1:] for each in told} <= {("DeprecationWarning", __file__)}, told
    return value, [each[0] for each in told]

class Sender:
    link_origins = frozenset()
    async def send(self, request):
        return SimpleNamespace(data=request.operation.name)

from ev_energy_async import api, models
from ev_energy_async.api.cars import Cars
from ev_energy_async.api.parts import Parts
from ev_energy_async.api.things import Things

def imported():
    from ev_energy_async.models import Home
    return Home

def function_imported():
    from ev_energy_async.api import reconnect_thing
    return reconnect_thing

things = Things(Sender())
found = {}
for name, use, expected in (
    ("a model", lambda: models.Home, models.House),
    ("a model again", lambda: models.Home, models.House),
    ("an imported model", imported, models.House),
    ("an imported model again", imported, models.House),
    ("an enum", lambda: models.Mood, models.State),
    ("a map", lambda: models.Labels, models.Tags),
    ("a field", lambda: models.Thing(mileage_metres=7).odometer, 7),
    ("a field that is not set", lambda: models.Thing().odometer, models.Thing().mileage_metres),
    ("a function", lambda: api.reconnect_thing, api.renew_thing),
    ("an imported function", function_imported, api.renew_thing),
    ("an operation", lambda: asyncio.run(things.reconnect("x")), "things.renew"),
    ("its whole response", lambda: things.reconnect.with_response.__name__, "with_response"),
    ("an operation of another group", lambda: things.list_parts().__class__.__name__, "Paginator"),
    ("an operation of a group that has one of ours", lambda: asyncio.run(Parts(Sender()).renew("x")), "things.renew"),
    ("many", lambda: asyncio.run(Parts(Sender()).get_many(["x"])), ["parts.get_all_of"]),
    ("a group that is gone", lambda: Cars(Sender()).list().__class__.__name__, "Paginator"),
    ("the new names", lambda: [models.House, models.Thing().mileage_metres, things.renew, api.renew_thing] and 1, 1),
    ("classes", lambda: [Things.reconnect.__name__, dir(models), dir(api)] and 1, 1),
):
    value, found[name] = uses(use)
    assert value == expected, (name, value)
listed = [name for name in ("Home", "Mood", "reconnect_thing") if name in (*models.__all__, *api.__all__)]
print(json.dumps([found, listed]))
"""
TYPED = """\
from collections.abc import Coroutine
from typing import Any, assert_type

from ev_energy_async.api import reconnect_thing
from ev_energy_async.api.cars import Cars
from ev_energy_async.api.things import Things
from ev_energy_async.messages import Sender
from ev_energy_async.models import Home, House, Labels, Mood, Part, State, Thing
from ev_energy_async.calls import Paginator
from ev_energy_async.values import UnsetType


async def use(home: Home, mood: Mood, labels: Labels, thing: Thing, things: Things, cars: Cars, sender: Sender) -> None:
    assert_type(home, House)
    assert_type(Home(rooms=3), House)
    assert_type(mood, State)
    assert_type(labels, dict[str, str])
    assert_type(thing.odometer, int | UnsetType | None)
    assert_type(await things.reconnect("x"), Thing)
    assert_type(things.list_parts(), Paginator[Part])
    assert_type(cars.list(), Paginator[Thing])
    assert_type(await reconnect_thing(sender, "x"), Thing)
    await things.reconnect()  # wrong
    thing.odometer = 3  # wrong
"""


def renames(entries: dict[str, str], since: str = "0.2") -> str:
    return json.dumps({"renames": [{"was": w, "now": n, "since": since, "why": "Better."} for w, n in entries.items()]})


def given() -> dict[str, Any]:
    schemas = {
        "Thing": thing(
            mileage_metres={"type": ["integer", "null"]}, state=ref("State"), house=ref("House"), tags=ref("Tags")
        ),
        "House": thing(rooms={"type": "integer"}),
        "State": {"enum": ["GOOD"]},
        "Tags": {"type": "object", "additionalProperties": STRING},
        "Part": thing(name=STRING),
    }
    paths = {
        "/things": item(get=operation(ok({"type": "array", "items": ref("Thing")}))),
        "/things/{thing_id}": item(get=operation(ok(ref("Thing")), "thing_id")),
        "/things/{thing_id}/renew": item(post=operation(ok(ref("Thing")), "thing_id")),
        "/parts/{part_id}/all_of": item(get=operation(ok(ref("Part")), "part_id")),
        "/parts": item(get=operation(ok({"type": "array", "items": ref("Part")}))),
    }
    return document(paths, schemas)


def with_renames(entries: dict[str, str], folder: Path, since: str = "0.2") -> Made:
    return made(given(), renames(entries, since), folder)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with what is generated from the small document."""
    folder = tmp_path_factory.mktemp("aliases")
    aside = shutil.ignore_patterns("__pycache__", "sandbox", "*.swap*")
    shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, ignore=aside)
    found = with_renames(RENAMES, folder)
    assert [w for w in found.report.warnings if w.startswith("corrections")] == []
    write(found.files, folder)
    return folder


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "MYPYPATH": str(folder)}
    return subprocess.run([*command], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_an_old_name_works_and_warns_once_at_each_use(scratch: Path) -> None:
    script = scratch / "using.py"
    script.write_text(USING, encoding="utf-8")
    done = run(scratch, sys.executable, script)
    assert done.returncode == 0, done.stderr
    found, listed = json.loads(done.stdout)

    def told(was: str, now: str) -> list[str]:
        return [f"{was} is called {now} since 0.2; the old name goes with the next minor release"]

    assert found == {
        "a model": told("Home", "House"),
        "a model again": told("Home", "House"),
        "an imported model": told("Home", "House"),
        "an imported model again": told("Home", "House"),
        "an enum": told("Mood", "State"),
        "a map": told("Labels", "Tags"),
        "a field": told("Thing.odometer", "Thing.mileage_metres"),
        "a field that is not set": told("Thing.odometer", "Thing.mileage_metres"),
        "a function": told("reconnect_thing", "renew_thing"),
        "an imported function": told("reconnect_thing", "renew_thing"),
        "an operation": told("ev.things.reconnect", "ev.things.renew"),
        "its whole response": told("ev.things.reconnect", "ev.things.renew"),
        "an operation of another group": told("ev.things.list_parts", "ev.parts.list"),
        "an operation of a group that has one of ours": told("ev.parts.renew", "ev.things.renew"),
        "many": [],
        "a group that is gone": told("ev.cars.list", "ev.things.list"),
        "the new names": [],
        "classes": [],
    }
    assert listed == [], "old names are not offered"


def test_an_old_name_has_the_type_of_the_new_one_and_generated_code_is_as_strict_as_without(
    scratch: Path, mypy: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    typed = scratch / "typed.py"
    typed.write_text(TYPED, encoding="utf-8")
    wrong = {i for i, line in enumerate(TYPED.splitlines(), 1) if line.endswith("# wrong")}
    folders = [scratch / PACKAGE / name for name in ("models", "api")]
    done = mypy(scratch, "--no-error-summary", "--hide-error-context", typed, *folders)
    found = [line.split(":")[:2] for line in done.stdout.splitlines()]
    assert {name for name, _ in found} == {typed.name}, done.stdout + done.stderr
    assert {int(line) for _, line in found} == wrong, done.stdout + done.stderr
    done = run(scratch, Path(sys.executable).with_name("pyright"), "--pythonpath", sys.executable, *folders)
    assert done.returncode == 0, done.stdout
    done = run(scratch, Path(sys.executable).with_name("ruff"), "check", "--config", ROOT / "pyproject.toml", *folders)
    assert done.returncode == 0, done.stdout


def test_without_renames_nothing_is_there_for_them(tmp_path: Path) -> None:
    found = with_renames({}, tmp_path)
    code = {name: text for name, text in found.files.items() if name.endswith("__init__.py")}
    assert not any("_RENAMED" in text or "warn_renamed" in text for text in code.values())


@pytest.mark.parametrize(
    ("was", "now"),
    [("Home", "Gone"), ("Thing.odometer", "Thing.gone"), ("things.reconnect", "things.gone"), ("Mood.A", "State.GOOD")],
)
def test_an_alias_of_a_missing_name_is_reported_and_not_generated(was: str, now: str, tmp_path: Path) -> None:
    found = with_renames({was: now}, tmp_path)
    assert any(f"renames: {was}: finds nothing" in warning for warning in found.report.warnings)
    assert found.package.renamed_models == found.package.renamed_functions == ()


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("Part", "House", "'Part' is still there"),
        ("Thing.state", "Thing.mileage_metres", "'state' is still there"),
        ("things.get", "things.renew", "'things.get' is still there"),
        ("thing.renew", "things.list", "'renew_thing' is still there"),
        ("Decimal", "House", "needs itself"),
        ("a-b", "House", "no Python identifier"),
        ("Thing.class", "Thing.state", "keyword"),
        ("things.a b", "things.renew", "no Python identifier"),
        ("things.get_many", "things.renew", "a name that every group has"),
        ("vehicle.renew", "things.renew", "a name of the client itself"),
        ("renew", "things.renew", "no Python identifier"),
    ],
)
def test_an_alias_that_cannot_be_is_refused(was: str, now: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match=re.escape(told)):
        with_renames({was: now}, tmp_path)


@pytest.mark.parametrize("since", ["next", "0", '0.2"; import os', "0.2\n"])
def test_an_alias_without_a_release_is_refused(since: str, tmp_path: Path) -> None:
    with pytest.raises(BadDocument, match="`since` is a release"):
        with_renames({"Home": "House"}, tmp_path, since)
