"""`make update` from beginning to end, on a scratch project."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator import update as module
from generator.diff.changelog import HEAD
from generator.document import load
from generator.emit import PACKAGE, ROOT, TABLES, write
from generator.generate import VENDORED
from generator.problems import BadDocument, NotCarriedOver
from generator.update import DONE, NOTHING_DONE, TESTS_FAIL, main, update
from tests.generator.diff.documents import BASE, Json, base, changed, operation, properties, ref, response

if TYPE_CHECKING:
    from collections.abc import Callable

STALE = "models/_vehicles.py"


def passing(_: Path) -> int:
    return 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of a project whose document is the small one."""
    root = tmp_path / "project"
    (root / VENDORED).parent.mkdir(parents=True)
    (root / VENDORED).write_text(json.dumps(BASE), encoding="utf-8")
    (root / "CHANGELOG.md").write_text(HEAD, encoding="utf-8")
    write(base().files, root)
    return root


@pytest.fixture
def new(tmp_path: Path) -> str:
    """Return the path of a new version of the small document."""
    path = tmp_path / "new.json"
    path.write_text(json.dumps(changed(grow)), encoding="utf-8")
    return str(path)


def grow(document: Json) -> None:
    properties(document, "Vehicle")["vin"] = {"type": "string"}
    del document["paths"]["/home"]


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


ENTRIES = """
### Added

- `models.Vehicle.vin` is new (`str`).

### Removed

- **Breaking (wire, source):** `ev.home.get` is gone (`GET /home`).
"""


def test_three_changes_of_our_own_document_are_reported_as_a_careful_person_would(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / VENDORED).parent.mkdir(parents=True)
    shutil.copy(ROOT / VENDORED, root / VENDORED)
    shutil.copy(ROOT / "pyproject.toml", root)
    for part in ("models", "api"):
        shutil.copytree(ROOT / PACKAGE / part, root / PACKAGE / part, ignore=shutil.ignore_patterns("__pycache__"))
    (root / PACKAGE / TABLES).parent.mkdir()
    shutil.copy(ROOT / PACKAGE / TABLES, root / PACKAGE / TABLES)
    document = copy.deepcopy(load(root / VENDORED).data)
    vehicle = document["components"]["schemas"]["Vehicle"]
    next(part for part in (vehicle, *vehicle.get("allOf", ())) if "properties" in part)["properties"]["nickname"] = {
        "type": ["string", "null"],
        "description": "What its driver calls it.",
    }
    document["components"]["schemas"]["VehicleNote"] = {
        "type": "object",
        "required": ["id", "text"],
        "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
    }
    by_id = document["paths"]["/vehicles/{vehicle_id}"]
    document["paths"]["/vehicles/{vehicle_id}/notes"] = {
        "get": {
            "tags": ["Vehicles"],
            "operationId": "get-vehicle-notes",
            "summary": "List the notes on a vehicle",
            "parameters": [{"in": "path", "name": "vehicle_id", "required": True, "schema": {"type": "string"}}],
            "responses": {"200": response({"type": "array", "items": ref("VehicleNote")}, "Link")},
            "security": [{"oauth2": ["vehicle:read"]}],
        }
    }
    del by_id["delete"]
    spec = tmp_path / "new.yaml"
    spec.write_text(json.dumps(document), encoding="utf-8")

    assert update(str(spec), root=root, tests=passing, say=lambda _: None) == DONE

    assert (
        (root / "CHANGELOG.md").read_text(encoding="utf-8")
        == f"""{HEAD}
### Added

- `ev.vehicles.list_notes` is new (`GET /vehicles/{{vehicle_id}}/notes`).
- `models.VehicleNote` is new.
- `models.Vehicle.nickname` is new (`str | None`).

### Removed

- **Breaking (wire, source):** `ev.vehicles.delete` is gone (`DELETE /vehicles/{{vehicle_id}}`).
"""
    )
    assert (root / VENDORED).read_bytes() == spec.read_bytes()
    assert "nickname: str | UnsetType | None = UNSET" in "".join(
        p.read_text(encoding="utf-8") for p in (root / PACKAGE / "models").glob("*.py")
    )
    assert "def list_vehicle_notes(" in (root / PACKAGE / "api/vehicles.py").read_text(encoding="utf-8")


def test_an_update_vendors_generates_tests_and_writes_the_changelog(project: Path, new: str) -> None:
    said: list[str] = []
    tested: list[Path] = []

    def tests(root: Path) -> int:
        tested.append(root)
        # By the time the tests run all is in place.
        assert (root / VENDORED).read_bytes() == Path(new).read_bytes()
        assert "vin: str" in (root / PACKAGE / STALE).read_text(encoding="utf-8")
        assert not (root / PACKAGE / "api/home.py").exists()
        return 0

    assert update(new, root=project, note="Document of November.", tests=tests, say=said.append) == DONE

    assert tested == [project]
    assert (project / "CHANGELOG.md").read_text(encoding="utf-8") == f"{HEAD}\nDocument of November.\n{ENTRIES}"
    assert said[0].startswith(f"# What changes for users: openapi/ev-energy-v2.yaml to {new}\n")
    assert said[-1] == "tests: they pass"
    # The stamp names the document by its place in the project, not on one maintainer's machine.
    stamp = (project / PACKAGE / "api/_document.py").read_text(encoding="utf-8")
    assert 'DOCUMENT: Final = "openapi/ev-energy-v2.yaml"' in stamp


def test_a_second_run_changes_nothing(project: Path, new: str) -> None:
    update(new, root=project, tests=None, say=lambda _: None)
    before = contents(project)

    assert update(new, root=project, tests=None, say=lambda _: None) == DONE

    assert contents(project) == before


def test_without_vendoring_the_document_stays_and_its_changes_are_reported_once(project: Path, new: str) -> None:
    vendored = (project / VENDORED).read_bytes()
    for _ in range(2):
        assert update(new, root=project, vendor=False, tests=None, say=lambda _: None) == DONE

    assert (project / VENDORED).read_bytes() == vendored
    assert "vin: str" in (project / PACKAGE / STALE).read_text(encoding="utf-8")
    assert (project / "CHANGELOG.md").read_text(encoding="utf-8") == HEAD + ENTRIES
    assert "new.json" in (project / PACKAGE / "api/_document.py").read_text(encoding="utf-8")


def test_skipped_tests_are_reported(project: Path, new: str) -> None:
    said: list[str] = []

    assert update(new, root=project, tests=None, say=said.append) == DONE
    assert said[-1] == "tests: not run"


def test_failing_tests_leave_the_new_state_to_be_looked_at(project: Path, new: str) -> None:
    said: list[str] = []

    assert update(new, root=project, tests=lambda _: 1, say=said.append) == TESTS_FAIL

    assert "they fail" in said[-1]
    assert (project / "CHANGELOG.md").read_text(encoding="utf-8") == HEAD + ENTRIES


def refuse(*_: object) -> list[str]:
    raise NotCarriedOver("models/_vehicles.py: what was generated is no Python")


def interrupt(*_: object) -> list[str]:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("failing", "error"), [(refuse, NotCarriedOver), (interrupt, KeyboardInterrupt)])
def test_a_generation_that_fails_leaves_everything_as_it_was(
    failing: Callable[..., list[str]],
    error: type[BaseException],
    project: Path,
    new: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = contents(project)
    said: list[str] = []
    monkeypatch.setattr(module, "write", failing)

    with pytest.raises(error):
        update(new, root=project, tests=None, say=said.append)

    assert contents(project) == before
    assert said[-1] == "update: not done; openapi/ev-energy-v2.yaml and CHANGELOG.md are as they were"


def test_a_run_that_was_killed_before_the_document_was_exchanged_can_be_repeated(project: Path, new: str) -> None:
    old = (project / VENDORED).read_bytes()
    update(new, root=project, tests=None, say=lambda _: None)
    # As kill -9 between the last two steps leaves it: all is new but the vendored document.
    (project / VENDORED).write_bytes(old)

    assert update(new, root=project, tests=None, say=lambda _: None) == DONE

    assert (project / VENDORED).read_bytes() == Path(new).read_bytes()
    assert (project / "CHANGELOG.md").read_text(encoding="utf-8") == HEAD + ENTRIES


def test_a_bad_document_changes_nothing(project: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("swagger: '2.0'\n", encoding="utf-8")
    before = contents(project)

    with pytest.raises(BadDocument, match=r"bad\.yaml: Swagger 2"):
        update(str(bad), root=project, tests=None, say=lambda _: None)

    assert contents(project) == before


def test_a_file_that_is_no_longer_generated_is_reported_as_removed(project: Path, new: str) -> None:
    said: list[str] = []

    update(new, root=project, tests=None, say=said.append)

    assert "removed: ev_energy_async/api/home.py" in said
    assert "wrote: ev_energy_async/api/__init__.py" in said


def test_another_version_of_the_api_is_at_least_a_minor_change(project: Path, tmp_path: Path) -> None:
    document = copy.deepcopy(BASE)
    document["info"]["version"] = "3"
    path = tmp_path / "three.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    said: list[str] = []

    update(str(path), root=project, tests=None, say=said.append)

    assert "minor" in said[0]


def test_entries_written_by_hand_are_kept(project: Path, new: str) -> None:
    (project / "CHANGELOG.md").write_text(f"{HEAD}\n### Fixed\n\n- By hand.\n", encoding="utf-8")

    update(new, root=project, tests=None, say=lambda _: None)

    assert (project / "CHANGELOG.md").read_text(encoding="utf-8") == f"{HEAD}{ENTRIES}\n### Fixed\n\n- By hand.\n"


def test_what_no_user_can_notice_is_not_for_the_changelog(project: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.json"
    path.write_text(
        json.dumps(changed(lambda d: operation(d, "GET /home").update(operationId="read-home"))), encoding="utf-8"
    )

    update(str(path), root=project, tests=None, say=lambda _: None)

    assert (project / "CHANGELOG.md").read_text(encoding="utf-8") == HEAD


def test_the_command_takes_its_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given: dict[str, object] = {}

    def record(spec: str, **options: object) -> int:
        given.update(options, spec=spec)
        if spec == "missing.yaml":
            raise BadDocument("missing.yaml: No such file or directory")
        return DONE

    monkeypatch.setattr(module, "update", record)

    assert main(["new.yaml", "--no-vendor", "--no-tests", "--version-note", "Beta."]) == DONE
    assert given == {"spec": "new.yaml", "vendor": False, "note": "Beta.", "tests": None}
    assert main(["missing.yaml"]) == NOTHING_DONE
    assert capsys.readouterr().err == "generator update: nothing done: missing.yaml: No such file or directory\n"
