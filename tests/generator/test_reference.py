"""The reference of documents in all styles: each operation has an example that is Python."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

from generator.generate import build
from generator.reference import main, reference
from tests.generator.small import NONE
from tests.generator.styles.kit import merged
from tests.generator.styles.test_styles import CARRIED_OVER

if TYPE_CHECKING:
    from pathlib import Path


def test_documents_in_all_styles_have_a_reference(tmp_path: Path) -> None:
    document, corrections = tmp_path / "openapi.json", tmp_path / "corrections.yaml"
    document.write_text(json.dumps(merged(CARRIED_OVER)), "utf-8")
    corrections.write_text(NONE, "utf-8")
    package, normalised = build(document, "openapi.json", corrections=corrections)

    pages = reference(package, normalised)

    text = "".join(pages.values())
    for endpoint in (endpoint for group in package.groups for endpoint in group.endpoints):
        assert f"ev.{endpoint.name}(" in text
    codes = [part.split("\n```", 1)[0] for part in text.split("```python\n")[1:]]
    assert len(codes) == len(normalised.operations)
    for code in codes:
        compile(code, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_pages_of_groups_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("scooters.md", "models/scooters.md"):
        (tmp_path / name).touch()
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "vehicles.md").exists()
    assert list(tmp_path.rglob("scooters.md")) == []
